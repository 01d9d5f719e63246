from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings

from jackfield_circuits import Circuit, CircuitError, Evidence, Node

STEADY = settings(deadline=None, derandomize=True, max_examples=40)


@STEADY
@given(...)
def test_merging_is_associative(a: Circuit, b: Circuit, c: Circuit) -> None:
    assert (a | b) | c == a | (b | c) == a.merge(b, c)


@STEADY
@given(...)
def test_merging_is_commutative(a: Circuit, b: Circuit) -> None:
    assert a | b == b | a


@STEADY
@given(...)
def test_merging_is_idempotent_and_has_the_empty_circuit_as_its_unit(a: Circuit) -> None:
    assert a | a == a == a | Circuit() == a.merge()


@STEADY
@given(...)
def test_merging_keeps_everything_and_adds_nothing(a: Circuit, b: Circuit) -> None:
    merged = a | b
    assert {str(node) for node in merged.nodes} == {str(node) for node in (*a.nodes, *b.nodes)}
    assert {str(edge) for edge in merged.edges} == {str(edge) for edge in (*a.edges, *b.edges)}
    for element in (*merged.nodes, *merged.edges):
        parts = [set(part.evidence(str(element))) for part in (a, b) if str(element) in part]
        assert set(element.evidence) == set.union(*parts)
    assert dict(merged.runs) == {**a.runs, **b.runs}


def test_conflicting_claims_are_all_kept(finding: dict[str, Any]) -> None:
    runs = {"5f2c": {"seed": 0}}
    against = Evidence(**finding | {"score": -1.2, "low": -1.5, "high": -0.9})
    a = Circuit([Node(id="m0", evidence=[Evidence(**finding)])], runs=runs)
    b = Circuit([Node(id="m0", evidence=[against])], runs=runs)
    assert [claim.score for claim in (a | b).evidence("m0")] == [-1.2, 1.2]


def test_two_tellings_of_one_run_are_refused_in_any_order() -> None:
    a, b, c = Circuit(runs={"5f2c": {"seed": 0}}), Circuit(runs={"5f2c": {"seed": 1}}), Circuit(runs={"77aa": {}})
    for one, two, three in ((a, b, c), (c, a, b), (a, c, b)):
        with pytest.raises(CircuitError, match="run '5f2c' has two provenances, which differ in seed"):
            one.merge(two, three)


def test_only_circuits_are_merged() -> None:
    with pytest.raises(TypeError):
        Circuit() | {}  # type: ignore[operator]
