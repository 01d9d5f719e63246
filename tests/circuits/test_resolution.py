from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from jackfield_circuits import Circuit, CircuitError, Evidence, Node, resolve, speaker

STEADY = settings(deadline=None, derandomize=True, max_examples=60)
Claims = Callable[..., Evidence]


@pytest.fixture
def claim(finding: dict[str, Any]) -> Claims:
    """Makes a finding with this score, unless told otherwise."""

    def make(score: float, **fields: Any) -> Evidence:
        return Evidence(**finding | {"score": score, "low": score - 0.2, "high": score + 0.2} | fields)

    return make


def test_findings_of_one_sign_support_with_the_corrected_q_value(claim: Claims) -> None:
    claims = [claim(1.0, q_value=0.02), claim(2.0, plugin="acdc"), claim(0.1, q_value=1.0), claim(5.0, q_value=None)]
    (found,) = resolve(claims)
    assert (found.verdict, found.q_value) == ("supported", pytest.approx(3 * 0.003))
    assert found.positive == (claims[0], claims[1])
    assert found.negative == ()
    assert found.others == (claims[2], claims[3])
    assert found.speaker == claims[1]


def test_findings_of_both_signs_are_a_conflict_that_nobody_speaks_in(claim: Claims) -> None:
    (found,) = resolve([claim(1.0), claim(-1.0, plugin="acdc")])
    assert (found.verdict, found.speaker) == ("conflict", None)
    assert speaker([claim(1.0), claim(-1.0, plugin="acdc"), claim(2.0, metric="kl")]) is None


def test_a_claim_that_is_no_finding_does_not_contradict(claim: Claims) -> None:
    (found,) = resolve([claim(1.0), claim(-1.0, q_value=0.5)])
    assert found.verdict == "supported"


def test_one_small_q_value_among_many_does_not_support(claim: Claims) -> None:
    claims = [claim(1.0, q_value=0.04), claim(0.0, q_value=0.9)]
    (found,) = resolve(claims)
    assert (found.verdict, found.q_value) == ("undecided", 0.08)
    assert speaker(claims) is None


def test_other_metrics_and_positions_are_other_questions(claim: Claims) -> None:
    claims = [claim(1.0), claim(-1.0, metric="kl"), claim(-1.0, position="END")]
    assert [(found.metric, found.position, found.verdict) for found in resolve(claims)] == [
        ("logit difference", None, "supported"),
        ("kl", None, "supported"),
        ("logit difference", "END", "supported"),
    ]
    assert speaker([claim(1.0), claim(-3.0, metric="kl")]) == claim(-3.0, metric="kl")


@STEADY
@given(...)
def test_every_claim_is_kept_once(claims: list[Evidence]) -> None:
    found = [claim for each in resolve(claims) for claim in (*each.positive, *each.negative, *each.others)]
    assert sorted(found, key=lambda claim: claim.sort_key) == sorted(claims, key=lambda claim: claim.sort_key)


def test_nothing_claimed_is_nothing_resolved_and_nonsense_is_refused(claim: Claims) -> None:
    assert resolve([]) == ()
    assert speaker([]) is None
    with pytest.raises(CircuitError, match="alpha is a probability"):
        resolve([claim(1.0)], alpha=2)


def test_dependent_noise_is_seldom_supported(claim: Claims) -> None:
    rng = np.random.default_rng(0)
    p_values = rng.uniform(size=2000)
    supported = 0
    for p_value in p_values:
        several = [claim(1.0, q_value=min(1.0, p_value * factor)) for factor in (1.0, 1.02, 1.05)]
        supported += resolve(several)[0].verdict == "supported"
    assert 0 < supported / len(p_values) < 0.05


def test_a_circuit_shows_conflicts_within_a_model_and_task_only(claim: Claims) -> None:
    def circuit(second: dict[str, Any]) -> Circuit:
        claims = [claim(1.0), claim(-1.0, run="77aa")]
        return Circuit([Node(id="m0", evidence=claims), Node(id="m1")], runs={"5f2c": {"task": "ioi"}, "77aa": second})

    (conflict,) = circuit({"task": "ioi", "seed": 1}).conflicts()["m0"]
    assert [each.score for each in (*conflict.positive, *conflict.negative)] == [1.0, -1.0]
    for other in ({"task": "induction"}, {"task": "ioi", "model": {"weights": "77"}}):
        assert circuit(other).conflicts() == {}
        assert [each.verdict for each in circuit(other).resolutions()["m0"]] == ["supported", "supported"]
    assert "m1" not in circuit({}).resolutions()
    assert circuit({"task": "ioi"}).conflicts(alpha=0.001) == {}
