"""Rows that are computed together are near to each other, all there, and no more than fit."""

from __future__ import annotations

from itertools import combinations, pairwise

import torch
from hypothesis import given
from hypothesis import strategies as st

from jackfield.interventions import zero
from jackfield.replay.capability import Capability
from jackfield.replay.costs import Costs
from jackfield.replay.extent import Slice
from jackfield.replay.schedule import CALL_TOKENS, Group, groups_of
from jackfield.sites import Site
from jackfield.wiring import ModelShape

COLUMNS = 40
COSTS = Costs(ModelShape(4, 2, 2, 8, 4, 50, 64), COLUMNS, per_token=768, item=4)
PATCH = [zero(Site.parse("m1"))]
ABLE = Capability(True, True, True, True, True)


def piece(patch: int, layer: int, column: int, rows: int, whole: bool = False) -> Slice:
    return Slice(patch, PATCH, layer, column, torch.arange(rows), whole)


def price(runs: list[list[tuple[int, int, int]]]) -> int:
    """Tokens computed in all blocks, and what each call of a block costs besides; a run is of (layer, column, rows)."""
    return sum(
        sum((4 - layer) * rows * (COLUMNS - run[0][1]) for layer, _, rows in run)
        + (4 - min(layer for layer, _, _ in run)) * CALL_TOKENS
        for run in runs
    )


shapes = st.tuples(st.integers(0, 3), st.integers(0, COLUMNS - 1), st.integers(1, 9))


@given(st.lists(shapes, min_size=1, max_size=20), st.integers(1, 30))
def test_every_row_is_computed_once_from_no_later_than_it_must_be(shapes: list[tuple[int, int, int]], fit: int) -> None:
    slices = [piece(patch, *shape) for patch, shape in enumerate(shapes)]
    budget = fit * max(map(COSTS.row_bytes, range(COLUMNS)))
    groups = groups_of(slices, COSTS, budget, ABLE)
    seen = []
    for group in groups:
        for batch in group.batches():
            assert sum(map(len, batch)) * COSTS.row_bytes(group.column) <= budget
            for part in batch:
                assert (part.layer, part.column) == shapes[part.patch][:2]
                assert group.column <= part.column
                seen += [(part.patch, prompt) for prompt in part.prompts.tolist()]
            assert [part.layer for part in batch] == sorted(part.layer for part in batch)
    assert sorted(seen) == [(patch, prompt) for patch, shape in enumerate(shapes) for prompt in range(shape[2])]


@given(
    st.dictionaries(
        st.integers(0, COLUMNS - 1), st.tuples(st.integers(0, 3), st.integers(1, 30)), min_size=1, max_size=6
    )
)
def test_no_other_split_into_runs_of_columns_costs_less(rows: dict[int, tuple[int, int]]) -> None:
    wanted = [(layer, column, count) for column, (layer, count) in sorted(rows.items())]
    slices = [piece(patch, *shape) for patch, shape in enumerate(wanted)]
    found = groups_of(slices, COSTS, 2**40, ABLE)
    prices = []
    for cuts in range(len(wanted)):
        for chosen in combinations(range(1, len(wanted)), cuts):
            ends = [0, *chosen, len(wanted)]
            prices.append(price([wanted[start:end] for start, end in pairwise(ends)]))
    runs = [sorted((part.column, part.layer, len(part)) for part in group.slices) for group in found]
    assert price([[(layer, column, count) for column, layer, count in run] for run in runs]) == min(prices)


def test_a_slice_that_cannot_be_cut_stays_whole() -> None:
    group = Group(0, (piece(0, 0, 0, 3), piece(1, 0, 0, 5, whole=True), piece(2, 0, 0, 1)), 2)
    assert [[len(part) for part in batch] for batch in group.batches()] == [[1], [2], [5], [1]]
    assert group.most_rows == 5


def test_patches_that_open_a_gate_are_kept_from_those_that_do_not() -> None:
    gated = Slice(1, [zero(Site.parse("a1.h0"))], 1, 0, torch.arange(2))
    groups = groups_of([piece(0, 1, 0, 2), gated], COSTS, 2**30, ABLE)
    assert [len(group.gates) for group in groups] == [0, 1]
    assert groups[1].limit < groups[0].limit


def test_only_what_ends_before_the_last_layers_output_may_leave_it_out() -> None:
    last = [zero(Site.parse("a3.h*.z"))], [zero(Site.parse("attn_out.3"))], [zero(Site.parse("m2"))]
    slices = [Slice(patch, patches, 3, 0, torch.arange(2)) for patch, patches in enumerate(last)]
    groups = groups_of(slices, COSTS, 2**30, ABLE)
    assert {part.patch: group.only_answers for group in groups for part in group.slices} == {0: True, 1: False, 2: True}
    groups = groups_of(slices, COSTS, 2**30, Capability(True, True, True, True))
    assert not any(group.only_answers for group in groups)


def test_rows_of_different_layers_are_kept_apart_where_they_cannot_share_a_pass() -> None:
    slices = [piece(0, 1, 0, 2), piece(1, 3, 0, 2), piece(2, 1, 0, 1)]
    groups = groups_of(slices, COSTS, 2**30, Capability(True, True, True))
    assert [(group.layers, group.rows) for group in groups] == [((1, 1), 3), ((3, 3), 2)]
    assert [(group.layers, group.rows) for group in groups_of(slices, COSTS, 2**30, ABLE)] == [((1, 3), 5)]
