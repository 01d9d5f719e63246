"""Knocking attention out is what scores of minus infinity do, in the layers and heads that are meant and no others."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from jackfield.errors import InterventionError, SiteError
from jackfield.hooked_model import HookedModel
from jackfield.interventions import Intervention
from jackfield.knockout import Knockout, knock_out, layer_window
from jackfield.replay import Replay
from jackfield.sites import Kind, Site
from jackfield.token_batch import TokenBatch

BATCH = TokenBatch.from_rows([[1, 9, 34, 11, 36, 40, 12, 41], [1, 22, 57, 9, 30]], 0, "left")
SITE = Site.parse("a1.h*.pattern")


@given(st.integers(0, 10_000), st.integers(2, 6))
def test_it_is_the_softmax_of_scores_that_are_minus_infinity_there(seed: int, length: int) -> None:
    draw = torch.Generator().manual_seed(seed)
    scores = torch.randn(2, 3, length, length, generator=draw, dtype=torch.float64)
    scores = scores.masked_fill(torch.ones(length, length).triu(1).bool(), -torch.inf)
    queries, keys = (torch.rand(2, length, generator=draw) < 0.5 for _ in range(2))
    keys[:, 0] = False
    blocked = (queries[:, :, None] & keys[:, None, :])[:, None]
    wanted = scores.masked_fill(blocked, -torch.inf).softmax(-1)
    torch.testing.assert_close(Knockout(queries, keys)(scores.softmax(-1)), wanted)
    torch.testing.assert_close(Knockout(queries, keys)(scores[:, 1].softmax(-1)), wanted[:, 1])


def test_knocking_a_key_out_of_every_layer_is_masking_it_for_every_query(any_model: HookedModel) -> None:
    """Whom nobody may look at changes nobody else, exactly as padding does."""
    row = [1, 9, 34, 11, 36, 40]
    seen, hidden = TokenBatch.from_rows([row], 0), 2
    queries = seen.mask & ~seen.at([hidden])
    patches = [
        knock_out(Site(Kind.PATTERN, layer), queries, seen.at([hidden])) for layer in range(any_model.shape.n_layers)
    ]
    found = any_model.run_with_interventions(seen, patches)[0, -1]
    mask = torch.ones(1, len(row))
    mask[0, hidden] = 0
    with any_model.hooked((), ()):
        wanted = any_model.bridge(seen.tokens, attention_mask=mask, position_ids=seen.position_ids)[0, -1]
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5 * max(1.0, wanted.abs().max().item()))
    assert (found - any_model.run(seen)[0, -1]).abs().max() > 1e-3


def test_only_the_heads_and_queries_that_are_meant_look_away(gpt2: HookedModel) -> None:
    blind = knock_out(Site.parse("a1.h2.pattern"), BATCH.at([-1, -1]), BATCH.at([1, 1]))
    before, after = (gpt2.run_with_cache(BATCH, [SITE], patches)[SITE] for patches in ((), (blind,)))
    changed = (before != after).any(-1)
    where = torch.zeros_like(changed)
    where[:, 2, -1] = True
    assert torch.equal(changed, where)
    columns = BATCH.columns([1, 1])
    assert after[torch.arange(2), 2, -1, columns].tolist() == [0, 0]
    torch.testing.assert_close(after.sum(-1), before.sum(-1))


def test_knockouts_can_be_swept_by_replay(gpt2: HookedModel) -> None:
    patches: list[list[Intervention]] = [
        [knock_out(site, BATCH.at([-1, -1]), BATCH.at([1, 1])) for site in layer_window(gpt2.shape, layer, 0)]
        for layer in range(2)
    ]
    wanted = [gpt2.answer_logits(gpt2.run_with_interventions(BATCH, patch), BATCH) for patch in patches]
    found = torch.zeros(2, 2, gpt2.shape.d_vocab)
    for indices, prompts, logits in Replay(gpt2, BATCH, patches).answers():
        found[indices, prompts] = logits
    torch.testing.assert_close(found, torch.stack(wanted), rtol=1e-5, atol=1e-5)


def test_windows_are_cut_off_at_the_ends(gpt2: HookedModel, fieldmouse: HookedModel) -> None:
    assert [site.layer for site in layer_window(fieldmouse.shape, 1, 3)] == [0, 1, 2, 3, 4]
    assert [site.layer for site in layer_window(fieldmouse.shape, 5, 0)] == [5]
    for centre, reach in ((2, 0), (-1, 1), (0, -1)):
        with pytest.raises(SiteError):
            layer_window(gpt2.shape, centre, reach)


def test_what_cannot_be_knocked_out_is_refused(gpt2: HookedModel) -> None:
    last, first = BATCH.at([-1, -1]), BATCH.at([0, 0])
    with pytest.raises(SiteError, match="no attention pattern"):
        knock_out(Site.parse("attn_out.1"), last, first)
    with pytest.raises(InterventionError, match="selects no key"):
        knock_out(SITE, last, torch.zeros_like(first))
    with pytest.raises(InterventionError, match="selects no position"):
        knock_out(SITE, torch.zeros_like(first), first)
    with pytest.raises(InterventionError, match="without anything to attend to"):
        gpt2.run_with_interventions(BATCH, [knock_out(SITE, first, BATCH.mask)])
    short = TokenBatch.from_rows([[1, 9]], 0)
    with pytest.raises(InterventionError, match="does not fit"):
        gpt2.run_with_interventions(BATCH, [Intervention(SITE, Knockout(short.mask, short.mask))])
