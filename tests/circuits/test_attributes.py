from __future__ import annotations

import json
from typing import Any

import networkx as nx
import pytest
from hypothesis import given, settings

from jackfield_circuits import Circuit, CircuitError, Edge, Evidence, Node

STEADY = settings(deadline=None, derandomize=True, max_examples=40)


@STEADY
@given(...)
def test_a_circuit_comes_back_from_networkx(circuit: Circuit) -> None:
    assert Circuit.from_networkx(circuit.to_networkx()) == circuit


@STEADY
@given(...)
def test_an_attribute_has_one_type_and_graphml_knows_it(circuit: Circuit) -> None:
    graph = circuit.to_networkx()
    for scope in (dict(graph.nodes(data=True)).values(), [found for *_, found in graph.edges(data=True)]):
        types: dict[str, set[type]] = {}
        for found in scope:
            for name, value in found.items():
                types.setdefault(name, set()).add(type(value))
        assert all(len(kinds) == 1 and kinds <= {str, bool, int, float} for kinds in types.values())


def test_a_node_shows_its_strongest_claim_and_that_of_each_plugin(circuit: Circuit) -> None:
    shown = circuit.to_networkx().nodes["a0.h1"]
    evidence = json.loads(shown.pop("evidence"))
    assert [claim["plugin"] for claim in evidence] == ["acdc", "activation_patching"]
    assert shown == {
        "kind": "head", "layer": 0, "head": 1, "plugins": "acdc,activation_patching", "finding": True,
        "plugin": "activation_patching", "method": "denoising, resample", "metric": "logit difference",
        "unit": "logits", "score": 1.2, "low": 0.9, "high": 1.5, "control": 0.0, "q_value": 0.003,
        "activation_patching.finding": True, "activation_patching.method": "denoising, resample",
        "activation_patching.metric": "logit difference", "activation_patching.unit": "logits",
        "activation_patching.score": 1.2, "activation_patching.low": 0.9, "activation_patching.high": 1.5,
        "activation_patching.control": 0.0, "activation_patching.q_value": 0.003,
        "acdc.finding": False, "acdc.method": "edge removal", "acdc.metric": "divergence", "acdc.unit": "nats",
        "acdc.score": -2.5, "acdc.position": "END",
    }  # fmt: skip


def test_an_edge_shows_its_name_and_receiver(circuit: Circuit) -> None:
    shown = circuit.to_networkx().edges["m2", "a3.h2", "m2->a3.h2<v>"]
    assert shown == {"name": "m2->a3.h2<v>", "receiver": "v", "plugins": "", "finding": False, "evidence": "[]"}


def test_the_graph_shows_its_schema_and_runs(circuit: Circuit) -> None:
    shown = circuit.to_networkx().graph
    assert shown["jackfield_schema"] == 1
    assert json.loads(shown["runs"]) == dict(circuit.runs)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("score", 9.0),
        ("score", "1.2"),
        ("score", float("nan")),
        ("finding", False),
        ("finding", 1),
        ("layer", 1),
        ("layer", 0.0),
        ("kind", "mlp"),
        ("plugins", "acdc"),
        ("position", "END"),
        ("activation_patching.q_value", 0.5),
        ("acdc.q_value", 0.001),
        ("stranger.score", 1.0),
    ],
)
def test_a_node_that_says_what_its_evidence_does_not_is_refused(circuit: Circuit, name: str, value: Any) -> None:
    graph = circuit.to_networkx()
    graph.nodes["a0.h1"][name] = value
    with pytest.raises(CircuitError, match=rf"^node a0\.h1: {name} is {value!r}, but its evidence gives"):
        Circuit.from_networkx(graph)


@pytest.mark.parametrize(
    ("name", "value"), [("score", 9.0), ("name", "m0->m1"), ("acdc.finding", True), ("receiver", "v")]
)
def test_an_edge_that_says_what_its_evidence_does_not_is_refused(circuit: Circuit, name: str, value: Any) -> None:
    graph = circuit.to_networkx()
    graph.edges["a0.h1", "a3.h2", "a0.h1->a3.h2<k>"][name] = value
    with pytest.raises(
        CircuitError, match=r"^edge a0\.h1->a3\.h2<.>: (score|name|acdc\.finding) is .*, but its evidence"
    ):
        Circuit.from_networkx(graph)


def test_flat_attributes_may_be_missing_and_foreign_ones_present(circuit: Circuit) -> None:
    graph = circuit.to_networkx()
    for found in graph.nodes.values():
        kept = {"evidence": found["evidence"], "x": 1.5, "label": "a node", "viz.colour": "red"}
        found.clear()
        found.update(kept)
    assert Circuit.from_networkx(graph) == circuit


def test_a_graph_without_claims_needs_only_the_schema() -> None:
    graph = nx.MultiDiGraph(jackfield_schema=1)
    graph.add_edge("m0", "logits")
    assert Circuit.from_networkx(graph) == Circuit(edges=[Edge.parse("m0->logits")])


def test_evidence_that_was_changed_shows_in_the_attributes(circuit: Circuit) -> None:
    graph = circuit.to_networkx()
    graph.nodes["a0.h1"]["evidence"] = graph.nodes["a0.h1"]["evidence"].replace("1.2", "12.0")
    with pytest.raises(CircuitError, match=r"node a0\.h1: .*score is 1\.2, but its evidence gives 12\.0"):
        Circuit.from_networkx(graph)


@pytest.mark.parametrize(
    ("evidence", "reason"),
    [
        ("[", "the evidence of node a0.h1 cannot be read"),
        ("{}", "the evidence of node a0.h1 is a list of objects, found {}"),
        ("[1]", r"is a list of objects, found \[1\]"),
        ('[{"plugin": "a"}]', "^node a0.h1: Evidence is not valid: method: Field required"),
        ('[{"plugin": "a", "plugin": "b"}]', "gives the key 'plugin' twice"),
        ('[{"score": NaN}]', "NaN is not JSON"),
        ('[{"score": -Infinity}]', "-Infinity is not JSON"),
        ("[" * 100_000, "nested too deeply"),
        ("[" + "1" * 5000 + "]", "cannot be read"),
        (3, "is a text of JSON, found 3"),
    ],
    ids=range(10),
)
def test_evidence_that_cannot_be_read_is_refused(circuit: Circuit, evidence: object, reason: str) -> None:
    graph = circuit.to_networkx()
    graph.nodes["a0.h1"]["evidence"] = evidence
    with pytest.raises(CircuitError, match=reason):
        Circuit.from_networkx(graph)


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ({"jackfield_schema": None}, "no attribute jackfield_schema"),
        ({"jackfield_schema": 2}, "has schema 2, .* reads schemas up to 1; upgrade jackfield"),
        ({"jackfield_schema": 0}, "a whole number from 1, found 0"),
        ({"jackfield_schema": 1.0}, r"a whole number from 1, found 1\.0"),
        ({"jackfield_schema": True}, "a whole number from 1, found True"),
        ({"jackfield_schema": "1"}, "a whole number from 1, found '1'"),
        ({"runs": "[]"}, "an object of JSON, found list"),
        ({"runs": '{"5f2c": 1}'}, "a run is kept as a mapping"),
        ({"runs": "{}"}, "whose provenance is missing"),
    ],
    ids=str,
)
def test_a_graph_of_another_schema_or_without_its_runs_is_refused(
    circuit: Circuit, attributes: dict[str, Any], reason: str
) -> None:
    graph = circuit.to_networkx()
    graph.graph.update(attributes)
    with pytest.raises(CircuitError, match=reason):
        Circuit.from_networkx(graph)


@pytest.mark.parametrize("kind", [nx.Graph, nx.DiGraph, nx.MultiGraph])
def test_a_graph_that_is_no_directed_multigraph_is_refused(kind: type[nx.Graph]) -> None:
    with pytest.raises(CircuitError, match=f"a directed multigraph, found a {kind.__name__}"):
        Circuit.from_networkx(kind(jackfield_schema=1))


def test_an_edge_given_twice_is_refused() -> None:
    graph = nx.MultiDiGraph([("m0", "m1"), ("m0", "m1")], jackfield_schema=1)
    with pytest.raises(CircuitError, match="the graph has the edge m0->m1 twice"):
        Circuit.from_networkx(graph)


def test_a_node_that_is_no_text_is_refused() -> None:
    graph = nx.MultiDiGraph(jackfield_schema=1)
    graph.add_node(3)
    with pytest.raises(CircuitError, match="id: Input should be a valid string"):
        Circuit.from_networkx(graph)


def test_a_plugin_named_like_an_attribute_is_kept_apart(finding: dict[str, Any]) -> None:
    claims = [Evidence(**finding | {"plugin": name}) for name in ("score", "a", "a.score")]
    circuit = Circuit([Node(id="m0", evidence=claims)], runs={"5f2c": {}})
    shown = circuit.to_networkx().nodes["m0"]
    assert (shown["score"], shown["score.score"], shown["a.score"], shown["a.score.score"]) == (1.2, 1.2, 1.2, 1.2)
    assert Circuit.from_networkx(circuit.to_networkx()) == circuit
