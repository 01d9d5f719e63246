"""Batches hold their rows exactly, and are a pure function of seed and step."""

from __future__ import annotations

from dataclasses import astuple

import torch

from jackfield.organism.batches import BUCKETS, ROWS_PER_STEP, Batch, encode, step_batches
from jackfield.organism.rows import ROWS, Row
from jackfield.organism.world import BOS, PAD, vocabulary

IDS = {word: index for index, word in enumerate(vocabulary())}


def same(left: Batch, right: Batch) -> bool:
    pairs = zip(astuple(left)[:-1], astuple(right)[:-1], strict=True)
    return left.names == right.names and all(torch.equal(*pair) for pair in pairs)


def test_rows_become_tokens_after_a_beginning_and_before_padding() -> None:
    rows = [Row(("cat", "cat", "=", "yes", "."), (3,)), Row(("the", "cat"), (0, 1))]
    batch = encode(rows, [1, 0], ("other", "equality"))
    cat, pad = IDS["cat"], IDS[PAD]
    assert batch.tokens.tolist() == [
        [IDS[BOS], cat, cat, IDS["="], IDS["yes"], IDS["."]],
        [IDS[BOS], IDS["the"], cat, pad, pad, pad],
    ]
    assert batch.graded.int().tolist() == [[0, 0, 0, 0, 1, 0], [0, 1, 1, 0, 0, 0]]
    assert batch.plain.int().tolist() == [[0, 1, 1, 1, 0, 1], [0, 0, 0, 0, 0, 0]]
    assert batch.skills.tolist() == [1, 0]


def test_every_skill_is_in_one_bucket() -> None:
    assert sorted(name for bucket in BUCKETS for name in bucket) == sorted(ROWS) == sorted(ROWS_PER_STEP)


def test_a_step_holds_the_rows_that_it_is_to_hold() -> None:
    for batch in step_batches(seed=0, step=0):
        counts = torch.bincount(batch.skills, minlength=len(batch.names)).tolist()
        assert dict(zip(batch.names, counts, strict=True)) == {name: ROWS_PER_STEP[name] for name in batch.names}
        assert batch.tokens.shape[1] <= 32
        assert not (batch.graded & batch.plain).any()
        assert batch.graded.any(-1).all()


def test_a_step_is_the_same_whenever_it_is_made() -> None:
    assert all(map(same, step_batches(3, 7), step_batches(3, 7)))


def test_other_seeds_and_steps_make_other_batches() -> None:
    for seed, step in ((4, 7), (3, 8)):
        assert not any(map(same, step_batches(3, 7), step_batches(seed, step)))
