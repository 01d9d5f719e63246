"""Circuits to compare a circuit with: its own wiring between other heads, or as many edges anywhere."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jackfield.edge_grid import HEAD_INPUTS, EdgeGrid
from jackfield.sites import Kind, Site

__all__ = ["Control", "scattered", "shuffled_heads"]

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


def shuffled_heads(grid: EdgeGrid, circuit: Mask, rng: np.random.Generator) -> Mask:
    """The same circuit with the heads of each layer exchanged at random.

    So it has as many edges between the same layers and into the same kinds of inputs, and every node has as many edges
    as some node of the circuit. MLPs, the input and the logits stay what they are. With grouped queries, groups are
    exchanged, and heads within a group.

    Parameters
    ----------
    grid
        The edges.
    circuit
        A mask of edges in the order of the grid.
    rng
        Source of randomness.
    """
    shape = grid.shape
    groups = shape.n_key_value_heads
    within = shape.n_heads // groups
    rows, columns = np.arange(len(grid.senders)), np.arange(len(grid.receivers))
    for layer in range(shape.n_layers):
        group = rng.permutation(groups)
        heads = np.concatenate([within * new + rng.permutation(within) for new in group])
        first = grid.read_before(layer)
        rows[first : first + shape.n_heads] = first + heads
        for kind in HEAD_INPUTS:
            start = grid.column(Site(kind, layer, 0))
            new = heads if kind is Kind.Q_INPUT else group
            columns[start : start + len(new)] = start + new
    old = grid.matrix(circuit).numpy()
    moved = np.zeros_like(old)
    moved[np.ix_(rows, columns)] = old
    found: Mask = moved[grid.cells]
    return found


def scattered(grid: EdgeGrid, count: int, rng: np.random.Generator) -> Mask:
    """As many edges as asked for, each as likely as any other."""
    found = np.zeros(grid.size, dtype=bool)
    found[rng.choice(grid.size, count, replace=False)] = True
    return found


@dataclass(frozen=True)
class Control:
    """The mean of some random circuits, and the bounds of their middle 95 %."""

    mean: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Floats) -> Control:
        low, high = np.quantile(values, [0.025, 0.975])
        return cls(float(values.mean()), float(low), float(high))
