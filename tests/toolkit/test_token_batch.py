"""Positions count tokens and columns count places, whatever the padding."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from jaxtyping import TypeCheckError

from jackfield.errors import AlignmentError, TaskError
from jackfield.token_batch import PaddingSide, TokenBatch

rows_of_tokens = st.lists(st.lists(st.integers(1, 99), min_size=1, max_size=7), min_size=1, max_size=5)
sides = st.sampled_from(["left", "right"])
PAD = 0


@given(rows_of_tokens, sides)
def test_padding_keeps_every_token_in_order(rows: list[list[int]], side: PaddingSide) -> None:
    batch = TokenBatch.from_rows(rows, PAD, side)
    assert len(batch) == len(rows)
    assert [tokens[mask].tolist() for tokens, mask in zip(batch.tokens, batch.mask, strict=True)] == rows
    assert bool((batch.tokens[~batch.mask] == PAD).all())
    assert batch.lengths.tolist() == [len(row) for row in rows]


@given(rows_of_tokens, sides)
def test_a_tokens_position_does_not_depend_on_padding(rows: list[list[int]], side: PaddingSide) -> None:
    batch = TokenBatch.from_rows(rows, PAD, side)
    for row, mask, position_ids in zip(rows, batch.mask, batch.position_ids, strict=True):
        assert position_ids[mask].tolist() == list(range(len(row)))
    assert int(batch.position_ids.min()) == 0


@given(rows_of_tokens, sides, st.data())
def test_columns_lead_to_the_token_at_a_position(rows: list[list[int]], side: PaddingSide, data: st.DataObject) -> None:
    batch = TokenBatch.from_rows(rows, PAD, side)
    positions = [data.draw(st.integers(-len(row), len(row) - 1)) for row in rows]
    wanted = [row[position] for row, position in zip(rows, positions, strict=True)]
    columns = batch.columns(positions)
    assert batch.tokens[torch.arange(len(rows)), columns].tolist() == wanted
    assert batch.tokens[batch.at(positions)].tolist() == wanted
    assert batch.at(torch.tensor(positions)).sum(-1).tolist() == [1] * len(rows)


@given(rows_of_tokens, sides)
def test_the_last_column_is_position_minus_one(rows: list[list[int]], side: PaddingSide) -> None:
    batch = TokenBatch.from_rows(rows, PAD, side)
    assert torch.equal(batch.last_columns, batch.columns([-1] * len(rows)))


@given(rows_of_tokens, sides, st.data())
def test_selected_rows_come_in_the_order_asked_for(
    rows: list[list[int]], side: PaddingSide, data: st.DataObject
) -> None:
    batch = TokenBatch.from_rows(rows, PAD, side)
    chosen = data.draw(st.lists(st.integers(0, len(rows) - 1), min_size=1, max_size=6))
    part = batch.select(chosen)
    assert [tokens[mask].tolist() for tokens, mask in zip(part.tokens, part.mask, strict=True)] == [
        rows[row] for row in chosen
    ]


def test_left_and_right_padding_by_hand() -> None:
    left = TokenBatch.from_rows([[5, 6, 7], [8]], PAD, "left")
    assert left.tokens.tolist() == [[5, 6, 7], [0, 0, 8]]
    assert left.position_ids.tolist() == [[0, 1, 2], [0, 0, 0]]
    assert left.columns([1, 0]).tolist() == [1, 2]
    right = TokenBatch.from_rows([[5, 6, 7], [8]], PAD)
    assert right.tokens.tolist() == [[5, 6, 7], [8, 0, 0]]
    assert right.last_columns.tolist() == [2, 0]


def test_a_real_token_may_be_the_padding_token() -> None:
    batch = TokenBatch.from_rows([[0, 0, 0], [0]], PAD, "left")
    assert batch.lengths.tolist() == [3, 1]
    assert batch.columns([0, 0]).tolist() == [0, 2]


@pytest.mark.parametrize("rows", [[], [[]], [[1, 2], []]])
def test_a_batch_without_tokens_is_refused(rows: list[list[int]]) -> None:
    with pytest.raises(TaskError, match="at least one prompt, and every prompt at least one token"):
        TokenBatch.from_rows(rows, PAD)


@pytest.mark.parametrize("positions", [[3, 0], [0, 1], [-4, 0], [0, -2]])
@pytest.mark.parametrize("side", ["left", "right"])
def test_a_position_that_a_prompt_lacks_is_refused(positions: list[int], side: PaddingSide) -> None:
    batch = TokenBatch.from_rows([[5, 6, 7], [8]], PAD, side)
    with pytest.raises(AlignmentError, match=r"asked of prompts of \[3, 1\] tokens"):
        batch.columns(positions)


@pytest.mark.parametrize("positions", [[0], [0, 0, 0]])
def test_positions_for_another_number_of_prompts_are_refused(positions: list[int]) -> None:
    batch = TokenBatch.from_rows([[5, 6, 7], [8]], PAD)
    with pytest.raises(AlignmentError, match="one position per prompt"):
        batch.columns(positions)


def test_prompts_of_unequal_length_are_not_aligned() -> None:
    batch = TokenBatch.from_rows([[5, 6, 7], [8]], PAD)
    batch.require_aligned_with(TokenBatch.from_rows([[1, 2, 3], [4]], PAD))
    for other in ([[1, 2, 3], [4, 5]], [[1, 2], [4]], [[1, 2, 3]]):
        with pytest.raises(AlignmentError, match="equal token lengths pair by pair"):
            batch.require_aligned_with(TokenBatch.from_rows(other, PAD))
    with pytest.raises(AlignmentError):
        batch.require_aligned_with(TokenBatch.from_rows([[1, 2, 3], [4]], PAD, "left"))


def test_the_suite_checks_shapes_and_formats_at_run_time() -> None:
    with pytest.raises(TypeCheckError):
        TokenBatch(torch.zeros(2, 3, dtype=torch.long), torch.ones(2, 4, dtype=torch.bool))
    with pytest.raises(TypeCheckError):
        TokenBatch(torch.zeros(2, 3), torch.ones(2, 3, dtype=torch.bool))


@given(rows_of_tokens, sides)
def test_padding_moved_to_the_left_is_padding_on_the_left(rows: list[list[int]], side: PaddingSide) -> None:
    found, wanted = TokenBatch.from_rows(rows, PAD, side).left_padded(), TokenBatch.from_rows(rows, PAD, "left")
    assert torch.equal(found.tokens, wanted.tokens)
    assert torch.equal(found.mask, wanted.mask)


@given(rows_of_tokens, rows_of_tokens, sides)
def test_batches_are_joined_row_by_row(first: list[list[int]], second: list[list[int]], side: PaddingSide) -> None:
    joined = TokenBatch.from_rows(first, PAD, side).joined(TokenBatch.from_rows(second, PAD, side))
    found = [tokens[mask].tolist() for tokens, mask in zip(joined.tokens, joined.mask, strict=True)]
    assert found == first + second
    assert joined.columns([0] * len(found)).tolist() == joined.mask.int().argmax(-1).tolist()
