"""What analyses come to together: never across tasks, and by whoever is to choose."""

from __future__ import annotations

import pytest

from jackfield.agreement import Agreement, settle
from jackfield_circuits import Circuit, Edge, Evidence, Node, speaker


def claim(score: float, run: str, plugin: str = "a", metric: str = "d", q_value: float = 0.01) -> Evidence:
    return Evidence(
        plugin=plugin, method="m", metric=metric, unit="", n=8, score=score, low=score - 0.5, high=score + 0.5,
        control=0.0, q_value=q_value, run=run,
    )  # fmt: skip


RUNS = {"1": {"task": "ioi"}, "2": {"task": "ioi", "seed": 1}, "3": {"task": "induction"}, "4": {}}


@pytest.fixture
def circuit() -> Circuit:
    nodes = [
        Node(id="m0", evidence=(claim(1.0, "1"), claim(1.5, "2", "b"), claim(-2.0, "3"))),
        Node(id="m1", evidence=(claim(1.0, "1"), claim(-1.5, "2", "b"))),
        Node(id="m2", evidence=(claim(0.1, "1"), claim(1.0, "4"))),
    ]
    edges = [Edge.parse("m0->m1", [claim(1.0, "1"), claim(-1.0, "1", metric="e")])]
    return Circuit(nodes, edges, RUNS)


def test_claims_about_other_tasks_neither_agree_nor_conflict(circuit: Circuit) -> None:
    found = {(each.name, each.task): each for each in settle(circuit, speaker)}
    assert {key: each.outcome for key, each in found.items()} == {
        ("m0", "ioi"): "agreed",
        ("m0", "induction"): "agreed",
        ("m1", "ioi"): "conflicting",
        ("m2", "ioi"): "abstained",
        ("m2", None): "agreed",
        ("m0->m1", "ioi"): "agreed",
    }
    assert found["m0", "ioi"].speaker == claim(1.5, "2", "b")
    assert {key for key, each in found.items() if each.shared} == {("m0", "ioi")}


def test_counts_add_up_task_by_task(circuit: Circuit) -> None:
    assert set(Agreement.count(settle(circuit, speaker))) == {
        Agreement("ioi", 1, 1, 1, 1, 1, 0, 0, 0),
        Agreement("induction", 1, 0, 0, 0, 0, 0, 0, 0),
        Agreement(None, 1, 0, 0, 0, 0, 0, 0, 0),
    }


def test_whoever_chooses_is_asked_for_each_task_and_has_the_last_word(circuit: Circuit) -> None:
    asked = []

    def choose(claims: object) -> Evidence | None:
        asked.append(tuple(claims))  # type: ignore[call-overload]
        return asked[-1][-1]

    found = settle(circuit, choose)
    assert {each.outcome for each in found} == {"agreed"}
    assert all(len({RUNS[each.run].get("task") for each in claims}) == 1 for claims in asked)
    assert len(asked) == len(found) == 6


def test_nothing_significant_is_nothing_agreed_on() -> None:
    noise = Circuit(
        [Node(id="m0", evidence=(claim(1.0, "1", q_value=0.9), claim(2.0, "2", "b", q_value=0.5)))], (), RUNS
    )
    assert [each.outcome for each in settle(noise, speaker)] == ["abstained"]
