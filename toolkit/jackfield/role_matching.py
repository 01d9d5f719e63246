"""Heads of two circuits, matched by what they do rather than by where they stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jackfield.errors import ConfigError
from jackfield.head_roles import HeadRoles
from jackfield.random_circuits import Control
from jackfield.sites import Site
from jackfield.statistics import false_discovery_rate

__all__ = ["MatchedHeads", "Matching", "match_heads"]

Floats = NDArray[np.float64]

_ALPHA = 0.05


@dataclass(frozen=True)
class MatchedHeads:
    """A head of each circuit.

    Parameters
    ----------
    first, second
        The heads.
    distance
        Euclidean distance of their roles: 0 if they attend alike.
    p_value, q_value
        The share of shuffled roles with which the first one's match is as near, the real one counted among them; and
        corrected for all pairs.
    """

    first: Site
    second: Site
    distance: float
    p_value: float
    q_value: float

    @property
    def is_finding(self) -> bool:
        """Whether the second head is nearer to the first one than chance explains."""
        return self.q_value <= _ALPHA


@dataclass(frozen=True)
class Matching:
    """The heads of two circuits, each of the smaller one matched with one of the other.

    Parameters
    ----------
    pairs
        The nearest first.
    distance
        Mean distance of matched heads; no other matching has a smaller one.
    shuffled
        The same where each role's scores are exchanged at random between the heads of the second circuit, so that it
        has as much of each role, but in other heads.
    p_value
        The share of these whose distance is as small, the real one counted among them.
    by_index
        Mean distance if heads are matched that bear the same name; ``None`` where the circuits do not have the same.
    """

    pairs: tuple[MatchedHeads, ...]
    distance: float
    shuffled: Control
    p_value: float
    by_index: float | None


def match_heads(
    first: HeadRoles,
    second: HeadRoles,
    rng: np.random.Generator,
    ours: Sequence[Site] | None = None,
    theirs: Sequence[Site] | None = None,
    shuffles: int = 500,
) -> Matching:
    """Match heads by their roles so that the sum of distances is smallest.

    Parameters
    ----------
    first, second
        Roles of the heads of one model or two.
    rng
        Source of randomness of the shuffles.
    ours, theirs
        The heads of the circuits, such as ``a3.h1``; all heads of the model if omitted.
    shuffles
        How often roles are shuffled.

    Raises
    ------
    ConfigError
        If a circuit has fewer than two heads or names one twice, a model has no such head, or there are fewer than 20
        shuffles.
    """
    if shuffles < 20:
        raise ConfigError(f"at least 20 shuffles are needed, got {shuffles}")
    left, right = _chosen(first, ours), _chosen(second, theirs)
    a, b = (np.stack([roles.profile(head) for head in heads]) for roles, heads in ((first, left), (second, right)))
    rows, columns, distances = _assigned(a, b)
    by_chance = np.full((shuffles, len(left)), np.inf)
    for n in range(shuffles):
        taken, _, found = _assigned(a, rng.permuted(b, axis=0))
        by_chance[n, taken] = found
    means = np.array([found[np.isfinite(found)].mean() for found in by_chance])
    p_values = (1 + (by_chance[:, rows] <= distances).sum(0)) / (1 + shuffles)
    q_values = false_discovery_rate(p_values)
    pairs = [
        MatchedHeads(left[row], right[column], *map(float, values))
        for row, column, *values in zip(rows, columns, distances, p_values, q_values, strict=True)
    ]
    return Matching(
        tuple(sorted(pairs, key=lambda pair: pair.distance)),
        float(distances.mean()),
        Control.of(means),
        float((1 + (means <= distances.mean()).sum()) / (1 + shuffles)),
        float(np.linalg.norm(a - np.stack([second.profile(head) for head in left]), axis=1).mean())
        if set(left) == set(right)
        else None,
    )


def _chosen(roles: HeadRoles, heads: Sequence[Site] | None) -> tuple[Site, ...]:
    chosen = roles.heads if heads is None else tuple(heads)
    if len(chosen) < 2 or len(set(chosen)) < len(chosen):
        raise ConfigError(f"a circuit needs two different heads or more, got {', '.join(map(str, chosen)) or 'none'}")
    return chosen


def _assigned(a: Floats, b: Floats) -> tuple[NDArray[np.int64], NDArray[np.int64], Floats]:
    """The rows of each that are matched, and their distances."""
    from scipy.optimize import linear_sum_assignment

    costs: Floats = np.linalg.norm(a[:, None] - b[None], axis=-1)
    rows, columns = linear_sum_assignment(costs)
    return rows, columns, costs[rows, columns]
