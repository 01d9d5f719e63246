"""What replay computes equals what the plain loop computes: every site, architecture, padding and position."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from jackfield.hooked_model import HookedModel
from jackfield.interventions import Intervention, add, replace, zero
from jackfield.loading import hook
from jackfield.replay import Replay
from jackfield.sites import Kind, Site
from jackfield.token_batch import PaddingSide, TokenBatch

BASE = [[1, 9, 34, 11, 36, 40, 12, 41, 8], [1, 22, 57, 9, 30], [1, 9, 34, 11, 36, 14, 40, 41, 8]]
SOURCE = [[1, 9, 34, 11, 50, 40, 12, 13, 8], [1, 22, 58, 9, 30], [1, 9, 34, 11, 36, 14, 40, 41, 8]]
"""The first two differ from their fifth and third token on; the last does not differ at all."""

Patches = list[list[Intervention]]


def batches(side: PaddingSide) -> tuple[TokenBatch, TokenBatch]:
    return TokenBatch.from_rows(BASE, 0, side), TokenBatch.from_rows(SOURCE, 0, side)


def all_sites(model: HookedModel) -> Iterator[Site]:
    """Of the first and last layer, each kind with all its heads, and with the last of them alone."""
    yield Site(Kind.INPUT)
    yield Site(Kind.LOGITS)
    for layer in (0, model.shape.n_layers - 1):
        for site in dict.fromkeys(site.all_heads for site in model.shape.sites_in_layer(layer)):
            yield site
            if site.kind.has_heads:
                yield Site(site.kind, layer, model.shape.heads_of(site.kind) - 1)


def plainly(model: HookedModel, base: TokenBatch, patches: Sequence[Sequence[Intervention]]) -> Tensor:
    return torch.stack([model.answer_logits(model.run_with_interventions(base, patch), base) for patch in patches])


def replayed(replay: Replay, shape: torch.Size) -> Tensor:
    """All answers; each row is there exactly once."""
    found = torch.full(shape, torch.nan)
    for patches, prompts, logits in replay.answers():
        assert found[patches, prompts].isnan().all()
        found[patches, prompts] = logits
    assert not found.isnan().any()
    return found


def require_equal(model: HookedModel, base: TokenBatch, patches: Patches, budget: int | None = None) -> Replay:
    wanted = plainly(model, base, patches)
    replay = Replay(model, base, patches, budget)
    found = replayed(replay, wanted.shape)
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5 * max(1.0, wanted.abs().max().item()))
    return replay


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("extent", ["one position", "all positions"])
def test_replay_equals_the_plain_loop_at_every_site(any_model: HookedModel, side: PaddingSide, extent: str) -> None:
    base, source = batches(side)
    values = any_model.run_with_cache(source, {site.all_heads for site in all_sites(any_model)})
    masks = [base.at([-2, -2, -2]), base.at([4, 1, 0])] if extent == "one position" else [base.mask, None]
    patches = [[replace(site, values[site], where)] for site in all_sites(any_model) for where in masks]
    replay = require_equal(any_model, base, patches)
    assert replay.plan.fallbacks == ()
    assert replay.plan.plain == {"they write to the logits": len(masks)}
    assert max(step.layers[1] for step in replay.plan.steps) == any_model.shape.n_layers - 1
    assert replay.plan.unchanged_rows > 0
    assert replay.plan.saving > 1


@pytest.mark.parametrize("side", ["left", "right"])
def test_zero_addition_and_arbitrary_edits_are_exact(any_model: HookedModel, side: PaddingSide) -> None:
    base, _ = batches(side)
    middle = base.at([3, 2, 4])
    stream, heads, mlp = (Site.parse(text) for text in ("resid_pre.1", "a1.h*.z", "m0"))
    width = torch.linspace(-1, 1, any_model.shape.d_model)
    patches = [
        [zero(heads, middle)],
        [zero(Site.parse("a0.h1.v"))],
        [add(stream, width, middle)],
        [add(mlp, width)],
        [replace(mlp, width, middle)],
        [Intervention(stream, lambda old: old.flip(0), middle)],
        [Intervention(heads, lambda old: old.mean(1, keepdim=True).expand_as(old))],
        [Intervention(stream, lambda old: 2 * old, middle), zero(heads, base.at([-1, -1, -1]))],
    ]
    require_equal(any_model, base, patches)


def test_several_interventions_of_a_patch_act_together(any_model: HookedModel) -> None:
    base, source = batches("left")
    sites = [Site.parse(text) for text in ("a0.h1.z", "a1.h0.z", "resid_pre.1", "m1", "m0")]
    values = any_model.run_with_cache(source, sites)
    own = any_model.run_with_cache(base, sites)
    first, late = base.at([2, 2, 2]), base.at([-1, -1, -1])
    patches = [
        [replace(site, values[site]) for site in sites],
        [replace(site, values[site], late) for site in reversed(sites)],
        [replace(sites[0], values[sites[0]]), replace(sites[1], own[sites[1]])],
        [
            replace(sites[2], values[sites[2]], late),
            replace(sites[2], own[sites[2]], first),
            add(sites[2], own[sites[2]]),
        ],
        [replace(sites[3], own[sites[3]], first), add(sites[4], own[sites[4]], late)],
    ]
    require_equal(any_model, base, patches)


def test_what_a_later_patch_puts_back_counts_though_it_changes_nothing_by_itself(llama: HookedModel) -> None:
    base, source = batches("right")
    stream, mlp = Site.parse("resid_pre.0"), Site.parse("resid_post.0")
    changed, own = llama.run_with_cache(source, [stream]), llama.run_with_cache(base, [mlp])
    undone = [replace(stream, changed[stream]), replace(mlp, own[mlp])]
    replay = require_equal(llama, base, [undone, undone[:1]])
    found = replayed(replay, torch.Size((2, 3, llama.shape.d_vocab)))
    assert torch.allclose(found[0], llama.answer_logits(llama.run(base), base), atol=1e-5)
    assert not torch.allclose(found[0], found[1], atol=1e-3)


@pytest.mark.parametrize("budget", [1, 200_000])
def test_small_batches_give_the_same(gpt2: HookedModel, budget: int) -> None:
    base, source = batches("left")
    sites = [Site.parse(text) for text in ("resid_pre.0", "a1.h*.z", "a0.h1.k")]
    values = gpt2.run_with_cache(source, sites)
    columns = [base.at([position] * 3) for position in (1, 3, 4, -1)]
    patches = [[replace(site, values[site], where)] for site in sites for where in columns]
    patches.append([Intervention(sites[0], lambda old: old.flip(0))])
    replay = require_equal(gpt2, base, patches, budget)
    sizes = {sum(map(len, batch)) for group in replay._groups for batch in group.batches()}
    assert budget != 1 or sizes == {1, 3}


def test_bfloat16_is_exact_to_its_own_precision(tiny_network: Any, tokenizer: Any) -> None:
    network = tiny_network("llama")
    for parameter in network.parameters():
        parameter.data.div_(5 if parameter.ndim == 2 else 1)
    model = hook(network.to(torch.bfloat16), tokenizer, "tiny-llama-bfloat16")
    base, source = batches("left")
    sites = [Site.parse(text) for text in ("resid_pre.1", "a1.h*.z", "m0", "a0.h*.k")]
    values = model.run_with_cache(source, sites)
    patches = [[replace(site, values[site], where)] for site in sites for where in (base.at([-1] * 3), base.mask)]
    wanted = plainly(model, base, patches)
    replay = Replay(model, base, patches)
    assert replay.plan.fallbacks == ()
    found = replayed(replay, wanted.shape)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, wanted, rtol=0, atol=2e-2 * wanted.abs().max().item())
