from __future__ import annotations

from typing import Any

import networkx as nx
import pytest
from hypothesis import given, settings

from jackfield_circuits import Circuit, CircuitError, Edge, Evidence, Node

STEADY = settings(deadline=None, derandomize=True, max_examples=40)


def test_the_ends_of_an_edge_become_nodes(circuit: Circuit) -> None:
    assert [node.id for node in circuit.nodes] == ["a0.h1", "m2", "a3.h2"]
    assert circuit.node("a3.h2") == Node(id="a3.h2")
    assert len(circuit) == 3


def test_parallel_edges_are_told_apart_by_their_receiver(circuit: Circuit) -> None:
    assert [edge.name for edge in circuit.edges] == ["a0.h1->a3.h2<q>", "a0.h1->a3.h2<k>", "m2->a3.h2<v>"]
    assert circuit.edge("a0.h1->a3.h2<q>").plugins == ("activation_patching",)
    assert circuit.edge("a0.h1->a3.h2<k>").plugins == ("acdc",)


def test_evidence_is_looked_up_by_id_or_name(circuit: Circuit) -> None:
    assert circuit.evidence("m2") == circuit.node("m2").evidence != ()
    assert circuit.evidence("a0.h1->a3.h2<q>") == circuit.edge("a0.h1->a3.h2<q>").evidence != ()
    assert circuit.plugins == ("acdc", "activation_patching")


@pytest.mark.parametrize(
    ("name", "known"), [("m2", True), ("a0.h1->a3.h2<q>", True), ("a0.h1->a3.h2", False), (2, False)]
)
def test_a_circuit_knows_what_it_contains(circuit: Circuit, name: object, known: bool) -> None:
    assert (name in circuit) == known


def test_an_unknown_name_is_refused_with_those_close_to_it(circuit: Circuit) -> None:
    with pytest.raises(CircuitError, match=r"no node 'a0\.h2'; it has .*'a0\.h1'"):
        circuit.node("a0.h2")
    with pytest.raises(CircuitError, match=r"no edge 'a0\.h1->a3\.h2'; it has 'a0\.h1->a3\.h2<"):
        circuit.evidence("a0.h1->a3.h2")
    with pytest.raises(CircuitError, match=r"the circuit has no node 'm2'$"):
        Circuit().node("m2")


def test_a_claim_from_an_unknown_run_is_refused(finding: dict[str, Any]) -> None:
    claim = Evidence(**finding)
    for parts in ({"nodes": [Node(id="m0", evidence=[claim])]}, {"edges": [Edge.parse("m0->m1", [claim])]}):
        with pytest.raises(
            CircuitError, match=r"activation_patching claims .* m0.* run '5f2c', .* knows the runs 'other'$"
        ):
            Circuit(**parts, runs={"other": {}})


@pytest.mark.parametrize("parts", [{"nodes": ["m0"]}, {"edges": ["m0->m1"]}, {"nodes": [Edge.parse("m0->m1")]}])
def test_what_is_neither_node_nor_edge_is_refused(parts: dict[str, Any]) -> None:
    with pytest.raises(CircuitError, match=r"a (Node|Edge) is needed, found"):
        Circuit(**parts)


def test_claims_about_a_node_given_twice_are_pooled(finding: dict[str, Any]) -> None:
    one, other = Evidence(**finding), Evidence(**finding | {"score": -1.0})
    circuit = Circuit([Node(id="m0", evidence=[one]), Node(id="m0", evidence=[other, one])], runs={"5f2c": {}})
    assert circuit.evidence("m0") == (other, one)


def test_order_does_not_matter_and_content_does(circuit: Circuit) -> None:
    same = Circuit(circuit.nodes[::-1], circuit.edges[::-1], dict(reversed(list(circuit.runs.items()))))
    assert same == circuit
    assert hash(same) == hash(circuit)
    assert circuit != Circuit(circuit.nodes, circuit.edges, {**circuit.runs, "more": {}})
    assert circuit != Circuit(circuit.nodes, circuit.edges[1:], circuit.runs)
    assert circuit != "circuit"


def test_findings_keep_whole_claims_and_the_ends_of_edges(circuit: Circuit) -> None:
    found = circuit.findings()
    assert [edge.name for edge in found.edges] == ["a0.h1->a3.h2<q>"]
    assert [node.id for node in found.nodes] == ["a0.h1", "a3.h2"]
    assert found.evidence("a0.h1") == circuit.evidence("a0.h1")
    assert found.runs == circuit.runs
    assert circuit.findings(alpha=0.001) == Circuit(runs=circuit.runs)


def test_a_filtered_circuit_keeps_the_accepted_nodes_and_edges(circuit: Circuit) -> None:
    assert circuit.filter(lambda element: True) == circuit
    assert circuit.filter(lambda element: False) == Circuit(runs=circuit.runs)
    by_acdc = circuit.filter(lambda element: "acdc" in element.plugins)
    assert [edge.name for edge in by_acdc.edges] == ["a0.h1->a3.h2<k>"]
    assert [node.id for node in by_acdc.nodes] == ["a0.h1", "m2", "a3.h2"]
    assert [node.id for node in circuit.filter(lambda element: str(element) == "m2").nodes] == ["m2"]


@STEADY
@given(...)
def test_findings_are_part_of_the_circuit_and_found_again(circuit: Circuit) -> None:
    found = circuit.findings()
    assert found | circuit == circuit
    assert found.findings() == found
    assert {edge for edge in circuit.edges if edge.is_finding()} == set(found.edges)


def test_a_circuit_says_how_large_it_is(circuit: Circuit) -> None:
    assert repr(circuit) == "Circuit(3 nodes, 3 edges, claims by acdc, activation_patching)"
    assert repr(Circuit()) == "Circuit(0 nodes, 0 edges)"


def test_an_empty_circuit_is_empty() -> None:
    assert not Circuit()
    assert Circuit().nodes == Circuit().edges == Circuit().plugins == ()


def test_the_networkx_graph_can_be_changed_without_changing_the_circuit(circuit: Circuit) -> None:
    graph = circuit.to_networkx()
    assert isinstance(graph, nx.MultiDiGraph)
    graph.remove_node("m2")
    graph.nodes["a0.h1"]["score"] = 99.0
    assert "m2" in circuit
    assert circuit.to_networkx().nodes["a0.h1"]["score"] == 1.2
