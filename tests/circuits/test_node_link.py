from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jackfield_circuits import Circuit, CircuitFileError, Edge, Evidence, from_json, read_json, to_json, write_json

STEADY = settings(deadline=None, derandomize=True, max_examples=40)


@STEADY
@given(...)
def test_a_circuit_comes_back_from_json(circuit: Circuit) -> None:
    assert from_json(to_json(circuit)) == circuit


@STEADY
@given(...)
def test_equal_circuits_give_equal_strict_json(circuit: Circuit) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    text = to_json(circuit)
    json.loads(text, parse_constant=refuse)
    again = Circuit(circuit.nodes[::-1], circuit.edges[::-1], dict(reversed(list(circuit.runs.items()))))
    assert to_json(again) == text == to_json(from_json(text))


def test_an_infinite_score_is_a_text(finding: dict[str, Any]) -> None:
    claim = Evidence(**finding | {"score": float("inf"), "low": float("-inf")})
    circuit = Circuit(edges=[Edge.parse("m0->m1", [claim])], runs={"5f2c": {}})
    record = json.loads(to_json(circuit))["edges"][0]["evidence"][0]
    assert (record["score"], record["low"]) == ("inf", "-inf")
    assert from_json(to_json(circuit)) == circuit


def test_networkx_reads_the_same_nodes_and_edges(circuit: Circuit) -> None:
    graph = nx.node_link_graph(json.loads(to_json(circuit)), edges="edges")
    assert isinstance(graph, nx.MultiDiGraph)
    assert list(graph.nodes) == [node.id for node in circuit.nodes]
    found = {(source, target, receiver) for source, target, receiver in graph.edges(data="receiver")}
    assert found == {(edge.source, edge.target, edge.receiver) for edge in circuit.edges}


def test_a_file_comes_back(circuit: Circuit, tmp_path: Path) -> None:
    path = tmp_path / "circuit.json"
    write_json(circuit, path)
    assert read_json(path) == read_json(str(path)) == circuit
    assert path.read_bytes() == to_json(circuit).encode("utf-8")
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert read_json(path) == circuit


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        (["graph", "jackfield_schema"], 2, "has schema 2, .*upgrade jackfield"),
        (["graph", "jackfield_schema"], None, "no attribute jackfield_schema"),
        (["graph", "runs"], {}, "whose provenance is missing"),
        (["graph", "runs"], [], "graph: .*dictionary|runs: Input should be"),
        (["graph", "more"], 1, "more: Extra inputs"),
        (["graph"], None, "is an object with the members"),
        (["directed"], False, "directed: Input should be True"),
        (["nodes"], {}, "nodes: Input should be a valid list"),
        (["nodes", 0], "m0", "nodes.0: Input should be a valid dictionary"),
        (["nodes", 0, "id"], "m2", "node m2 is given twice"),
        (["nodes", 0, "id"], None, "id: Input should be a valid string"),
        (["nodes", 0, "colour"], "red", "colour: Extra inputs"),
        (["nodes", 0, "evidence"], None, "the evidence of node a0.h1 is a list of objects, found None"),
        (["nodes", 0, "evidence", 0, "score"], "nan", "node a0.h1: Evidence is not valid: score: a number is needed"),
        (["nodes", 0, "evidence", 0, "n"], 0, "node a0.h1: Evidence is not valid: n: "),
        (["edges", 0, "receiver"], "k", "edge a0.h1->a3.h2<k> is given twice"),
        (["edges", 0, "source"], "a->b", "holds no ->"),
    ],
    ids=str,
)
def test_a_document_that_is_no_circuit_is_refused(circuit: Circuit, path: list[Any], value: Any, reason: str) -> None:
    document = json.loads(to_json(circuit))
    *steps, last = path
    place = document
    for step in steps:
        place = place[step]
    place[last] = value
    with pytest.raises(CircuitFileError, match=reason):
        from_json(json.dumps(document))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not JSON"),
        ("null", "is an object with the members"),
        ("[]", "is an object with the members"),
        ('{"graph": {"jackfield_schema": 1}}', "runs: Field required"),
        ('{"graph": {}, "graph": {}}', "gives the key 'graph' twice"),
        ("[" * 100_000, "nested too deeply"),
        ('{"graph": NaN}', "NaN is not JSON"),
    ],
    ids=range(7),
)
def test_text_that_is_no_circuit_is_refused(text: str, reason: str) -> None:
    with pytest.raises(CircuitFileError, match=reason):
        from_json(text)


@settings(STEADY, max_examples=25)
@given(st.floats(0, 1, exclude_max=True))
def test_a_truncated_document_is_refused(share: float) -> None:
    text = to_json(Circuit(runs={"5f2c": {"seed": 0}})).rstrip()
    with pytest.raises(CircuitFileError, match="not JSON"):
        from_json(text[: int(share * len(text))])


def test_an_unreadable_file_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "circuit.json"
    path.write_bytes(b'{"graph": "\xff"}')
    with pytest.raises(CircuitFileError, match=r"circuit\.json: the file is not UTF-8 text: byte 11 is 0xff"):
        read_json(path)
