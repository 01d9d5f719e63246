"""Which slices are computed together: few calls, little computed in vain, and never more rows than fit."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from jackfield.replay.costs import Costs
from jackfield.replay.extent import Slice
from jackfield.sites import Gate

__all__ = ["CALL_TOKENS", "Group", "groups_of"]

CALL_TOKENS = 96
"""A call costs about as much as this many tokens more, since it reads all weights once."""


@dataclass(frozen=True, eq=False)
class Group:
    """Slices that are resumed at the same layer and column, in batches of at most ``limit`` rows.

    A slice that cannot be cut is a batch of its own where it is larger.
    """

    layer: int
    column: int
    slices: tuple[Slice, ...]
    limit: int
    gates: frozenset[Gate]

    @property
    def rows(self) -> int:
        return sum(map(len, self.slices))

    @property
    def most_rows(self) -> int:
        """Rows of the largest batch."""
        return max(sum(map(len, batch)) for batch in self.batches())

    def batches(self) -> Iterator[list[Slice]]:
        """The slices, as many together as fit."""
        batch: list[Slice] = []
        room = self.limit
        waiting = [*reversed(self.slices)]
        while waiting:
            piece = waiting.pop()
            if len(piece) > room and not piece.whole and len(piece) > 1 and not batch:
                waiting.extend(reversed(piece.halves()))
            elif len(piece) > room and batch:
                yield batch
                batch, room = [], self.limit
                waiting.append(piece)
            else:
                batch.append(piece)
                room -= len(piece)
        if batch:
            yield batch


def groups_of(slices: Iterable[Slice], costs: Costs, budget: int, layers: bool) -> list[Group]:
    """Group slices by layer, and by columns that are near to each other.

    Parameters
    ----------
    slices
        What is to be computed.
    costs
        What a row takes.
    budget
        Bytes that a batch may take.
    layers
        Whether layers can be left out at all.
    """
    alike: dict[tuple[int, tuple[Gate, ...]], list[Slice]] = defaultdict(list)
    for piece in slices:
        opened = {one.site.kind.gate for one in piece.interventions if one.site.kind.gate is not None}
        alike[piece.layer if layers else 0, tuple(sorted(opened, key=lambda gate: gate.value))].append(piece)
    groups = []
    for (layer, gates), members in alike.items():
        rows = Counter[int]()
        for piece in members:
            rows[piece.column] += len(piece)
        for columns in _neighbours(rows, costs.columns):
            limit = max(1, budget // costs.row_bytes(columns[0], gates))
            chosen = tuple(piece for piece in members if columns[0] <= piece.column <= columns[-1])
            groups.append(Group(layer, columns[0], chosen, limit, frozenset(gates)))
    return groups


def _neighbours(rows: Counter[int], width: int) -> list[Sequence[int]]:
    """Columns split into runs, each computed from its first one on, such that all cost least together."""
    columns = sorted(rows)
    totals = [0, *accumulate(rows[column] for column in columns)]
    best = [(0, 0)]
    for end in range(1, len(columns) + 1):
        best.append(
            min(
                (best[start][0] + (totals[end] - totals[start]) * (width - columns[start]) + CALL_TOKENS, start)
                for start in range(end)
            )
        )
    runs: list[Sequence[int]] = []
    end = len(columns)
    while end:
        start = best[end][1]
        runs.append(columns[start:end])
        end = start
    return runs[::-1]
