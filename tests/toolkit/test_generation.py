"""Greedy continuations are those of a loop without a cache, and interventions act on the prompt alone."""

from __future__ import annotations

import pytest
import torch

from jackfield.errors import InterventionError, TaskError
from jackfield.generation import generate
from jackfield.hooked_model import HookedModel
from jackfield.interventions import Intervention, add, replace
from jackfield.sites import Site
from jackfield.token_batch import TokenBatch

ROWS = [[1, 9, 34, 11, 36, 40, 12, 41], [1, 22, 57, 9, 30], [1, 9, 34, 11]]
NEW = 5
SITE = Site.parse("resid_post.0")


def without_cache(model: HookedModel, row: list[int], written: torch.Tensor | None, column: int) -> list[int]:
    """The whole prompt and all that was said so far, computed anew for every token."""
    said = list(row)
    for _ in range(NEW):
        batch = TokenBatch.from_rows([said], 0)
        if written is None:
            logits = model.run(batch)
        else:
            logits = model.run_with_interventions(batch, [replace(SITE, written, batch.at([column]))])
        said.append(int(logits[0, -1].argmax()))
    return said[len(row) :]


@pytest.mark.parametrize("patched", [False, True])
def test_continuations_are_those_of_a_loop_without_a_cache(any_model: HookedModel, patched: bool) -> None:
    batch = TokenBatch.from_rows(ROWS, 0, "left")
    written = torch.randn(any_model.shape.d_model, generator=torch.Generator().manual_seed(0))
    patches = [replace(SITE, written, batch.at([2] * len(ROWS)))] if patched else []
    found = generate(any_model, batch, NEW, patches)
    wanted = [without_cache(any_model, row, written if patched else None, 2) for row in ROWS]
    end = any_model.end_token
    assert end is not None
    assert found == [row[: row.index(end)] if end in row else row for row in wanted]


def test_a_patch_of_the_prompt_changes_what_is_said(fieldmouse: HookedModel) -> None:
    batch = fieldmouse.tokenize(["anna 's boss 's sport"])
    other = fieldmouse.tokenize(["ben 's boss 's sport"])
    site = Site.parse("resid_pre.0")
    swap = replace(site, fieldmouse.run_with_cache(other, [site])[site])
    assert generate(fieldmouse, batch, 3, [swap]) == generate(fieldmouse, other, 3)
    assert generate(fieldmouse, batch, 3) != generate(fieldmouse, other, 3)


def test_what_is_done_afterwards_is_done_to_every_new_token(fieldmouse: HookedModel) -> None:
    batch = TokenBatch.from_rows(ROWS, 0, "left")
    vector = torch.randn(fieldmouse.shape.d_model, generator=torch.Generator().manual_seed(0))
    at_the_end = add(SITE, vector, batch.at([-1] * len(ROWS)))
    found = generate(fieldmouse, batch, NEW, [at_the_end], [add(SITE, vector)])
    for row, said in zip(ROWS, found, strict=True):
        whole = list(row)
        for _ in said:
            prompt = TokenBatch.from_rows([whole], 0)
            where = torch.arange(len(whole))[None] >= len(row) - 1
            logits = fieldmouse.run_with_interventions(prompt, [add(SITE, vector, where)])
            whole.append(int(logits[0, -1].argmax()))
        assert said == whole[len(row) :]
    assert found != generate(fieldmouse, batch, NEW, [at_the_end])


def test_text_after_the_end_is_cut_off(gpt2: HookedModel) -> None:
    batch = TokenBatch.from_rows(ROWS, 0, "left")
    end = gpt2.end_token
    loud = torch.zeros(gpt2.shape.d_vocab)
    loud[end] = 1e4
    assert generate(gpt2, batch, 3, [add(Site.parse("logits"), loud)]) == [[], [], []]


def test_nothing_is_left_hooked_when_an_edit_raises(gpt2: HookedModel) -> None:
    batch = gpt2.tokenize(["anna and ben"])
    before = generate(gpt2, batch, 3)
    with pytest.raises(InterventionError):
        generate(gpt2, batch, 3, [Intervention(SITE, lambda old: old[:, :1])])
    assert generate(gpt2, batch, 3) == before


@pytest.mark.parametrize(
    ("side", "tokens", "reason"),
    [("right", 1, "pad them on the left"), ("left", 0, "0 new"), ("left", 57, "at most 64")],
)
def test_what_cannot_be_continued_is_refused(gpt2: HookedModel, side: str, tokens: int, reason: str) -> None:
    with pytest.raises(TaskError, match=reason):
        generate(gpt2, TokenBatch.from_rows(ROWS, 0, side), tokens)  # type: ignore[arg-type]
    assert len(generate(gpt2, TokenBatch.from_rows(ROWS, 0, "left"), 1)) == 3


def test_a_model_that_keeps_no_keys_is_refused(gpt2: HookedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jackfield.generation.DynamicCache.get_seq_length", lambda cache, layer_idx=0: 0)
    with pytest.raises(TaskError, match="GPT2LMHeadModel keeps no keys and values"):
        generate(gpt2, gpt2.tokenize(["anna and ben"]), 2)
