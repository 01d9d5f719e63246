"""Intervals cover what they should, tests find what is there, and what is undefined has no number."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from jackfield.errors import UndefinedMetricError
from jackfield.statistics import (
    Estimate,
    Resamples,
    bootstrap_mean,
    bootstrap_share,
    false_discovery_rate,
    mean_share,
    paired_p_values,
    sign_p_values,
    success_interval,
)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_a_bootstrap_interval_covers_the_true_mean_at_about_its_level() -> None:
    samples = rng().exponential(2.0, (400, 60))
    for level, least, most in ((0.95, 0.90, 0.98), (0.5, 0.42, 0.58)):
        interval = bootstrap_mean(samples, rng(1), level)
        covered = np.mean((interval.low <= 2.0) & (interval.high >= 2.0))
        assert least <= covered <= most
        assert interval.level == level


def test_a_bootstrap_interval_of_a_share_covers_the_true_share() -> None:
    draw = rng(2)
    whole = draw.normal(3.0, 1.0, 60)
    parts = 0.4 * whole + draw.normal(0.0, 0.5, (400, 60))
    interval = bootstrap_share(parts, whole, rng(3))
    assert 0.90 <= np.mean((interval.low <= 0.4) & (interval.high >= 0.4)) <= 0.98


def test_the_whole_is_a_share_of_one_without_doubt() -> None:
    whole = rng().normal(2.0, 1.0, 30)
    interval = bootstrap_share(whole, whole, rng())
    assert (float(interval.low), float(interval.high)) == (1.0, 1.0)


def test_intervals_are_the_same_for_the_same_seed() -> None:
    values = rng().normal(size=(3, 20))
    first, second, other = (bootstrap_mean(values, rng(seed)) for seed in (5, 5, 6))
    assert np.array_equal(first.low, second.low)
    assert np.array_equal(first.high, second.high)
    assert not np.array_equal(first.low, other.low)


def test_cells_with_equal_values_get_equal_intervals() -> None:
    values = np.tile(rng().normal(size=20), (2, 3, 1))
    interval = bootstrap_mean(values, rng())
    assert interval.low.shape == (2, 3)
    assert np.ptp(interval.low) == np.ptp(interval.high) == 0


def test_a_constant_has_an_interval_of_no_width() -> None:
    assert Estimate.of_mean(np.full(5, 2.5), "logits", rng()) == Estimate(2.5, 2.5, 2.5, 5, "logits")


def test_an_estimate_holds_its_mean() -> None:
    values = rng().normal(size=40)
    estimate = Estimate.of_mean(values, "nats", rng())
    assert estimate.low < estimate.value == values.mean() < estimate.high
    assert (estimate.n, estimate.unit) == (40, "nats")


def test_means_come_before_shares() -> None:
    parts, whole = np.array([[1.0, 0.0], [3.0, 5.0]]), np.array([0.0, 4.0])
    assert mean_share(parts, whole).tolist() == [0.25, 2.0]


@pytest.mark.parametrize("whole", [np.zeros(4), np.array([1.0, -1.0, 2.0, -2.0]), np.array([1e9, -1e9, 0.01, 0.0])])
def test_a_share_of_no_difference_is_undefined(whole: np.ndarray) -> None:
    for attempt in (lambda: mean_share(np.ones(4), whole), lambda: bootstrap_share(np.ones(4), whole, rng())):
        with pytest.raises(UndefinedMetricError, match="there is nothing to share"):
            attempt()


@pytest.mark.parametrize("part", [0.0, 1.0])
def test_a_share_of_a_difference_of_either_sign_has_no_interval(part: float) -> None:
    with pytest.raises(UndefinedMetricError, match="as often positive as negative; use more prompts"):
        bootstrap_share(np.full(4, part), np.array([1.0, -1.0, 1.0, 0.0]), rng())


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_value_that_is_not_finite_has_no_interval(bad: float) -> None:
    with pytest.raises(UndefinedMetricError, match="an interval needs finite values"):
        bootstrap_mean(np.array([1.0, bad, 2.0]), rng())


@pytest.mark.parametrize("count", [0, 1])
def test_an_interval_needs_two_prompts(count: int) -> None:
    with pytest.raises(UndefinedMetricError, match=f"needs at least 2 prompts, got {count}"):
        bootstrap_mean(np.ones(count), rng())


def test_ties_are_no_difference_and_a_clear_shift_is_one() -> None:
    base = rng().normal(size=30)
    right = np.stack([base, base - 1, base + 1, rng(1).permuted(base)])
    p_values = paired_p_values(np.broadcast_to(base, right.shape), right)
    assert p_values[0] == 1.0
    assert bool((p_values[1:3] < 1e-5).all())
    assert p_values[3] > 0.05


def test_p_values_of_no_difference_are_spread_evenly() -> None:
    differences = rng(4).normal(size=(2000, 25))
    p_values = paired_p_values(differences, np.zeros_like(differences))
    for threshold in (0.05, 0.5):
        assert abs(np.mean(p_values <= threshold) - threshold) < 0.03


def test_p_values_keep_the_shape_of_the_cells() -> None:
    assert paired_p_values(np.ones((2, 3, 8)), np.zeros((2, 3, 8))).shape == (2, 3)
    assert paired_p_values(np.zeros((0, 8)), np.zeros((0, 8))).shape == (0,)


def test_benjamini_hochberg_by_hand() -> None:
    p_values = np.array([[0.005, 0.009], [0.05, 0.5]])
    np.testing.assert_allclose(false_discovery_rate(p_values), [[0.018, 0.018], [0.2 / 3, 0.5]])


@given(st.lists(st.floats(0, 1), max_size=20))
def test_q_values_keep_the_order_and_are_no_smaller_than_p_values(values: list[float]) -> None:
    p_values = np.array(values)
    q_values = false_discovery_rate(p_values)
    assert q_values.shape == p_values.shape
    assert bool((q_values >= p_values * (1 - 1e-12)).all())
    assert bool((q_values <= 1).all())
    assert bool((np.diff(q_values[np.argsort(p_values)]) >= -1e-12).all())


@given(st.integers(0, 10_000), st.integers(1, 30))
def test_the_sign_test_is_scipys_binomial_test_of_the_pairs_that_differ(seed: int, prompts: int) -> None:
    left, right = np.random.default_rng(seed).integers(0, 2, (2, 4, prompts)).astype(float)
    found = sign_p_values(left, right)
    for cell in range(4):
        above, below = int((left[cell] > right[cell]).sum()), int((left[cell] < right[cell]).sum())
        wanted = binomtest(above, above + below).pvalue if above + below else 1.0
        assert found[cell] == pytest.approx(wanted)


@given(st.integers(0, 10_000), st.integers(1, 30), st.sampled_from([0.5, 0.95]))
def test_an_interval_of_successes_is_scipys_exact_one(seed: int, prompts: int, level: float) -> None:
    draw = np.random.default_rng(seed)
    successes = (draw.random((4, prompts)) < draw.random((4, 1)).round(1)).astype(float)
    found = success_interval(successes, level)
    for cell in range(4):
        wanted = binomtest(int(successes[cell].sum()), prompts).proportion_ci(level, method="exact")
        assert (found.low[cell], found.high[cell]) == pytest.approx((wanted.low, wanted.high))
    one = Estimate.of_successes(successes[0], "share")
    assert one.low <= one.value <= one.high


@pytest.mark.parametrize("values", [np.zeros(0), np.array([0.0, 0.5])])
def test_what_is_no_success_or_failure_has_no_interval(values: np.ndarray) -> None:
    with pytest.raises(UndefinedMetricError):
        success_interval(values)


def test_resamples_give_the_intervals_that_scipy_gives() -> None:
    rng = np.random.default_rng(3)
    parts, whole = rng.normal(1, 2, size=(5, 40)), rng.normal(3, 1, size=40)
    ours = Resamples.draw(40, np.random.default_rng(0), 4000).interval(parts, whole)
    theirs = bootstrap_share(parts, whole, np.random.default_rng(1))
    np.testing.assert_allclose(ours.low, theirs.low, atol=0.05)
    np.testing.assert_allclose(ours.high, theirs.high, atol=0.05)


def test_a_resample_holds_as_many_prompts_as_there_are() -> None:
    draws = Resamples.draw(7, np.random.default_rng(0), 50)
    np.testing.assert_allclose(draws.weights.sum(1), 1)
    assert draws.shares(np.ones((2, 7)), np.full(7, 4.0)) == pytest.approx(0.25)


def test_resamples_without_an_end_or_of_one_prompt_are_refused() -> None:
    with pytest.raises(UndefinedMetricError, match="at least 2 prompts"):
        Resamples.draw(1, np.random.default_rng(0))
    with pytest.raises(UndefinedMetricError, match="has no end"):
        Resamples.draw(2, np.random.default_rng(0)).interval(np.ones((1, 2)), np.array([1.0, -1.0]))
