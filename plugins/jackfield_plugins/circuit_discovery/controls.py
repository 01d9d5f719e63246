"""What edges and circuits are held to: edges and circuits taken at random."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jackfield.edge_grid import EdgeGrid
from jackfield_plugins.circuit_discovery.selection import greedy

__all__ = ["RandomEdges", "overlap", "random_circuit"]

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

_EDGES = 400


@dataclass(frozen=True, eq=False)
class RandomEdges:
    """What edges outside the circuit carry, drawn at random among those with the same kind of receiver.

    Parameters
    ----------
    mean
        Of the edges drawn for each edge's kind of receiver, ``[edge, pair]``, in the metric's unit.
    share, low, high
        Mean share of the difference that they carry, and the bounds of the middle 95 % of them, ``[edge]``.
    """

    mean: Floats
    share: Floats
    low: Floats
    high: Floats

    @classmethod
    def draw(cls, grid: EdgeGrid, values: Floats, whole: Floats, chosen: Mask, rng: np.random.Generator) -> RandomEdges:
        """Draw for each kind of receiver.

        Parameters
        ----------
        grid
            The edges.
        values
            What each edge carries, ``[edge, pair]``.
        whole
            What there is to carry, ``[pair]``.
        chosen
            The circuit, whose edges are not drawn.
        rng
            Source of randomness.
        """
        kinds = np.array([wire.target.kind.name for wire in grid.wires])
        mean = np.zeros_like(values)
        share, low, high = np.zeros((3, len(values)))
        for kind in sorted(set(kinds.tolist())):
            alike = kinds == kind
            pool = np.flatnonzero(alike & ~chosen)
            if not len(pool):
                pool = np.flatnonzero(~chosen)
            if len(pool):
                drawn = values[rng.choice(pool, min(_EDGES, len(pool)), replace=False)]
                shares = drawn.mean(-1) / whole.mean()
                mean[alike], share[alike] = drawn.mean(0), shares.mean()
                low[alike], high[alike] = np.quantile(shares, [0.025, 0.975])
        return cls(mean, share, low, high)


def random_circuit(grid: EdgeGrid, count: int, rng: np.random.Generator) -> Mask:
    """As many edges, drawn one by one so that every one leads on to the logits."""
    return greedy(grid, rng.random(grid.size), count, absolute=False)


def overlap(left: Mask, right: Mask) -> float:
    """Jaccard index: shared edges among all that are in either; 1 if both are empty."""
    either = int((left | right).sum())
    return float((left & right).sum() / either) if either else 1.0
