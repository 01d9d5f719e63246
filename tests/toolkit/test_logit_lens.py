"""What parts write is read as the last stream would be, and ranks are counted from the top."""

from __future__ import annotations

import pytest
import torch

from jackfield.errors import SiteError
from jackfield.hooked_model import HookedModel
from jackfield.logit_lens import token_ranks, unembedded
from jackfield.sites import Kind, Site
from jackfield.token_batch import TokenBatch

BATCH = TokenBatch.from_rows([[1, 9, 34, 11, 36, 40, 12, 41], [1, 22, 57, 9, 30]], 0)


def test_the_last_stream_is_read_as_the_model_reads_it(any_model: HookedModel) -> None:
    last = Site(Kind.RESID_POST, any_model.shape.n_layers - 1)
    run = any_model.run_with_cache(BATCH, [last, Site(Kind.LOGITS)])
    found = unembedded(any_model, run[last])[BATCH.mask]
    torch.testing.assert_close(found, run[Site(Kind.LOGITS)][BATCH.mask], rtol=1e-5, atol=1e-5)


def test_ranks_are_places_in_the_order_of_all_tokens(any_model: HookedModel) -> None:
    sites = [Site(kind, any_model.shape.n_layers - 1) for kind in (Kind.ATTN_OUT, Kind.MLP_OUT, Kind.RESID_POST)]
    tokens = torch.zeros(2, any_model.shape.d_vocab, dtype=torch.bool)
    tokens[0, [3, 17]] = True
    tokens[1, 5] = True
    found = token_ranks(any_model, BATCH, tokens, sites, [-1, -1])
    run = any_model.run_with_cache(BATCH, sites)
    for site in sites:
        logits = any_model.answer_logits(unembedded(any_model, run[site]), BATCH)
        order = [row.tolist() for row in logits.argsort(descending=True)]
        assert found[site].tolist() == [min(order[0].index(3), order[0].index(17)), order[1].index(5)]


def test_the_answer_is_the_top_of_the_last_stream_alone_where_the_model_knows_it(fieldmouse: HookedModel) -> None:
    batch = fieldmouse.tokenize(["anna 's boss", "ben 's boss"])
    answers = torch.zeros(2, fieldmouse.shape.d_vocab, dtype=torch.bool)
    guesses = fieldmouse.answer_logits(fieldmouse.run(batch), batch).argmax(-1)
    answers[torch.arange(2), guesses] = True
    early, late = Site.parse("attn_out.0"), Site.parse("resid_post.5")
    found = token_ranks(fieldmouse, batch, answers, [early, late], [-1, -1])
    assert found[late].tolist() == [0, 0]
    assert min(found[early].tolist()) > 0


def test_what_is_not_as_wide_as_the_stream_is_refused(gpt2: HookedModel) -> None:
    tokens = torch.ones(2, gpt2.shape.d_vocab, dtype=torch.bool)
    with pytest.raises(SiteError, match=r"a0\.h0\.z, logits cannot be unembedded"):
        token_ranks(gpt2, BATCH, tokens, [Site.parse("a0.h0.z"), Site.parse("logits")], [-1, -1])
