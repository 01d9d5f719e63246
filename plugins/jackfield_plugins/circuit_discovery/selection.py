"""From scores to circuits: the strongest edges, those beyond a threshold, or those that hang together."""

from __future__ import annotations

import heapq

import numpy as np
from numpy.typing import NDArray

from jackfield.edge_grid import EdgeGrid
from jackfield.errors import ConfigError, UndefinedMetricError

__all__ = ["above", "greedy", "pruned", "ranked", "require_count", "strongest"]

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


def ranked(scores: Floats, *, absolute: bool) -> NDArray[np.int64]:
    """The indices of all edges, strongest first; ties in the order of the grid.

    Raises
    ------
    UndefinedMetricError
        If a score is not a number.
    """
    if unknown := int(np.isnan(scores).sum()):
        raise UndefinedMetricError(f"{unknown} of {len(scores)} edge scores are not numbers, so edges cannot be ranked")
    return np.argsort(-(np.abs(scores) if absolute else scores), kind="stable")


def strongest(scores: Floats, count: int, *, absolute: bool) -> Mask:
    """The ``count`` edges with the largest scores.

    Parameters
    ----------
    scores
        ``[edge]``.
    count
        How many.
    absolute
        Whether strength is the score's size, or the score with its sign.

    Raises
    ------
    ConfigError
        If there are not so many edges.
    UndefinedMetricError
        If a score is not a number.
    """
    require_count(count, len(scores))
    chosen = np.zeros(len(scores), dtype=bool)
    chosen[ranked(scores, absolute=absolute)[:count]] = True
    return chosen


def above(scores: Floats, threshold: float, *, absolute: bool) -> Mask:
    """The edges with scores of at least ``threshold``; arguments and errors as for ``strongest``."""
    ranked(scores, absolute=absolute)
    chosen: Mask = (np.abs(scores) if absolute else scores) >= threshold
    return chosen


def greedy(grid: EdgeGrid, scores: Floats, count: int, *, absolute: bool) -> Mask:
    """The best ``count`` edges that can be had one by one, each from a node that something chosen already reads.

    Starts with the edges into ``logits``. Whenever a node's output is first taken, the edges into it can be chosen. So
    every edge leads on to the logits.

    Parameters
    ----------
    grid
        The edges.
    scores, count, absolute
        As for ``strongest``.
    """
    require_count(count, len(scores))
    order = ranked(scores, absolute=absolute)
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    rows, columns = grid.cells
    into: dict[int, list[int]] = {}
    for edge, column in enumerate(columns.tolist()):
        into.setdefault(column, []).append(edge)
    heap = [int(rank[edge]) for edge in into[len(grid.receivers) - 1]]
    heapq.heapify(heap)
    chosen = np.zeros(len(scores), dtype=bool)
    opened: set[int] = {len(grid.receivers) - 1}
    for _ in range(count):
        edge = int(order[heapq.heappop(heap)])
        chosen[edge] = True
        for column in np.flatnonzero(grid.owners[:, rows[edge]]).tolist():
            if column not in opened:
                opened.add(column)
                for other in into[column]:
                    heapq.heappush(heap, int(rank[other]))
    return chosen


def pruned(grid: EdgeGrid, chosen: Mask) -> Mask:
    """The chosen edges that lie on a way from the input to the logits through chosen edges.

    A node is kept as long as something chosen comes in and something chosen goes out; an edge as long as both its ends
    are. That is repeated until nothing changes.
    """
    rows, columns = grid.cells
    owners = grid.owners
    kept = chosen
    while True:
        sends = np.zeros(len(grid.senders), dtype=bool)
        hears = np.zeros(len(grid.receivers), dtype=bool)
        sends[rows[kept]], hears[columns[kept]] = True, True
        fed = np.asarray(owners[hears].any(axis=0))
        fed[0] = True
        alive = sends & fed
        leads = np.asarray(owners[:, alive].any(axis=1))
        leads[-1] = True
        left = kept & alive[rows] & leads[columns]
        if left.sum() == kept.sum():
            return kept
        kept = left


def require_count(count: int, size: int, what: str = "edges") -> None:
    """Raise ``ConfigError`` unless so many can be chosen."""
    if not 1 <= count <= size:
        raise ConfigError(f"a circuit of {count} {what} was asked for; this model has {size}, and one is the least")
