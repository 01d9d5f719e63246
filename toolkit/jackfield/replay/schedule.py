"""Which slices are computed together: few calls, little computed in vain, and never more rows than fit."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from jackfield.replay.capability import Capability
from jackfield.replay.costs import Costs
from jackfield.replay.extent import Slice
from jackfield.sites import Gate, Kind

__all__ = ["CALL_TOKENS", "Group", "groups_of"]

CALL_TOKENS = 32
"""A call of a block costs about as much as this many tokens more, since it reads all weights once."""


@dataclass(frozen=True, eq=False)
class Group:
    """Slices that are resumed at the same column, in batches of at most ``limit`` rows.

    Slices are in the order of the layers that they start at. One that cannot be cut is a batch of its own where it is
    larger.
    """

    column: int
    slices: tuple[Slice, ...]
    limit: int
    gates: frozenset[Gate] = frozenset()
    only_answers: bool = False

    @property
    def rows(self) -> int:
        return sum(map(len, self.slices))

    @property
    def most_rows(self) -> int:
        """Rows of the largest batch."""
        return max(sum(map(len, batch)) for batch in self.batches())

    @property
    def layers(self) -> tuple[int, int]:
        """The first and the last layer that a slice starts at."""
        return self.slices[0].layer, self.slices[-1].layer

    def multiply_adds(self, costs: Costs) -> int:
        """Of all rows, computed from the group's column on."""
        return sum(self._row(costs, piece.layer, self.column) * len(piece) for piece in self.slices)

    def least_multiply_adds(self, costs: Costs) -> int:
        """Of all rows, were each computed from its own column on."""
        return sum(self._row(costs, piece.layer, piece.column) * len(piece) for piece in self.slices)

    def _row(self, costs: Costs, layer: int, column: int) -> int:
        return costs.multiply_adds(layer, column, only_answers=self.only_answers)

    def peak_bytes(self, costs: Costs) -> int:
        """The most that a batch takes."""
        return self.most_rows * costs.row_bytes(self.column, self.gates)

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


def groups_of(slices: Iterable[Slice], costs: Costs, budget: int, capability: Capability) -> list[Group]:
    """Group slices by columns that are near to each other.

    Parameters
    ----------
    slices
        What is to be computed.
    costs
        What a row takes.
    budget
        Bytes that a batch may take.
    capability
        What the model lets be left out.
    """
    alike: dict[tuple[int, bool, tuple[Gate, ...]], list[Slice]] = defaultdict(list)
    for piece in slices:
        opened = {one.site.kind.gate for one in piece.interventions if one.site.kind.gate is not None}
        gates = tuple(sorted(opened, key=lambda gate: gate.value))
        alone = capability.only_answers and not gates and _ends_before(piece, costs.shape.n_layers - 1)
        alike[0 if capability.staggers else piece.layer, alone, gates].append(piece)
    groups = []
    for (_, alone, gates), members in alike.items():
        members.sort(key=lambda piece: piece.layer)
        for columns in _neighbours(members, costs):
            limit = max(1, budget // costs.row_bytes(columns[0], gates))
            chosen = tuple(piece for piece in members if columns[0] <= piece.column <= columns[-1])
            groups.append(Group(columns[0], chosen, limit, frozenset(gates), alone))
    return groups


def _ends_before(piece: Slice, last: int) -> bool:
    """Whether nothing is written behind the heads of the last layer."""
    return all(one.site.layer != last or one.site.kind.stage <= Kind.Z.stage for one in piece.interventions)


def _neighbours(slices: Sequence[Slice], costs: Costs) -> list[Sequence[int]]:
    """Columns split into runs, each computed from its first one on, such that all cost least together."""
    blocks, deepest = Counter[int](), Counter[int]()
    for piece in slices:
        depth = costs.shape.n_layers - piece.layer
        blocks[piece.column] += len(piece) * depth
        deepest[piece.column] = max(deepest[piece.column], depth)
    columns = sorted(blocks)
    totals = [0, *accumulate(blocks[column] for column in columns)]
    best = [(0, 0)]
    for end in range(1, len(columns) + 1):
        choices, calls = [], 0
        for start in reversed(range(end)):
            calls = max(calls, deepest[columns[start]])
            computed = (totals[end] - totals[start]) * (costs.columns - columns[start])
            choices.append((best[start][0] + computed + calls * CALL_TOKENS, start))
        best.append(min(choices))
    runs: list[Sequence[int]] = []
    end = len(columns)
    while end:
        start = best[end][1]
        runs.append(columns[start:end])
        end = start
    return runs[::-1]
