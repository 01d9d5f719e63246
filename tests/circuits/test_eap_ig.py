from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from jackfield_circuits import (
    Circuit,
    CircuitError,
    CircuitFileError,
    Edge,
    Evidence,
    Node,
    Shape,
    eap_ig_part,
    from_eap_ig,
    read_eap_ig,
    to_eap_ig,
    write_eap_ig,
)


def edges_of_a_model(layers: int, heads: int, parallel: bool) -> set[str]:
    """The names of the edges that EAP-IG gives a model: what is written so far is read by all that comes next."""
    stream, names = ["input"], set()
    for layer in range(layers):
        attention = [f"a{layer}.h{head}" for head in range(heads)]
        names |= {f"{source}->{head}<{letter}>" for source in stream for head in attention for letter in "qkv"}
        before = stream if parallel else stream + attention
        names |= {f"{source}->m{layer}" for source in before}
        stream = [*stream, *attention, f"m{layer}"]
    return names | {f"{source}->logits" for source in stream}


def document(layers: int = 2, heads: int = 2, parallel: bool = False) -> dict[str, Any]:
    names = sorted(edges_of_a_model(layers, heads, parallel))
    nodes = {end for name in names for end in Edge.parse(name).ends}
    return {
        "cfg": {"n_layers": layers, "n_heads": heads, "parallel_attn_mlp": parallel, "d_model": 8, "d_vocab": 3},
        "nodes": {node: {"in_graph": True, "score": math.nan, "neurons": [True]} for node in sorted(nodes)},
        "edges": {name: {"score": index / 4 - 3, "in_graph": index % 3 == 0} for index, name in enumerate(names)},
    }


@pytest.mark.parametrize("parallel", [False, True])
def test_a_whole_graph_is_read_with_all_its_scores(parallel: bool) -> None:
    graph = document(parallel=parallel)
    circuit = from_eap_ig(json.dumps(graph), prompts=64, metric="logit difference", unit="logits")
    assert {edge.name: edge.evidence[0].score for edge in circuit.edges} == {
        name: found["score"] for name, found in graph["edges"].items()
    }
    assert {edge.name: "in the graph" in edge.evidence[0].method for edge in circuit.edges} == {
        name: found["in_graph"] for name, found in graph["edges"].items()
    }
    assert len(circuit.edges) == Shape(2, 2, parallel).edges
    assert {claim.n for edge in circuit.edges for claim in edge.evidence} == {64}
    assert not circuit.findings().edges
    (run,) = circuit.runs.values()
    assert run["cfg"]["n_layers"] == 2


@pytest.mark.parametrize("parallel", [False, True])
def test_exactly_the_edges_of_the_model_are_taken(parallel: bool) -> None:
    ids = ["input", "a0.h0", "a0.h1", "m0", "a1.h0", "a1.h1", "m1", "logits"]
    real = edges_of_a_model(2, 2, parallel)
    for source in ids:
        for target in ids:
            for receiver in ("", "<q>", "<k>", "<v>"):
                name = f"{source}->{target}{receiver}"
                circuit = Circuit(edges=[Edge.parse(name)])
                if name in real:
                    assert name in json.loads(to_eap_ig(circuit, Shape(2, 2, parallel)))["edges"]
                else:
                    with pytest.raises(CircuitError, match=r"no edge|no word"):
                        to_eap_ig(circuit, Shape(2, 2, parallel))


def test_what_is_written_says_score_and_finding(circuit: Circuit, tmp_path: Path) -> None:
    path = tmp_path / "ioi.eap.json"
    write_eap_ig(circuit, path, Shape(4, 3), d_model=16)
    graph = json.loads(path.read_text(encoding="utf-8"))
    assert graph["cfg"] == {"n_layers": 4, "n_heads": 3, "parallel_attn_mlp": False, "d_model": 16}
    assert graph["edges"] == {
        "a0.h1->a3.h2<q>": {"score": 1.2, "in_graph": True},
        "a0.h1->a3.h2<k>": {"score": -2.5, "in_graph": False},
        "m2->a3.h2<v>": {"score": 0.0, "in_graph": False},
    }
    assert {name for name, found in graph["nodes"].items() if found["in_graph"]} == {"a0.h1", "a3.h2", "logits"}
    assert {name: found["score"] for name, found in graph["nodes"].items() if "score" in found} == {
        "a0.h1": 1.2,
        "m2": -2.5,
    }
    back = read_eap_ig(path, prompts=8, metric="m")
    assert {node.id: [claim.score for claim in node.evidence] for node in back.nodes if node.evidence} == {
        "a0.h1": [1.2],
        "m2": [-2.5],
    }
    assert [edge.name for edge in back.edges] == [edge.name for edge in circuit.edges]
    assert [edge.evidence[0].score for edge in back.edges] == [1.2, -2.5, 0.0]


def test_the_smallest_shape_is_taken_where_none_is_given(circuit: Circuit) -> None:
    assert json.loads(to_eap_ig(circuit))["cfg"]["n_layers"] == 4
    with pytest.raises(CircuitError, match=r"has no node 'm7'"):
        to_eap_ig(Circuit([Node(id="m7")]), Shape(3, 3))
    with pytest.raises(CircuitError, match=r"a model of 3 layers and 3 heads has no node 'a3\.h2'"):
        to_eap_ig(circuit, Shape(3, 3))


def test_an_infinite_score_gives_way_to_a_finite_one(finding: dict[str, Any]) -> None:
    claims = [Evidence(**finding | {"score": score}) for score in (math.inf, 0.5)]
    circuit = Circuit(edges=[Edge.parse("m0->m1", claims), Edge.parse("m0->logits", claims[:1])], runs={"5f2c": {}})
    assert [found["score"] for found in json.loads(to_eap_ig(circuit))["edges"].values()] == [0.0, 0.5]


def test_what_eap_ig_has_no_word_for_is_refused_until_it_is_left_out(circuit: Circuit) -> None:
    strange = circuit | Circuit([Node(id="resid_pre.1")], [Edge.parse("m0->a1.h1"), Edge.parse("m1->m2<in>")])
    with pytest.raises(CircuitError, match=r"no word for 3 nodes and edges of the circuit, such as"):
        to_eap_ig(strange)
    part = eap_ig_part(strange)
    assert part.edges == circuit.edges
    assert "resid_pre.1" not in part
    to_eap_ig(part)


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        (["cfg"], None, "cfg"),
        (["cfg", "n_layers"], 0, "n_layers"),
        (["cfg", "n_layers"], True, "n_layers"),
        (["cfg", "n_heads"], 1, "has no node 'a[01].h1'"),
        (["cfg", "parallel_attn_mlp"], True, "has no edge 'a[01].h[01]->m[01]'"),
        (["edges", "input->m9"], {"score": 1.0, "in_graph": True}, "has no node 'm9'"),
        (["edges", "m1->m0"], {"score": 1.0, "in_graph": True}, "has no edge 'm1->m0'"),
        (["edges", "m0"], {"score": 1.0, "in_graph": True}, "names no edge"),
        (["edges", "input->m0"], {"score": math.nan, "in_graph": True}, "NaN is not a measurement"),
        (["edges", "input->m0"], {"score": "1", "in_graph": True}, "score"),
        (["edges", "input->m0"], {"score": 1.0, "in_graph": 1}, "in_graph"),
        (["nodes", "neuron"], {}, "has no node 'neuron'"),
        (["nodes"], [], "nodes"),
    ],
    ids=str,
)
def test_what_is_no_graph_of_eap_ig_is_refused(path: list[str], value: Any, reason: str) -> None:
    graph = document()
    *steps, last = path
    place = graph
    for step in steps:
        place = place[step]
    place[last] = value
    with pytest.raises(CircuitFileError, match=reason):
        from_eap_ig(json.dumps(graph), prompts=1, metric="m")


@pytest.mark.parametrize("text", ["", "[]", "null", "{}", '{"cfg": {}, "cfg": {}}', "[" * 100_000])
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(CircuitFileError):
        from_eap_ig(text, prompts=1, metric="m")


def test_it_has_to_be_told_on_how_many_prompts() -> None:
    with pytest.raises(CircuitFileError, match="n: "):
        from_eap_ig(json.dumps(document()), prompts=0, metric="m")
