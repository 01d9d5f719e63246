"""Screen, then verify: exact effects for the strongest edges and for a random sample of the rest."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jackfield.statistics import success_interval
from jackfield_plugins.circuit_discovery.evaluation import Evaluator
from jackfield_plugins.circuit_discovery.scorers.exact import exact_scores
from jackfield_plugins.circuit_discovery.selection import ranked

__all__ = ["Verified"]

Floats = NDArray[np.float64]

_TWO_SIDED = 0.9
"""The level of the interval whose upper end is that of a one-sided one at 95 %."""


@dataclass(frozen=True, eq=False)
class Verified:
    """Edges whose exact effects are known.

    Parameters
    ----------
    contenders, sampled
        The strongest by their scores, and some of the others drawn at random; places in the grid.
    effects
        Exact effects of the contenders, then of the sampled, ``[pair, verified]``, in the metric's unit.
    others
        How many edges the sample was drawn from.
    """

    contenders: NDArray[np.int64]
    sampled: NDArray[np.int64]
    effects: Floats
    others: int

    @classmethod
    def of(cls, evaluator: Evaluator, scores: Floats, verify: int, sample: int, draw: random.Random) -> Verified:
        """Compute exact effects.

        Parameters
        ----------
        evaluator
            Runs circuits.
        scores
            ``[edge]``, by whose size contenders are chosen.
        verify, sample
            How many contenders and others.
        draw
            Source of randomness.
        """
        order = ranked(scores, absolute=True)
        others = sorted(order[verify:].tolist())
        sampled = np.array(sorted(draw.sample(others, min(sample, len(others)))), dtype=np.int64)
        contenders = order[:verify]
        effects = exact_scores(evaluator, np.concatenate([contenders, sampled]).tolist(), len(scores))
        return cls(contenders, sampled, effects, len(others))

    @property
    def edges(self) -> Sequence[int]:
        """All verified edges, in the order of ``effects``."""
        found: list[int] = np.concatenate([self.contenders, self.sampled]).tolist()
        return found

    def missed(self, least: float, whole: Floats) -> tuple[float, float]:
        """Which share of the unverified edges carries at least so much: as sampled, and at most.

        Parameters
        ----------
        least
            A share of the difference.
        whole
            What there is to carry, ``[pair]``.

        Returns
        -------
        The share of the sample, and the upper end of its one-sided 95 % Clopper-Pearson interval.
        """
        shares = np.abs(self.effects[:, len(self.contenders) :].mean(0) / whole.mean())
        if not len(shares):
            return 0.0, 0.0
        found = (shares >= least).astype(float)
        return float(found.mean()), float(success_interval(found, _TWO_SIDED).high)

    def reranked(self, scores: Floats, exact: Floats) -> Floats:
        """Scores by which contenders come first, by their exact effects, and all others after them as before.

        Parameters
        ----------
        scores
            ``[edge]``.
        exact
            Exact effects of all verified edges, ``[verified]``, in the unit of ``scores``.
        """
        rest = np.delete(np.abs(scores), self.contenders)
        found = scores.copy()
        floor = rest.max(initial=0.0)
        effects = exact[: len(self.contenders)]
        found[self.contenders] = np.sign(effects) * (np.abs(effects) + floor)
        return found
