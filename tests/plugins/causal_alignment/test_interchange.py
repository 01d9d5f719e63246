"""Swaps from the site on equal whole runs, and so do their gradients."""

from __future__ import annotations

import pytest
import torch

from jackfield.errors import ConfigError, SiteError
from jackfield.hooked_model import HookedModel
from jackfield.interventions import Intervention, Replacement, replace
from jackfield.sites import Site
from jackfield_plugins.causal_alignment.interchange import Interchange

PROMPTS = ["anna and ben went to the park", "cat box cup pen leaf rose coat", "red green blue red pink cat box"]
TOKENS = [20, 21, 30]


@pytest.mark.parametrize("name", ["resid_pre.0", "resid_post.0", "resid_post.1", "attn_out.1", "m1", "m0"])
@pytest.mark.parametrize("position", [0, 3, -1])
def test_swaps_equal_whole_runs_and_so_do_gradients(tiny_model: HookedModel, name: str, position: int) -> None:
    batch, site = tiny_model.tokenize(PROMPTS), Site.parse(name)
    position %= batch.tokens.shape[1]
    part = Interchange.record(tiny_model, batch, site, position, TOKENS)
    base, source = torch.tensor([2, 0, 1, 0]), torch.tensor([0, 1, 2, 0])
    rows, where = batch.select(base), batch.select(base).at([position] * 4)

    def whole(written: torch.Tensor) -> torch.Tensor:
        edit = Intervention(site, Replacement(site, written[:, None]), where)
        run = tiny_model.run_differentiably(rows, (), [edit])
        return tiny_model.answer_logits(run.logits, rows)[:, TOKENS]

    states = tiny_model.run_with_cache(batch, [site])[site][:, position]
    torch.testing.assert_close(part.states, states)
    torch.testing.assert_close(part.plain, tiny_model.answer_logits(tiny_model.run(batch), batch)[:, TOKENS])
    found, wanted = (states[source].clone().requires_grad_() for _ in range(2))
    torch.testing.assert_close(part.answers(base, states[source]), whole(states[source]).detach(), rtol=1e-4, atol=1e-4)
    part.answers_differentiably(base, found).square().sum().backward()
    whole(wanted).square().sum().backward()
    scale = float(wanted.grad.abs().max())
    torch.testing.assert_close(found.grad, wanted.grad, rtol=1e-3, atol=1e-4 * scale)
    assert all(parameter.grad is None for parameter in tiny_model.bridge.original_model.parameters())


def test_no_swap_is_a_plain_run_and_a_full_one_an_ordinary_patch(gpt2: HookedModel) -> None:
    batch, site = gpt2.tokenize(PROMPTS), Site.parse("resid_post.0")
    part = Interchange.record(gpt2, batch, site, 2, TOKENS)
    everyone = torch.arange(len(PROMPTS))
    torch.testing.assert_close(part.answers(everyone, part.states), part.plain, rtol=1e-4, atol=1e-4)
    patch = replace(site, part.states.roll(1, 0)[:, None], batch.at([2] * len(PROMPTS)))
    patched = gpt2.answer_logits(gpt2.run_with_interventions(batch, [patch]), batch)[:, TOKENS]
    torch.testing.assert_close(part.answers(everyone, part.states.roll(1, 0)), patched, rtol=1e-4, atol=1e-4)


def test_only_what_follows_is_run(fieldmouse: HookedModel) -> None:
    batch = fieldmouse.tokenize(["cat cat , box cup ="])
    part = Interchange.record(fieldmouse, batch, Site.parse("resid_post.3"), 4, TOKENS)
    assert (part.layer, part.column, part.depth, part.only_answers) == (4, 4, 0, True)


def test_sites_that_hold_no_vector_of_a_token_are_refused(gpt2: HookedModel) -> None:
    batch = gpt2.tokenize(PROMPTS)
    for name in ("a0.h*.z", "a0.h1.pattern", "resid_mid.0"):
        with pytest.raises(ConfigError, match="one vector for each token"):
            Interchange.record(gpt2, batch, Site.parse(name), 0, TOKENS)
    with pytest.raises(SiteError):
        Interchange.record(gpt2, batch, Site.parse("resid_post.7"), 0, TOKENS)
