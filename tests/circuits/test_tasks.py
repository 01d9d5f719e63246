"""One task's part of a circuit holds all claims about it, and nothing else."""

from __future__ import annotations

import pytest

from jackfield_circuits import Circuit, CircuitError, Edge, Evidence, Node, on_task, tasks_of


def claim(run: str) -> Evidence:
    return Evidence(plugin="eap", method="m", metric="d", unit="", score=1.0, n=8, run=run)


def test_parts_of_all_tasks_make_the_whole_again() -> None:
    runs = {"1": {"task": "ioi"}, "2": {"task": "induction"}, "3": {"task": "ioi", "seed": 1}}
    nodes = [Node(id="m0", evidence=(claim(run="1"), claim(run="2")))]
    edges = [Edge.parse("m0->m1", [claim(run="3")]), Edge.parse("m1->m2", [claim(run="2")])]
    circuit = Circuit(nodes, edges, runs)
    assert tasks_of(circuit) == ("induction", "ioi")
    ioi, induction = on_task(circuit, "ioi"), on_task(circuit, "induction")
    assert ([edge.name for edge in ioi.edges], set(ioi.runs)) == (["m0->m1"], {"1", "3"})
    assert {one.run for each in (*induction.nodes, *induction.edges) for one in each.evidence} == {"2"}
    assert ioi | induction == circuit
    assert on_task(ioi) is ioi
    assert on_task(ioi, "ioi") == ioi
    with pytest.raises(CircuitError, match="must not be mixed; name one of induction, ioi"):
        on_task(circuit)
    with pytest.raises(CircuitError, match="nothing is claimed about the task 'two_hop'"):
        on_task(circuit, "two_hop")


def test_claims_of_runs_without_a_task_are_about_none() -> None:
    circuit = Circuit([Node(id="m0", evidence=(claim(run="1"),))], runs={"1": {}})
    assert tasks_of(circuit) == ()
    assert on_task(circuit) is circuit
