from __future__ import annotations

import io
import math
import tempfile
from pathlib import Path
from typing import Any

import igraph
import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jackfield_circuits import (
    Circuit,
    Edge,
    Evidence,
    Node,
    from_graphml,
    read_graphml,
    to_graphml,
    write_graphml,
)
from jackfield_circuits.attributes import JSON_ATTRIBUTES
from jackfield_circuits.escape import escape, escape_json, unescape

STEADY = settings(deadline=None, derandomize=True, max_examples=40)
AWKWARD = "\x00\t\r\n \x0b\x1f\x7f\x85\u2028\ufffe\uffff\U0001f600\\u0041 ]]> &amp; <b> \"'"


@STEADY
@given(...)
def test_a_circuit_comes_back_from_graphml(circuit: Circuit) -> None:
    assert from_graphml(to_graphml(circuit)) == circuit


@STEADY
@given(...)
def test_equal_circuits_give_equal_text(circuit: Circuit) -> None:
    text = to_graphml(circuit)
    again = Circuit(circuit.nodes[::-1], circuit.edges[::-1], dict(reversed(list(circuit.runs.items()))))
    assert to_graphml(again) == text
    assert to_graphml(from_graphml(text)) == text


@pytest.mark.parametrize("score", [math.inf, -math.inf, 5e-324, 1.7976931348623157e308, 0.1 + 0.2])
def test_an_awkward_circuit_comes_back(finding: dict[str, Any], score: float) -> None:
    claim = Evidence(**finding | {"score": score, "method": AWKWARD, "plugin": AWKWARD, "run": AWKWARD, "n": 10**30})
    edge = Edge(source=AWKWARD, target="\u2192", receiver="\r\n", evidence=[claim])
    circuit = Circuit([Node(id=" "), Node(id="\n")], [edge], {AWKWARD: {AWKWARD: [AWKWARD, {}]}})
    text = to_graphml(circuit)
    assert from_graphml(text) == circuit
    assert from_graphml(text.replace("\n", "\r\n")) == circuit


def test_an_empty_circuit_comes_back() -> None:
    assert from_graphml(to_graphml(Circuit())) == Circuit()


@STEADY
@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_escaped_text_comes_back_and_holds_no_control_character(text: str) -> None:
    assert unescape(escape(text)) == text
    assert not [
        character for character in escape(text) + escape_json(text) if character < " " or "\x7f" <= character < "\xa0"
    ]


def test_plain_text_is_not_escaped() -> None:
    assert escape("a5.h1<q> caf\u00e9 \U0001f600") == "a5.h1<q> caf\u00e9 \U0001f600"


def test_networkx_reads_what_the_circuit_shows(circuit: Circuit) -> None:
    graph = nx.parse_graphml(to_graphml(circuit), edge_key_type=str, force_multigraph=True)
    shown = circuit.to_networkx()
    assert dict(graph.nodes(data=True)) == dict(shown.nodes(data=True))
    assert sorted(map(str, graph.edges(keys=True, data=True))) == sorted(map(str, shown.edges(keys=True, data=True)))


def test_igraph_reads_the_same_nodes_edges_and_scores(circuit: Circuit, tmp_path: Path) -> None:
    path = tmp_path / "circuit.graphml"
    write_graphml(circuit, path)
    graph = igraph.Graph.Read_GraphML(str(path))
    assert graph.is_directed()
    assert graph["jackfield_schema"] == 1
    assert graph.vs["id"] == [node.id for node in circuit.nodes]
    for vertex, node in zip(graph.vs, circuit.nodes, strict=True):
        strongest = node.strongest()
        assert vertex["finding"] is node.is_finding()
        assert vertex["kind"] == node.kind
        assert math.isnan(vertex["score"]) if strongest is None else vertex["score"] == strongest.score
    found = {edge["name"]: (edge["receiver"], edge.source_vertex["id"], edge.target_vertex["id"]) for edge in graph.es}
    assert found == {edge.name: (edge.receiver, edge.source, edge.target) for edge in circuit.edges}
    scores = {edge["name"]: edge["score"] for edge in graph.es if not math.isnan(edge["score"])}
    assert scores == {"a0.h1->a3.h2<q>": 1.2, "a0.h1->a3.h2<k>": -2.5}


@pytest.mark.parametrize("score", [math.inf, -math.inf, 1e-320, -1e300])
def test_igraph_reads_extreme_scores(finding: dict[str, Any], tmp_path: Path, score: float) -> None:
    circuit = Circuit([Node(id="m0", evidence=[Evidence(**finding | {"score": score})])], runs={"5f2c": {}})
    path = tmp_path / "circuit.graphml"
    write_graphml(circuit, path)
    assert igraph.Graph.Read_GraphML(str(path)).vs["score"] == [0.0 if score == 1e-320 else score]
    assert read_graphml(path) == circuit


@settings(STEADY, max_examples=25)
@given(...)
def test_igraph_reads_every_circuit(circuit: Circuit) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "circuit.graphml"
        write_graphml(circuit, path)
        graph = igraph.Graph.Read_GraphML(str(path))
    names = graph.vs["id"] if circuit else []
    assert [unescape(name) for name in names] == [node.id for node in circuit.nodes]
    for vertex, node in zip(graph.vs, circuit.nodes, strict=True):
        if strongest := node.strongest():
            assert vertex["score"] == pytest.approx(strongest.score, abs=1e-300)


def test_a_file_comes_back(circuit: Circuit, tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "circuit.graphml"
    write_graphml(circuit, path)
    assert read_graphml(path) == read_graphml(str(path)) == circuit
    assert path.read_bytes() == to_graphml(circuit).encode("utf-8")
    assert [file.name for file in path.parent.iterdir()] == ["circuit.graphml"]


def written_by_networkx(circuit: Circuit) -> str:
    """The same circuit, as networkx writes it."""

    def escaped(attributes: dict[str, Any]) -> dict[str, Any]:
        return {
            escape(name): (escape_json if name in JSON_ATTRIBUTES else escape)(value)
            if isinstance(value, str)
            else value
            for name, value in attributes.items()
        }

    shown = circuit.to_networkx()
    graph = nx.MultiDiGraph(**escaped(shown.graph))
    graph.add_nodes_from((escape(node), escaped(found)) for node, found in shown.nodes(data=True))
    graph.add_edges_from(
        (escape(source), escape(target), escape(name), escaped(found))
        for source, target, name, found in shown.edges(keys=True, data=True)
    )
    document = io.BytesIO()
    nx.write_graphml_xml(graph, document)
    return document.getvalue().decode("utf-8")


@STEADY
@given(...)
def test_the_text_is_what_networkx_would_write(circuit: Circuit) -> None:
    assert to_graphml(circuit) == written_by_networkx(circuit)


def test_the_text_of_an_awkward_circuit_is_what_networkx_would_write(circuit: Circuit, finding: dict[str, Any]) -> None:
    claim = Evidence(**finding | {"method": AWKWARD, "plugin": AWKWARD, "n": 10**30})
    awkward = Circuit(
        edges=[Edge(source=AWKWARD, target="\u2192", receiver="\r\n", evidence=[claim])], runs=circuit.runs
    )
    for each in (circuit, circuit | awkward, Circuit()):
        assert to_graphml(each) == written_by_networkx(each)


def test_the_text_is_plain_enough_to_read(circuit: Circuit) -> None:
    text = to_graphml(circuit)
    assert text.startswith("<?xml version='1.0' encoding='utf-8'?>\n<graphml xmlns=")
    assert '<node id="a0.h1">' in text
    assert '<edge source="a0.h1" target="a3.h2" id="a0.h1-&gt;a3.h2&lt;q&gt;">' in text
