"""ACDC: walk the graph from the logits back, and leave out every edge that costs less than a threshold."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from jackfield.edge_grid import EdgeGrid
from jackfield.metrics import BUILT_IN
from jackfield_plugins.circuit_discovery.contrast import Contrast
from jackfield_plugins.circuit_discovery.evaluation import Ablation, Evaluator

if TYPE_CHECKING:
    import random

__all__ = ["Damage", "Order", "acdc"]

Mask = NDArray[np.bool_]

_MOST_AT_ONCE = 64


class Order(StrEnum):
    """In which order the edges into a receiver are tried."""

    NORMAL = "normal"
    REVERSE = "reverse"
    RANDOM = "random"


class Damage(StrEnum):
    """What leaving out an edge costs."""

    KL = "kl"
    """Divergence from the whole model's prediction, in nats."""
    TASK = "task"
    """Share of the metric's difference between clean and corrupted prompts that is lost."""


def acdc(
    contrast: Contrast, threshold: float, order: Order, damage: Damage, ablation: Ablation, draw: random.Random
) -> Mask:
    """The circuit that is left when edges are tried one after the other, receivers last to first.

    An edge is left out if that raises the damage by less than ``threshold``; the damage then counts from there. Edges
    into a node that nothing reads any more are left out untried.

    Parameters
    ----------
    contrast
        The pairs, all of which are run for every edge.
    threshold
        In nats, or as a share, as ``damage`` says; compared with its sign.
    order
        Of the edges into one receiver. The circuit depends on it.
    damage
        What is compared.
    ablation
        What edges outside the circuit carry.
    draw
        Source of randomness of a random order.

    Notes
    -----
    Edges are tried in batches, each with all before it left out. Up to the first that has to stay, that is what trying
    them one by one gives; the rest of the batch is tried again.

    Source: Conmy et al. (arXiv 2304.14997).
    """
    grid, evaluator = contrast.grid, Evaluator(contrast, ablation)
    divergence = next(metric for metric in BUILT_IN if metric.name == "kl_divergence")

    def damages(circuits: list[Mask]) -> list[float]:
        if damage is Damage.KL:
            return list(evaluator.graded(circuits, metric=divergence).mean(-1))
        return list(1 - evaluator.faithfulness(evaluator.graded(circuits)))

    kept, reference, at_once, done = np.ones(grid.size, dtype=bool), 0.0, 8, 0
    progress = contrast.bench.progress
    progress("ACDC", 0, grid.size)
    for tried in _by_receiver(grid, order, draw):
        waiting = tried if _is_read(grid, kept, tried[0]) else []
        kept[tried] = bool(waiting)
        while waiting:
            batch = waiting[:at_once]
            circuits = [_without(kept, batch[: count + 1]) for count in range(len(batch))]
            stayed = False
            for edge, found in zip(batch, damages(circuits), strict=True):
                waiting = waiting[1:]
                if found - reference >= threshold:
                    stayed = True
                    break
                kept[edge], reference = False, found
            at_once = max(1, at_once // 2) if stayed else min(_MOST_AT_ONCE, 2 * at_once)
        done += len(tried)
        progress("ACDC", done, grid.size)
    return kept


def _by_receiver(grid: EdgeGrid, order: Order, draw: random.Random) -> Iterator[list[int]]:
    """The edges into each receiver, last receiver first."""
    _, columns = grid.cells
    into: dict[int, list[int]] = {}
    for edge, column in enumerate(columns.tolist()):
        into.setdefault(column, []).append(edge)
    for column in sorted(into, reverse=True):
        edges = into[column]
        if order is Order.REVERSE:
            edges.reverse()
        elif order is Order.RANDOM:
            draw.shuffle(edges)
        yield edges


def _is_read(grid: EdgeGrid, kept: Mask, edge: int) -> bool:
    """Whether anything reads the node that an edge runs to."""
    rows, columns = grid.cells
    nodes = grid.owners[columns[edge]]
    return not nodes.any() or bool(nodes[rows[kept]].any())


def _without(kept: Mask, edges: list[int]) -> Mask:
    left = kept.copy()
    left[edges] = False
    return left
