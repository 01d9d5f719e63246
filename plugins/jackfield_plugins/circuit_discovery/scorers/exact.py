"""Exact effects: each edge corrupted on its own, everything after it live."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from jackfield_plugins.circuit_discovery.evaluation import Evaluator

__all__ = ["exact_scores"]

Floats = NDArray[np.float64]


def exact_scores(evaluator: Evaluator, edges: Sequence[int], size: int, description: str = "verifying") -> Floats:
    """What the metric loses when one edge is ablated, ``[pair, edge]``, in the metric's unit.

    Parameters
    ----------
    evaluator
        The pairs, and what ablated edges carry.
    edges
        Which edges, by their place in the grid.
    size
        How many edges the grid has.
    description
        What progress is reported as.
    """
    if not len(edges):
        return np.empty((len(evaluator.full), 0))
    circuits = []
    for edge in edges:
        kept = np.ones(size, dtype=bool)
        kept[edge] = False
        circuits.append(kept)
    found: Floats = (evaluator.full - evaluator.graded(circuits, description)).T
    return found
