"""Completeness and minimality: does the circuit miss what the model has, and does it need what it has?"""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jackfield.edge_grid import EdgeGrid
from jackfield_plugins.circuit_discovery.evaluation import Evaluator

__all__ = ["Knockouts"]

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

_SHARE = 0.3


@dataclass(frozen=True, eq=False)
class Knockouts:
    """What knocking out nodes does to the circuit and to the model.

    Knocking out a node ablates all edges out of it.

    Parameters
    ----------
    nodes
        The circuit's senders, by row in the grid.
    sets
        The sets of nodes that were knocked out, the first of them empty.
    circuit, model
        The metric of the circuit and of the model without each set, ``[set, pair]``.
    further
        The metric of the circuit without each set and one node more, ``[set, node, pair]``; without the set alone where
        the node is in it.
    """

    nodes: NDArray[np.int64]
    sets: tuple[tuple[int, ...], ...]
    circuit: Floats
    model: Floats
    further: Floats

    @classmethod
    def of(cls, grid: EdgeGrid, chosen: Mask, evaluator: Evaluator, count: int, draw: random.Random) -> Knockouts:
        """Knock out single nodes, and nodes beyond random sets of them.

        Parameters
        ----------
        grid, chosen
            The edges, and the circuit.
        evaluator
            Runs circuits.
        count
            How many random sets, each of about a third of the circuit's nodes.
        draw
            Source of randomness.
        """
        rows, _ = grid.cells
        nodes = np.unique(rows[chosen])
        size = max(1, round(_SHARE * len(nodes)))
        sets = ((), *(tuple(sorted(draw.sample(nodes.tolist(), size))) for _ in range(count)))
        whole = np.ones(grid.size, dtype=bool)
        circuits = [
            mask & ~np.isin(rows, [*out, *more])
            for out in sets
            for mask, more in ((chosen, ()), (whole, ()), *((chosen, (node,)) for node in nodes))
        ]
        found = evaluator.graded(circuits, "knocking out nodes").reshape(len(sets), len(nodes) + 2, -1)
        return cls(nodes, sets, found[:, 0], found[:, 1], found[:, 2:])

    @property
    def need(self) -> Floats:
        """What the circuit loses without each node, ``[node, pair]``, in the metric's unit."""
        found: Floats = self.circuit[0] - self.further[0]
        return found

    def most_needed(self, whole: Floats) -> Floats:
        """The largest change, over all sets, that knocking out each node makes: minimality, ``[node]``, a share."""
        changes = (self.circuit[:, None] - self.further).mean(-1) / whole.mean()
        found: Floats = np.abs(changes).max(0)
        return found
