from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from jackfield_circuits import CircuitFileError, from_attribution_graph, read_attribution_graph


@pytest.fixture
def graph() -> dict[str, Any]:
    """Two tokens, one feature at both, an error, and two outputs."""

    def node(node_id: str, kind: str, **more: Any) -> dict[str, Any]:
        return {
            "node_id": node_id,
            "feature_type": kind,
            "feature": 1,
            "layer": "0",
            "ctx_idx": 0,
            "jsNodeId": "x",
            **more,
        }

    return {
        "metadata": {"slug": "s", "scan": "gemma", "prompt": "a b", "prompt_tokens": ["a", "b"], "schema_version": 1},
        "qParams": {"pinnedIds": [], "supernodes": []},
        "nodes": [
            node("E_17_0", "embedding", influence=0.5),
            node("E_18_1", "embedding"),
            node("3_912_0", "cross layer transcoder", influence=0.75, activation=2.5, clerp="names"),
            node("3_912_1", "cross layer transcoder", influence=0.25),
            node("3_-1_1", "mlp reconstruction error"),
            node("13_40_1", "logit", clerp="out", token_prob=0.9),
            node("13_41_1", "logit"),
        ],
        "links": [
            {"source": "E_17_0", "target": "3_912_0", "weight": 1.5},
            {"source": "E_18_1", "target": "3_912_1", "weight": -0.5},
            {"source": "3_912_1", "target": "13_40_1", "weight": 2.0},
            {"source": "3_912_1", "target": "13_41_1", "weight": 1.0},
            {"source": "3_-1_1", "target": "13_40_1", "weight": 0.25},
        ],
    }


def test_every_weight_is_a_claim_with_its_tokens(graph: dict[str, Any]) -> None:
    circuit = from_attribution_graph(json.dumps(graph))
    assert [node.id for node in circuit.nodes] == ["input", "sae:m3.f912", "error:m3", "logits"]
    assert circuit.node("sae:m3.f912").layer == 3
    found = {
        edge.name: {(claim.position, claim.metric): claim.score for claim in edge.evidence} for edge in circuit.edges
    }
    assert found == {
        "input->sae:m3.f912": {("0->0", "direct effect"): 1.5, ("1->1", "direct effect"): -0.5},
        "sae:m3.f912->logits": {
            ("1->1", "direct effect on the logit of token 40"): 2.0,
            ("1->1", "direct effect on the logit of token 41"): 1.0,
        },
        "error:m3->logits": {("1->1", "direct effect on the logit of token 40"): 0.25},
    }
    assert {(claim.position, claim.metric, claim.score) for claim in circuit.evidence("sae:m3.f912")} == {
        ("0", "influence", 0.75), ("1", "influence", 0.25), ("0", "activation", 2.5),
    }  # fmt: skip
    (run,) = circuit.runs.values()
    assert run["prompt_tokens"] == ["a", "b"]
    assert not circuit.findings().nodes


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        (["metadata"], None, "metadata"),
        (["nodes", 0, "node_id"], "E_17", "is spelled LAYER_INDEX_POSITION"),
        (["nodes", 0, "node_id"], "E_18_1", "the node 'E_18_1' is given twice"),
        (["nodes", 0, "node_id"], "E_19_0", "a link joins 'E_17_0', which is no node"),
        (["nodes", 0, "influence"], "1", "influence"),
        (["links", 0], {"source": "E_18_1", "target": "3_912_1", "weight": 1.0}, "is given twice"),
        (["links", 0, "weight"], None, "weight"),
        (["links", 0, "weight"], True, "weight"),
        (["links"], {}, "links"),
    ],
    ids=str,
)
def test_what_is_no_attribution_graph_is_refused(
    graph: dict[str, Any], path: list[Any], value: Any, reason: str
) -> None:
    *steps, last = path
    place: Any = graph
    for step in steps:
        place = place[step]
    place[last] = value
    with pytest.raises(CircuitFileError, match=reason):
        from_attribution_graph(json.dumps(graph))


def test_an_unreadable_file_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "graph.json"
    path.write_text("[]", encoding="utf-8")
    with pytest.raises(CircuitFileError, match=r"graph\.json: this is no attribution graph: it is an object"):
        read_attribution_graph(path)
