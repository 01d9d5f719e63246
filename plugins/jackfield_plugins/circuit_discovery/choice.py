"""The choice of a circuit: one rule, applied alike to the scores, to resampled scores and to rivals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jackfield.edge_grid import EdgeGrid
from jackfield_plugins.circuit_discovery.config import CircuitDiscoveryConfig, Level, Selector
from jackfield_plugins.circuit_discovery.evaluation import Evaluator
from jackfield_plugins.circuit_discovery.selection import above, greedy, pruned, require_count, strongest

__all__ = ["Choice", "smallest"]

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

_SIZES = 16
_ROUNDS = 3


@dataclass(frozen=True)
class Choice:
    """How circuits of a given size are made of edge scores.

    Parameters
    ----------
    grid
        The edges.
    config
        Says how.
    """

    grid: EdgeGrid
    config: CircuitDiscoveryConfig

    @property
    def units(self) -> int:
        """How many edges, or nodes, there are to choose from."""
        return len(self.grid.senders) if self.by_nodes else self.grid.size

    @property
    def by_nodes(self) -> bool:
        """Whether whole nodes are chosen."""
        return self.config.level is Level.NODE

    def require_count(self) -> None:
        """Raise ``ConfigError`` if the settings ask for more units than there are."""
        if self.config.count is not None:
            require_count(self.config.count, self.units, f"{self.config.level}s")

    def counted(self, share: float) -> int:
        """How many units a share of them is, at least one."""
        return max(1, round(share * self.units))

    def of(self, scores: Floats, count: int) -> Mask:
        """The circuit of ``count`` units, ``[edge]``, before it is pruned.

        Raises
        ------
        ConfigError
            If there are not so many.
        UndefinedMetricError
            If a score is not a number.
        """
        absolute = self.config.absolute
        if self.by_nodes:
            return strongest(self.by_node(scores), count, absolute=absolute)[self.grid.cells[0]]
        if self.config.select is Selector.GREEDY:
            return greedy(self.grid, scores, count, absolute=absolute)
        return strongest(scores, count, absolute=absolute)

    def above_threshold(self, scores: Floats) -> Mask:
        """All units with scores of at least the threshold."""
        config = self.config
        if self.by_nodes:
            return above(self.by_node(scores), config.threshold, absolute=config.absolute)[self.grid.cells[0]]
        return above(scores, config.threshold, absolute=config.absolute)

    def suffices(self, faithfulness: Floats, target: float) -> Mask:
        """Whether circuits are as faithful as asked.

        Circuits ranked by the size of scores hold what helps and what hinders, and are to come as near to the model
        from above as from below; those ranked by signed scores are to do at least so well.
        """
        return np.abs(1 - faithfulness) <= 1 - target if self.config.absolute else faithfulness >= target

    def by_node(self, scores: Floats) -> Floats:
        """What each node's outgoing edges score together, ``[..., node]``: the node's own score, to first order."""
        found: Floats = np.zeros((*scores.shape[:-1], len(self.grid.senders)))
        np.add.at(found.T, self.grid.cells[0], scores.T)
        return found


def smallest(
    choice: Choice, scores: Floats, evaluator: Evaluator, target: float, description: str, most: int | None = None
) -> int | None:
    """The smallest number of units found whose pruned circuit is as faithful as asked; ``None`` if none is.

    Sizes are tried on a geometric grid, then on ever finer ones where circuits first do so well. Faithfulness need not
    grow with size, so a smaller circuit may exist between sizes that were not tried.

    Parameters
    ----------
    choice, scores
        Make the circuits.
    evaluator
        Runs them.
    target
        The faithfulness asked for; see ``Choice.suffices``.
    description
        What progress is reported as.
    most
        The largest size to try; all units unless told.
    """
    low, high = 1, most or choice.units
    tried: dict[int, bool] = {}
    for _ in range(_ROUNDS):
        counts = [count for count in _spread(low, high) if count not in tried]
        if not counts:
            break
        circuits = [pruned(choice.grid, choice.of(scores, count)) for count in counts]
        reached = evaluator.faithfulness(evaluator.graded(circuits, description))
        tried |= dict(zip(counts, choice.suffices(reached, target).tolist(), strict=True))
        well = np.flatnonzero(reached >= target)
        if not len(well):
            break
        first = int(well[0])
        low, high = (counts[first - 1] if first else low), counts[first]
    return min((count for count, enough in tried.items() if enough), default=None)


def _spread(low: int, high: int) -> Sequence[int]:
    return sorted({round(value) for value in np.geomspace(low, high, _SIZES)})
