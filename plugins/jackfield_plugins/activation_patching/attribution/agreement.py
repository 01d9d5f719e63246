"""How well an estimate agrees with exact patching, judged from the places that were patched exactly."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

__all__ = ["Choice", "least_recall", "most_recall", "spearman"]

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

_ERROR = 0.05
_RESAMPLES = 1000


@dataclass(frozen=True, eq=False)
class Choice:
    """Which places are verified.

    Parameters
    ----------
    sampled
        Drawn at random, each place that may differ with the same chance.
    top
        The strongest by the estimate, strongest first.
    candidates
        How many places there were to draw from.
    """

    sampled: Indices
    top: Indices
    candidates: int

    @classmethod
    def draw(cls, magnitudes: Floats, candidates: Sequence[int], sample: int, top: int, draw: random.Random) -> Self:
        """Choose the strongest and, regardless of strength, a random sample of the candidates.

        Parameters
        ----------
        magnitudes
            What all places are ranked by, ``[place]``.
        candidates
            The places that may be chosen.
        sample, top
            How many; fewer where there are fewer.
        draw
            Source of randomness.
        """
        sampled = sorted(draw.sample(candidates, min(sample, len(candidates))))
        ranked = sorted(candidates, key=lambda place: -magnitudes[place])
        return cls(np.array(sampled, int), np.array(ranked[:top], int), len(candidates))

    @property
    def verified(self) -> Indices:
        """All that are chosen, in their order."""
        return np.union1d(self.sampled, self.top)


def spearman(estimated: Floats, exact: Floats, rng: np.random.Generator) -> tuple[float, float, float]:
    """Rank correlation over places with the ends of its 95 % bootstrap interval over places.

    Returns
    -------
    tuple
        Value, low, high; not numbers where all estimates, or all exact effects, are the same.

    Examples
    --------
    >>> value, low, high = spearman(np.arange(9.0), np.arange(9.0) ** 3, np.random.default_rng(0))
    >>> round(value, 6), round(high, 6)
    (1.0, 1.0)
    """
    count = len(estimated)
    if count < 2:
        return np.nan, np.nan, np.nan
    value = _correlation(estimated[None], exact[None])[0]
    drawn = rng.integers(count, size=(_RESAMPLES, count))
    resampled = _correlation(estimated[drawn], exact[drawn])
    if np.isnan(value):
        return np.nan, np.nan, np.nan
    low, high = np.nanquantile(resampled, [0.025, 0.975])
    return float(value), float(low), float(high)


def _correlation(left: Floats, right: Floats) -> Floats:
    """Of the ranks in each row; not a number where a row holds one value only."""
    from scipy.stats import rankdata

    first, second = (rankdata(values, axis=-1) for values in (left, right))
    first, second = (ranks - ranks.mean(-1, keepdims=True) for ranks in (first, second))
    scale = np.sqrt((first**2).sum(-1) * (second**2).sum(-1))
    with np.errstate(invalid="ignore", divide="ignore"):
        found: Floats = (first * second).sum(-1) / scale
    return found


def most_recall(exact: Floats, top: Indices, verified: Indices) -> float:
    """The share of the ``k`` truly strongest verified places that are among the ``k`` that the estimate ranks first.

    No place of the top that belongs to the truly strongest of all can fall behind when fewer places compete. So this is
    never less than the recall among all places, and equals it when all were verified.

    Parameters
    ----------
    exact
        Exact effects, ``[place]``; only verified ones are looked at.
    top, verified
        The places that the estimate ranks first, and all that were verified, the top among them.
    """
    strongest = sorted(verified.tolist(), key=lambda place: -abs(exact[place]))[: len(top)]
    return len(set(strongest) & set(top.tolist())) / len(top)


def least_recall(exact: Floats, choice: Choice) -> float:
    """A bound that the recall among all candidates reaches or exceeds in 95 % of random samples.

    Of the candidates outside the top, the random sample tells how many at most are stronger than a given place of the
    top: a hypergeometric bound, corrected for the ``k`` places of the top that are looked at. A place of the top for
    which those, and the places of the top before it, leave room among the first ``k`` is surely recalled.
    """
    top = np.sort(np.abs(exact[choice.top]))[::-1]
    drawn = np.abs(exact[np.setdiff1d(choice.sampled, choice.top)])
    outside = choice.candidates - len(top)
    sure = 0
    for rank, strength in enumerate(top, start=1):
        if rank + _most_stronger(int((drawn > strength).sum()), len(drawn), outside, _ERROR / len(top)) <= len(top):
            sure = rank
    return sure / len(top)


def _most_stronger(seen: int, drawn: int, outside: int, error: float) -> int:
    """The most of ``outside`` places that are stronger if ``seen`` of ``drawn`` are, but for a chance of ``error``."""
    from scipy.stats import hypergeom

    counts = np.arange(seen, outside - (drawn - seen) + 1)
    possible = counts[hypergeom.cdf(seen, outside, counts, drawn) > error]
    return int(possible.max()) if len(possible) else seen
