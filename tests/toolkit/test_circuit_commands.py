"""The verbs of ``jackfield circuit``: tables for people, one document for programs, one message for what is wrong."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from jackfield.cli import app
from jackfield_circuits import Circuit, Edge, Evidence, read_circuit, write_circuit

Asks = Callable[..., Result]


def scored(name: str, score: float, plugins: tuple[str, ...] = ("acdc",)) -> Edge:
    claims = [
        Evidence(
            plugin=plugin, method="m", metric="d", unit="logits", score=score, low=score - 0.1, high=score + 0.1,
            control=0.0, q_value=0.01, n=8, run="5f2c",
        )
        for plugin in plugins
    ]  # fmt: skip
    return Edge.parse(name, claims)


@pytest.fixture
def circuit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Asks:
    """Runs a verb in a folder with two circuits of three edges."""
    monkeypatch.chdir(tmp_path)
    runs = {"5f2c": {"task": "ioi", "seed": 0}}
    first = [scored("input->m0", 2.0, ("acdc", "eap")), scored("m0->logits", -1.0), scored("m0->m1", 0.5)]
    second = [scored("input->m0", 2.0), scored("m0->logits", 1.0), scored("m1->logits", 0.5)]
    write_circuit(Circuit(edges=first, runs=runs), "first.graphml")
    write_circuit(Circuit(edges=second, runs=runs), "second.json")
    return lambda *arguments: CliRunner().invoke(app, ["circuit", *arguments])


def document(done: Result) -> Any:
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_stats_count(circuit: Asks) -> None:
    found = document(circuit("stats", "first.graphml", "--json"))
    assert (found["nodes"], found["edges"], found["edge_findings"]) == (4, 3, 3)
    shown = circuit("stats", "first.graphml").stdout
    assert "3 edges, 3 with a finding" in shown
    assert "run 5f2c: task ioi, seed 0" in shown


def test_view_writes_a_page_beside_the_circuit_or_where_it_is_told(circuit: Asks) -> None:
    assert circuit("view", "first.graphml").stdout == "first.html: 4 nodes and 3 edges, to look at in a browser\n"
    assert "<h1>first</h1>" in Path("first.html").read_text(encoding="utf-8")
    told = document(circuit("view", "second.json", "-o", "pages/b.html", "--title", "Two & <b>", "--json"))
    assert told == {"file": "pages/b.html", "nodes": 4, "edges": 3}
    assert "<h1>Two &amp; &lt;b&gt;</h1>" in Path("pages/b.html").read_text(encoding="utf-8")


def test_view_of_nothing_is_one_message(circuit: Asks) -> None:
    done = circuit("view", "third.json")
    assert done.exit_code == 2
    assert not Path("third.html").exists()


def test_consensus_lists_who_agrees(circuit: Asks) -> None:
    assert [found["name"] for found in document(circuit("consensus", "first.graphml", "--json"))] == ["input->m0"]
    shown = circuit("consensus", "first.graphml", "second.json", "--by", "run", "--least", "1").stdout
    assert "3 of 4 edges" in shown
    assert "0 of 4 nodes" in circuit("consensus", "first.graphml", "--nodes").stdout


def test_compare_says_what_blind_draws_would_share(circuit: Asks) -> None:
    edges = document(circuit("compare", "first.graphml", "second.json", "--shape", "2x1", "--json"))["edges"]
    assert (edges["shared"], edges["jaccard"]) == (2, 0.5)
    assert edges["chance"]["possible"] == 23
    assert "--shape" in circuit("compare", "first.graphml", "second.json").stdout
    assert "0.9 [0, 2]" in circuit("compare", "first.graphml", "second.json", "--possible-edges", "10").stdout


def test_diff_lists_what_changed(circuit: Asks) -> None:
    found = document(circuit("diff", "first.graphml", "second.json", "--json"))
    assert [(each["question"]["name"], each["change"]) for each in found if each["verdict"] == "changed"] == [
        ("m0->logits", 2.0)
    ]
    shown = circuit("diff", "first.graphml", "second.json").stdout
    assert "1 changed" in shown
    assert "2 [1.86, 2.14]" in shown


def test_paths_go_from_the_input_to_the_logits(circuit: Asks) -> None:
    (found,) = document(circuit("paths", "first.graphml", "--plugin", "acdc", "--json"))
    assert found == {"edges": ["input->m0", "m0->logits"], "scores": [2.0, -1.0], "strength": 1.0}
    assert "input->m0, m0->m1" in circuit("paths", "first.graphml", "--to", "m1").stdout


def test_resolve_shows_conflicts_and_abstains(circuit: Asks) -> None:
    write_circuit(read_circuit("first.graphml") | read_circuit("second.json"), "merged.json")
    found = document(circuit("resolve", "merged.json", "--conflicts", "--json"))
    (settled,) = found
    assert (settled["name"], settled["task"], settled["outcome"]) == ("m0->logits", "ioi", "conflicting")
    (conflict,) = settled["resolutions"]
    assert [claim["score"] for side in ("positive", "negative") for claim in conflict[side]] == [1.0, -1.0]
    assert settled["speaker"] is None
    shown = circuit("resolve", "merged.json").stdout
    assert "3 supported, 1 conflict" in shown
    assert "(abstains)" in shown
    assert "1 with findings that contradict" in circuit("stats", "merged.json").stdout


def test_claims_about_several_tasks_are_not_mixed(circuit: Asks) -> None:
    edges = [scored("m0->logits", 1.0), scored("input->m0", 1.0)]
    moved = [
        edge.model_copy(update={"evidence": (edge.evidence[0].model_copy(update={"run": "77aa"}),)}) for edge in edges
    ]
    write_circuit(Circuit(edges=moved, runs={"77aa": {"task": "induction"}}), "other.json")
    circuit("merge", "first.graphml", "other.json", "--out", "both.json")
    assert document(circuit("resolve", "both.json", "--conflicts", "--json")) == []
    for question in (("consensus", "both.json"), ("paths", "both.json", "--metric", "d")):
        refused = circuit(*question)
        assert refused.exit_code == 2
        assert "must not be mixed; name one of induction, ioi" in " ".join(refused.stderr.split())
    assert document(circuit("consensus", "both.json", "--task", "induction", "--json")) == []
    assert [path["scores"] for path in document(circuit("paths", "both.json", "--task", "ioi", "--json"))] == [
        [2.0, -1.0]
    ]
    circuit("merge", "both.json", "--task", "ioi", "--out", "again.json")
    assert read_circuit("again.json") == read_circuit("first.graphml")


def test_an_infinite_score_is_text_in_json(circuit: Asks) -> None:
    write_circuit(Circuit(edges=[scored("input->logits", math.inf)], runs={"5f2c": {}}), "infinite.json")
    assert document(circuit("paths", "infinite.json", "--json"))[0]["scores"] == ["inf"]


def test_several_become_one_whatever_their_order(circuit: Asks) -> None:
    told = document(circuit("merge", "first.graphml", "second.json", "--out", "all.graphml", "--json"))
    assert told == {"file": "all.graphml", "nodes": 4, "edges": 4, "runs": 1}
    assert (
        "4 nodes and 4 edges of 1 runs" in circuit("merge", "second.json", "first.graphml", "--out", "lla.json").stdout
    )
    whole = read_circuit("all.graphml")
    assert whole == read_circuit("lla.json")
    assert {claim.score for claim in whole.evidence("m0->logits")} == {-1.0, 1.0}


def test_parts_are_written(circuit: Asks) -> None:
    assert (
        "pruned.json: 3 of 4 nodes and 2 of 3 edges" in circuit("prune", "first.graphml", "--out", "pruned.json").stdout
    )
    assert [edge.name for edge in read_circuit("pruned.json").edges] == ["input->m0", "m0->logits"]
    found = document(circuit("subgraph", "first.graphml", "m*", "--out", "part.graphml", "--json"))
    assert found == {"file": "part.graphml", "nodes": 2, "edges": 1}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["stats", "none.graphml"], "none.graphml: the file cannot be opened"),
        (["stats", "."], "is not a run"),
        (["stats", "circuit.xls"], "circuits are read from .graphml"),
        (["paths", "first.graphml", "--from", "m9"], "no node 'm9'"),
        (["compare", "first.graphml", "second.json", "--shape", "12"], "LAYERSxHEADS"),
        (["prune", "first.graphml", "--out", "pruned.xls"], "circuits are written to .graphml"),
        (["subgraph", "first.graphml", "a*", "--out", "part.json"], "named by 'a*'"),
        (["consensus", "first.graphml", "--least", "0"], "at least one voice"),
        (["diff", "first.graphml", "second.json", "--alpha", "2"], "alpha is a probability"),
    ],
)
def test_what_cannot_be_answered_is_one_message(circuit: Asks, arguments: list[str], message: str) -> None:
    done = circuit(*arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ")
    assert message in done.stderr
