"""The page for programs that read the file says what the file holds."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from jackfield_circuits import Circuit, Evidence, Node
from jackfield_circuits.attributes import edge_attributes, graph_attributes, node_attributes
from jackfield_circuits.schema import SCHEMA

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "graphml.md").read_text(encoding="utf-8")
GRAPHML_TYPES = {str: "string", bool: "boolean", int: "long", float: "double"}


def table(heading: str) -> dict[str, str]:
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return dict(re.findall(r"^\| `(\w+)` \| (\w+) \|", section, re.MULTILINE))


def types(attributes: dict[str, Any]) -> dict[str, str]:
    return {name: GRAPHML_TYPES[type(value)] for name, value in attributes.items() if "." not in name}


def test_the_page_is_about_this_schema() -> None:
    assert f"It describes schema {SCHEMA}." in PAGE


def test_the_page_lists_the_attributes_of_the_graph(circuit: Circuit) -> None:
    assert table("Attributes of the graph") == types(graph_attributes(circuit.runs))


@pytest.mark.parametrize("noun", ["node", "edge"])
def test_the_page_lists_the_attributes_of_nodes_and_edges(circuit: Circuit, finding: dict[str, Any], noun: str) -> None:
    claim = [Evidence(**finding | {"position": "END"})]
    if noun == "node":
        attributes = node_attributes(Node(id="a0.h1", evidence=claim))
    else:
        attributes = edge_attributes(circuit.edge("m2->a3.h2<v>").claiming(claim))
    assert table(f"Attributes of {noun}s") | table("Attributes of nodes and edges") == types(attributes)
    of_plugin = {name.partition(".")[2] for name in attributes if name.startswith("activation_patching.")}
    assert of_plugin == set(re.findall(r"`acdc\.(\w+)`", PAGE))


def test_the_page_lists_the_members_of_a_claim() -> None:
    assert list(table("The evidence")) == list(Evidence.model_fields)
