"""The formats that are written to be drawn or tabled: whatever reads them finds what the circuit says."""

from __future__ import annotations

import csv
import io
import math
import re
from html import unescape as unmarked
from pathlib import Path
from typing import Any

import networkx as nx
import pandas as pd
import pytest
from hypothesis import given, settings

from jackfield_circuits import Circuit, Edge, Evidence, Node, to_csv, to_dot, to_gexf, write_csv
from jackfield_circuits.drawable import drawable
from jackfield_circuits.escape import unescape

STEADY = settings(deadline=None, derandomize=True, max_examples=30)
HOSTILE = '"]; evil [label="<b>&amp;\\N\\"\n\r\x00</b>\''


def hostile(finding: dict[str, Any]) -> Circuit:
    claim = Evidence(**finding | {"method": HOSTILE, "unit": "=1+1", "position": "@SUM(A1)", "run": "+run"})
    edge = Edge(
        source=HOSTILE, target="=cmd|' /C calc'!A0", receiver=HOSTILE.translate({60: None, 62: None}), evidence=[claim]
    )
    return Circuit(edges=[edge], runs={"+run": {}})


def parse_dot(text: str) -> tuple[dict[str, dict[str, str]], list[tuple[str, str, dict[str, str]]]]:
    """The nodes and the edges of a Graphviz text, by the rules of its quoted strings."""
    quoted = r'"((?:[^"\\]|\\.)*)"'

    def attributes(listed: str) -> dict[str, str]:
        return {
            key: unmarked(value or bare) for key, value, bare in re.findall(rf"(\w+)=(?:{quoted}|([\w.]+))", listed)
        }

    listed = rf"\[((?:[^\]\"]|{quoted})*)\];"
    edges = re.findall(rf"^  {quoted} -> {quoted} {listed}$", text, re.MULTILINE)
    nodes = re.findall(
        rf"(?:; | ){quoted} {listed}", "\n".join(line for line in text.split("\n") if "rank=same" in line)
    )
    return (
        {unmarked(name): attributes(found) for name, found, *_ in nodes},
        [(unmarked(source), unmarked(target), attributes(found)) for source, target, found, *_ in edges],
    )


@STEADY
@given(...)
def test_networkx_reads_from_gexf_what_the_circuit_shows(circuit: Circuit) -> None:
    found, shown = nx.read_gexf(io.BytesIO(to_gexf(circuit).encode())), drawable(circuit)
    assert {node: data.get("score") for node, data in found.nodes(data=True)} == dict(shown.nodes(data="score"))
    assert {node: data["label"] for node, data in found.nodes(data=True)} == {name: name for name in shown}

    def edges(graph: nx.Graph) -> set[tuple[str, str, str, float | None, float]]:
        return {(a, b, data["name"], data.get("score"), data.get("weight")) for a, b, data in graph.edges(data=True)}

    assert edges(found) == edges(shown)


def test_equal_circuits_give_equal_gexf_on_every_day(circuit: Circuit) -> None:
    again = Circuit(circuit.nodes[::-1], circuit.edges[::-1], circuit.runs)
    assert to_gexf(again) == to_gexf(circuit)
    assert "lastmodified" not in to_gexf(circuit)


def test_the_weight_is_the_size_of_the_strongest_score(circuit: Circuit) -> None:
    weights = {name: data.get("weight") for *_, name, data in drawable(circuit).edges(keys=True, data=True)}
    assert weights == {"a0.h1->a3.h2<q>": 1.2, "a0.h1->a3.h2<k>": 2.5, "m2->a3.h2<v>": None}


def test_an_infinite_score_has_no_weight(finding: dict[str, Any]) -> None:
    circuit = Circuit(edges=[Edge.parse("m0->m1", [Evidence(**finding | {"score": -math.inf})])], runs={"5f2c": {}})
    (attributes,) = (data for *_, data in drawable(circuit).edges(data=True))
    assert attributes["score"] == -math.inf
    assert "weight" not in attributes
    assert 'value="-INF"' in to_gexf(circuit)
    assert "penwidth=0.5" in to_dot(circuit)


@STEADY
@given(...)
def test_graphviz_finds_every_node_and_edge(circuit: Circuit) -> None:
    nodes, edges = parse_dot(to_dot(circuit))
    assert {unescape(name) for name in nodes} == {node.id for node in circuit.nodes}
    assert [tuple(map(unescape, edge[:2])) for edge in edges] == [edge.ends for edge in circuit.edges]


def test_graphviz_is_told_sign_strength_and_layer(circuit: Circuit) -> None:
    nodes, edges = parse_dot(to_dot(circuit))
    looks = {(source, found.get("headlabel")): found for source, _, found in edges}
    assert looks["a0.h1", "q"]["style"] == "solid"
    assert looks["a0.h1", "k"]["style"] == "dashed"
    assert looks["a0.h1", "q"]["color"] != looks["a0.h1", "k"]["color"]
    assert float(looks["a0.h1", "k"]["penwidth"]) == 5 > float(looks["a0.h1", "q"]["penwidth"]) > 0.5
    assert "logit difference 1.2 [0.9, 1.5] logits" in looks["a0.h1", "q"]["tooltip"]
    assert list(nodes) == ["a0.h1", "m2", "a3.h2"]


def test_hostile_names_stay_names(finding: dict[str, Any]) -> None:
    circuit = hostile(finding)
    nodes, edges = parse_dot(to_dot(circuit))
    assert {unescape(name) for name in nodes} == {node.id for node in circuit.nodes}
    assert len(edges) == 1
    assert "\\" not in to_dot(circuit)
    assert to_dot(circuit).count("\n") == 6
    assert len(nx.read_gexf(io.BytesIO(to_gexf(circuit).encode())).edges) == 1
    for table in map(io.StringIO, to_csv(circuit)):
        for row in csv.DictReader(table):
            for value in row.values():
                assert re.fullmatch(r"-?[0-9.e-]+", value) or not value.startswith(("=", "+", "-", "@", "\t", "\r"))


@STEADY
@given(...)
def test_the_tables_have_a_row_for_each_claim(circuit: Circuit) -> None:
    for table, elements in zip(to_csv(circuit), (circuit.nodes, circuit.edges), strict=True):
        rows = list(csv.DictReader(io.StringIO(table)))
        claims = [claim for element in elements for claim in element.evidence or (None,)]
        assert [float(row["score"]) if row["score"] else None for row in rows] == [
            claim.score if claim else None for claim in claims
        ]
        assert [row["finding"] for row in rows] == [str(bool(claim and claim.is_finding())) for claim in claims]


def test_pandas_reads_both_tables(circuit: Circuit, tmp_path: Path) -> None:
    write_csv(circuit, tmp_path / "ioi.csv")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ioi.edges.csv", "ioi.nodes.csv"]
    edges = pd.read_csv(tmp_path / "ioi.edges.csv")
    assert edges["score"].dropna().tolist() == [1.2, -2.5]
    assert edges["name"].tolist() == [edge.name for edge in circuit.edges]
    assert pd.read_csv(tmp_path / "ioi.nodes.csv")["id"].tolist() == ["a0.h1", "a0.h1", "m2", "a3.h2"]


def test_two_tables_are_written_or_none(circuit: Circuit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_csv(circuit, tmp_path / "ioi.csv")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    written = Path.write_bytes

    def fail(path: Path, content: bytes) -> int:
        if "nodes" in path.name:
            raise OSError("the disk is full")
        return written(path, content)

    monkeypatch.setattr(Path, "write_bytes", fail)
    with pytest.raises(OSError, match="the disk is full"):
        write_csv(Circuit([Node(id="m0")]), tmp_path / "ioi.csv")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
