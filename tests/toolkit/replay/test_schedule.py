"""Rows that are computed together are near to each other, all there, and no more than fit."""

from __future__ import annotations

from itertools import combinations, pairwise

import torch
from hypothesis import given
from hypothesis import strategies as st

from jackfield.interventions import zero
from jackfield.replay.costs import Costs
from jackfield.replay.extent import Slice
from jackfield.replay.schedule import CALL_TOKENS, Group, groups_of
from jackfield.sites import Site
from jackfield.wiring import ModelShape

COLUMNS = 40
COSTS = Costs(ModelShape(4, 2, 2, 8, 4, 50, 64), COLUMNS, per_token=768, item=4)
PATCH = [zero(Site.parse("m1"))]


def piece(patch: int, layer: int, column: int, rows: int, whole: bool = False) -> Slice:
    return Slice(patch, PATCH, layer, column, torch.arange(rows), whole)


def price(groups: list[tuple[int, int]]) -> int:
    """Tokens that are computed, with what each call costs besides."""
    return sum(rows * (COLUMNS - column) + CALL_TOKENS for column, rows in groups)


shapes = st.tuples(st.integers(0, 3), st.integers(0, COLUMNS - 1), st.integers(1, 9))


@given(st.lists(shapes, min_size=1, max_size=20), st.integers(1, 30))
def test_every_row_is_computed_once_from_no_later_than_it_must_be(shapes: list[tuple[int, int, int]], fit: int) -> None:
    slices = [piece(patch, *shape) for patch, shape in enumerate(shapes)]
    groups = groups_of(slices, COSTS, fit * COSTS.row_bytes(0), layers=True)
    seen = []
    for group in groups:
        for batch in group.batches():
            assert sum(map(len, batch)) * COSTS.row_bytes(group.column) <= fit * COSTS.row_bytes(0)
            for part in batch:
                layer, column, _ = shapes[part.patch]
                assert (group.layer, part.column) == (layer, column)
                assert group.column <= column
                seen += [(part.patch, prompt) for prompt in part.prompts.tolist()]
    assert sorted(seen) == [(patch, prompt) for patch, shape in enumerate(shapes) for prompt in range(shape[2])]


@given(st.dictionaries(st.integers(0, COLUMNS - 1), st.integers(1, 30), min_size=1, max_size=6))
def test_no_other_split_into_runs_of_columns_costs_less(rows: dict[int, int]) -> None:
    slices = [piece(patch, 0, column, count) for patch, (column, count) in enumerate(rows.items())]
    found = groups_of(slices, COSTS, 2**40, layers=True)
    columns = sorted(rows)
    prices = []
    for cuts in range(len(columns)):
        for chosen in combinations(range(1, len(columns)), cuts):
            ends = [0, *chosen, len(columns)]
            runs = [columns[start:end] for start, end in pairwise(ends)]
            prices.append(price([(run[0], sum(rows[column] for column in run)) for run in runs]))
    assert price([(group.column, group.rows) for group in found]) == min(prices)


def test_a_slice_that_cannot_be_cut_stays_whole() -> None:
    group = Group(0, 0, (piece(0, 0, 0, 3), piece(1, 0, 0, 5, whole=True), piece(2, 0, 0, 1)), 2, frozenset())
    assert [[len(part) for part in batch] for batch in group.batches()] == [[1], [2], [5], [1]]
    assert group.most_rows == 5


def test_patches_that_open_a_gate_are_kept_from_those_that_do_not() -> None:
    gated = Slice(1, [zero(Site.parse("a1.h0"))], 1, 0, torch.arange(2))
    groups = groups_of([piece(0, 1, 0, 2), gated], COSTS, 2**30, layers=True)
    assert [len(group.gates) for group in groups] == [0, 1]
    assert groups[1].limit < groups[0].limit


def test_where_layers_cannot_be_left_out_all_start_at_the_first() -> None:
    groups = groups_of([piece(0, 1, 0, 2), piece(1, 3, 0, 2)], COSTS, 2**30, layers=False)
    assert [(group.layer, group.rows) for group in groups] == [(0, 4)]
