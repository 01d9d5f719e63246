"""What circuits share, edge by edge and head by head, and what they would share with other heads in the same places."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from jackfield.edge_grid import EdgeGrid
from jackfield.random_circuits import Control, shuffled_heads
from jackfield.statistics import false_discovery_rate

__all__ = ["SharedParts", "shared_parts"]

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

_SHUFFLES = 1000


@dataclass(frozen=True)
class SharedParts:
    """What two circuits share of one kind.

    Parameters
    ----------
    first, second, same_task
        Names of the circuits, and whether they were found on one task: such pairs show how much two circuits share
        that differ by nothing but the pairs they were found on.
    noun
        ``edges`` or ``heads``.
    shared, of_first, of_second
        How many they share, and have.
    jaccard
        Shared among all that are in either; 1 if both are empty.
    shuffled
        The same where the heads of each layer of the second circuit are exchanged at random.
    p_value, q_value
        The share of these that share at least as much, the two themselves counted among them; and corrected for all
        that were compared together.
    hypergeometric
        Probability that blind draws of these sizes share as much. It knows nothing of layers: circuits that favour the
        same layers share more than blind draws for that reason alone.
    """

    first: str
    second: str
    same_task: bool
    noun: str
    shared: int
    of_first: int
    of_second: int
    jaccard: float
    shuffled: Control
    p_value: float
    q_value: float
    hypergeometric: float


def shared_parts(
    grid: EdgeGrid, circuits: Mapping[str, tuple[str, Mask]], rng: np.random.Generator
) -> tuple[SharedParts, ...]:
    """Compare every two circuits, edge by edge and head by head.

    Parameters
    ----------
    grid
        The edges.
    circuits
        Name -> the task that the circuit was found on, and a mask of its edges in the order of the grid.
    rng
        Source of randomness.
    """
    moved = {
        name: np.stack([shuffled_heads(grid, mask, rng) for _ in range(_SHUFFLES)])
        for name, (_, mask) in list(circuits.items())[1:]
    }
    found = []
    for first, second in combinations(circuits, 2):
        (one_task, left), (other_task, right) = circuits[first], circuits[second]
        edges = (left, right, moved[second])
        for noun, masks in (("edges", edges), ("heads", tuple(_senders(grid, each) for each in edges))):
            ours, theirs, others = masks
            jaccard, by_chance = float(_jaccard(ours, theirs)), _jaccard(ours, others)
            p_value = float((1 + (by_chance >= jaccard).sum()) / (1 + _SHUFFLES))
            parts = SharedParts(
                first, second, one_task == other_task, noun, int((ours & theirs).sum()), int(ours.sum()),
                int(theirs.sum()), jaccard, Control.of(by_chance), p_value, p_value, _hypergeometric(ours, theirs),
            )  # fmt: skip
            found.append(parts)
    q_values = false_discovery_rate(np.array([each.p_value for each in found]))
    return tuple(replace(each, q_value=float(q)) for each, q in zip(found, q_values, strict=True))


def _senders(grid: EdgeGrid, masks: Mask) -> Mask:
    """Which heads send along an edge of each circuit, ``[..., head]`` of masks ``[..., edge]``."""
    rows, _ = grid.cells
    heads = [row for row, site in enumerate(grid.senders) if site.head is not None]
    return np.stack([masks[..., rows == row].any(-1) for row in heads], -1)


def _jaccard(first: Mask, second: Mask) -> Floats:
    """Of one mask and one or several others, over the last axis; 1 where both are empty."""
    both, either = (first & second).sum(-1), (first | second).sum(-1)
    return np.where(either > 0, both / np.maximum(either, 1), 1.0)


def _hypergeometric(first: Mask, second: Mask) -> float:
    from scipy.stats import hypergeom

    shared = int((first & second).sum())
    return float(hypergeom(len(first), int(first.sum()), int(second.sum())).sf(shared - 1))
