from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jackfield_circuits import Circuit, CircuitError, Edge, Evidence, Node, to_graphml, to_json

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


@st.composite
def overlapping(draw: st.DrawFn) -> tuple[Circuit, Circuit, Circuit]:
    """Three circuits of the same few names, claims and runs, so that merging pools, and sets claim against claim."""
    claims = draw(st.lists(st.from_type(Evidence), min_size=1, max_size=4))
    against = [Evidence(**{**dict(claim), "score": -claim.score}) for claim in claims]
    some = st.lists(st.sampled_from(claims + against), max_size=4)
    node = st.builds(Node, id=st.sampled_from(["input", "m0", "other"]), evidence=some)
    edge = st.builds(Edge.parse, st.sampled_from(["input->m0", "m0->a1.h0<q>", "m0->a1.h0<k>"]), some)
    runs = {claim.run: {"seed": len(claim.run)} for claim in claims}

    def one() -> Circuit:
        return Circuit(draw(st.lists(node, max_size=3)), draw(st.lists(edge, max_size=3)), runs)

    return one(), one(), one()


@STEADY
@given(overlapping())
def test_merging_what_overlaps_gives_the_same_bytes_in_every_order(circuits: tuple[Circuit, Circuit, Circuit]) -> None:
    a, b, c = circuits
    whole = a | b | c
    for other in (a | (b | c), c | b | a, (b | a) | (c | b), whole | whole, whole | a):
        assert other == whole
        assert hash(other) == hash(whole)
        assert (to_graphml(other), to_json(other)) == (to_graphml(whole), to_json(whole))
        assert other.resolutions() == whole.resolutions()
        assert other.conflicts() == whole.conflicts()


@STEADY
@given(overlapping())
def test_no_claim_is_lost_or_counted_twice_where_circuits_overlap(circuits: tuple[Circuit, Circuit, Circuit]) -> None:
    whole = Circuit().merge(*circuits)
    for element in (*whole.nodes, *whole.edges):
        parts = [part.evidence(str(element)) for part in circuits if str(element) in part]
        assert len(element.evidence) == len(set(element.evidence))
        assert set(element.evidence) == set().union(*parts)


@STEADY
@given(overlapping(), st.permutations(range(3)))
def test_runs_that_contradict_are_refused_whatever_the_order(
    circuits: tuple[Circuit, Circuit, Circuit], order: list[int]
) -> None:
    digest = next(iter(circuits[0].runs))
    parts = [*circuits[:2], Circuit(runs={digest: {"seed": -1}})]
    with pytest.raises(CircuitError, match="has two provenances, which differ in seed"):
        Circuit().merge(*(parts[index] for index in order))
