"""What verified places say of an estimate: recall lies between its bounds, and correlation is that of ranks."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jackfield_plugins.activation_patching.attribution.agreement import Choice, least_recall, most_recall, spearman


def effects(seed: int, places: int, noise: float) -> tuple[np.ndarray, np.ndarray]:
    """Exact effects, and magnitudes that follow them more or less."""
    draw = np.random.default_rng(seed)
    exact = draw.standard_t(3, places)
    return exact, np.abs(exact + noise * draw.standard_normal(places))


def true_recall(exact: np.ndarray, top: np.ndarray) -> float:
    strongest = np.argsort(-np.abs(exact), kind="stable")[: len(top)]
    return len(set(strongest) & set(top)) / len(top)


@given(
    seed=st.integers(0, 1000), places=st.integers(2, 60), sample=st.integers(2, 60), top=st.integers(1, 20),
    noise=st.sampled_from([0.0, 0.5, 5.0]),
)  # fmt: skip
def test_recall_among_verified_places_is_never_below_that_among_all(
    seed: int, places: int, sample: int, top: int, noise: float
) -> None:
    exact, magnitudes = effects(seed, places, noise)
    choice = Choice.draw(magnitudes, range(places), sample, top, random.Random(seed))
    assert most_recall(exact, choice.top, choice.verified) >= true_recall(exact, choice.top)
    assert most_recall(exact, choice.top, choice.verified) >= least_recall(exact, choice)
    if sample >= places:
        assert most_recall(exact, choice.top, choice.verified) == true_recall(exact, choice.top)
        assert least_recall(exact, choice) == pytest.approx(true_recall(exact, choice.top))


@pytest.mark.parametrize("noise", [0.3, 1.0, 5.0])
def test_the_lower_bound_of_recall_holds_in_nineteen_of_twenty_samples(noise: float) -> None:
    exact, magnitudes = effects(3, 120, noise)
    broken, useful = 0, 0
    for seed in range(200):
        choice = Choice.draw(magnitudes, range(120), 60, 20, random.Random(seed))
        bound = least_recall(exact, choice)
        broken += bound > true_recall(exact, choice.top)
        useful += bound > 0
    assert broken <= 10
    assert useful or noise > 1


def test_the_choice_keeps_to_candidates_and_ranks_them() -> None:
    magnitudes = np.array([9.0, 1.0, 5.0, 3.0, 7.0])
    choice = Choice.draw(magnitudes, [1, 2, 3, 4], 2, 3, random.Random(0))
    assert choice.top.tolist() == [4, 2, 3]
    assert choice.candidates == 4
    assert len(choice.sampled) == 2
    assert 0 not in choice.verified
    everything = Choice.draw(magnitudes, range(5), 99, 99, random.Random(0))
    assert everything.verified.tolist() == everything.sampled.tolist() == [0, 1, 2, 3, 4]


def test_every_candidate_is_drawn_as_often() -> None:
    counts = np.zeros(10)
    for seed in range(600):
        choice = Choice.draw(np.arange(10.0), range(10), 3, 2, random.Random(seed))
        counts[choice.sampled] += 1
    assert counts.min() > 140
    assert counts.max() < 220


def test_rank_correlation_is_scipys_with_an_interval_that_holds_it() -> None:
    from scipy.stats import spearmanr

    draw = np.random.default_rng(0)
    left = draw.standard_normal(40).round(1)
    right = left + draw.standard_normal(40)
    value, low, high = spearman(left, right, np.random.default_rng(1))
    assert value == pytest.approx(spearmanr(left, right).statistic)
    assert low < value < high < 1
    _, low, high = spearman(left, draw.standard_normal(40), np.random.default_rng(1))
    assert low < 0 < high


def test_rank_correlation_is_undefined_where_all_effects_are_the_same() -> None:
    for left, right in ((np.zeros(5), np.arange(5.0)), (np.arange(5.0), np.ones(5)), (np.ones(1), np.ones(1))):
        assert np.isnan(spearman(left, right, np.random.default_rng(0))).all()
