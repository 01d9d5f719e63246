"""Gradients at every site: finite differences agree, and nothing is left behind."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from jackfield.errors import InterventionError, SiteError, UndefinedMetricError
from jackfield.hooked_model import HookedModel
from jackfield.interventions import Intervention, add, replace, zero
from jackfield.sites import Gate, Kind, Site
from jackfield.token_batch import PaddingSide, TokenBatch

Faulty = Callable[..., HookedModel]
BATCH = TokenBatch.from_rows([[1, 9, 34, 11, 36], [1, 22, 57]], 0)
STEP = 1e-2


def token_rows(model: HookedModel) -> list[list[int]]:
    draw = random.Random(0)
    return [[1, *(draw.randrange(3, model.shape.d_vocab) for _ in range(length - 1))] for length in (8, 5, 7)]


def curved(logits: Tensor) -> Tensor:
    """An objective with a slope and a bend in every logit."""
    weights = torch.linspace(-1, 1, logits.shape[-1], dtype=logits.dtype).cos()
    return (logits * weights).sum(-1) + logits.logsumexp(-1)


def whole_sites(model: HookedModel) -> list[Site]:
    """Every site of the first and last layers, all heads together."""
    layers = {None, 0, model.shape.n_layers - 1}
    return list(dict.fromkeys(site.all_heads for site in model.shape.sites() if site.layer in layers))


def hooks_left(model: HookedModel) -> list[str]:
    points: dict[str, Any] = model._bridge.hook_dict
    return [name for name, point in points.items() if point.fwd_hooks or point.bwd_hooks or point._forward_hooks]


def along(model: HookedModel, batch: TokenBatch, site: Site, direction: Tensor) -> Tensor:
    """The objective's slope along a direction at one site, from four runs that go a little way along it."""

    def at(distance: float) -> Tensor:
        logits = model.run_with_interventions(batch, [add(site, distance * STEP * direction)])
        return curved(model.answer_logits(logits, batch))

    return (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * STEP)


@pytest.mark.parametrize("side", ["right", "left"])
def test_gradients_at_every_kind_of_site_are_finite_differences(any_model: HookedModel, side: PaddingSide) -> None:
    """All gradients come from one run; each is held to runs that change its site alone."""
    batch = TokenBatch.from_rows(token_rows(any_model), 0, side)
    sites = whole_sites(any_model)
    run = any_model.run_with_gradients(batch, sites, curved)
    generator = torch.Generator().manual_seed(0)
    for site in sites:
        slope = run.gradient(site)
        size = slope.flatten(1).norm(dim=-1)
        noise = torch.randn(slope.shape, generator=generator)
        direction = slope / size.max() + noise / noise.norm()
        told, found = (slope * direction).flatten(1).sum(-1), along(any_model, batch, site, direction)
        assert (told - found).abs().max() < 5e-3 * size.max(), f"{site}: {told.tolist()} against {found.tolist()}"
        columns = slope.movedim(site.axes.index("position"), 1)
        assert not columns[~batch.mask].any(), f"padding has a slope at {site}"
        assert columns[batch.mask].any(), f"nothing has a slope at {site}"


def test_logits_activations_and_values_are_those_of_a_plain_run(any_model: HookedModel) -> None:
    sites = [site for site in whole_sites(any_model) if site.kind.gate is None]
    run, plain = any_model.run_with_gradients(BATCH, sites, curved), any_model.run_with_cache(BATCH, sites)
    assert torch.equal(run.logits, plain.logits)
    assert all(torch.equal(run[site], plain[site]) for site in sites)
    assert torch.equal(run.values, curved(any_model.answer_logits(plain.logits, BATCH)))
    for tensor in (run.logits, run.values, *run.activations.values(), *run.gradients.values()):
        assert not tensor.requires_grad


def test_the_gradient_of_a_head_is_its_part_of_that_of_all_heads(llama: HookedModel) -> None:
    texts = ["a1.h2<q>", "a1.h1<k>", "a0.h1.v", "a0.h3.pattern", "a1.h2.z", "a0.h2"]
    one = [Site.parse(text) for text in texts]
    alone = llama.run_with_gradients(BATCH, one, curved)
    whole = llama.run_with_gradients(BATCH, [site.all_heads for site in one], curved)
    for site in one:
        assert alone.gradient(site).shape == alone[site].shape
        torch.testing.assert_close(alone.gradient(site), whole.gradient(site))
    with pytest.raises(SiteError, match="was not cached"):
        alone.gradient("a1.h*.z")


def test_each_prompt_has_the_gradient_that_it_has_alone(llama: HookedModel) -> None:
    site = Site.parse("resid_pre.1")
    together = llama.run_with_gradients(BATCH, [site], curved).gradient(site)
    alone = llama.run_with_gradients(BATCH.select([1]), [site], curved).gradient(site)
    torch.testing.assert_close(together[1:], alone, rtol=1e-4, atol=1e-5)


def test_gradients_are_taken_where_interventions_lead(gpt2: HookedModel) -> None:
    stream, other = Site.parse("input"), TokenBatch.from_rows([[1, 30, 31, 32, 33], [1, 40, 41]], 0)
    there = gpt2.run_with_gradients(other, [stream, Site.parse("m0")], curved)
    moved = gpt2.run_with_gradients(BATCH, [stream, Site.parse("m0")], curved, [replace(stream, there[stream])])
    torch.testing.assert_close(moved.gradient(stream), there.gradient(stream), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(moved.gradient("m0"), there.gradient("m0"), rtol=1e-4, atol=1e-5)


def test_what_an_intervention_overwrites_has_no_slope(gpt2: HookedModel) -> None:
    where = BATCH.at([-1, -1])
    site = Site.parse("resid_post.1")
    run = gpt2.run_with_gradients(BATCH, [Site.parse("m1"), site], curved, [zero(site, where)])
    assert not run.gradient("m1").any()
    assert run.gradient(site).any()
    with pytest.raises(InterventionError, match="no gradient arrived at m1"):
        gpt2.run_with_gradients(BATCH, [Site.parse("m1"), site], curved, [zero(site)])
    with pytest.raises(InterventionError, match="cut all of them off"):
        gpt2.run_with_gradients(BATCH, [Site.parse("m1")], curved, [zero(site)])


def test_learnt_tensors_of_interventions_are_trained_through_the_model(gpt2: HookedModel) -> None:
    site = Site.parse("attn_out.0")
    learnt = torch.zeros(gpt2.shape.d_model, requires_grad=True)
    run = gpt2.run_differentiably(BATCH, [site], [add(site, learnt)])
    curved(gpt2.answer_logits(run.logits, BATCH)).sum().backward()
    told = gpt2.run_with_gradients(BATCH, [site], curved).gradient(site)
    assert learnt.grad is not None
    torch.testing.assert_close(learnt.grad, told.sum((0, 1)), rtol=1e-4, atol=1e-5)
    assert not gpt2.run_differentiably(BATCH, [site]).logits.requires_grad


def test_nothing_is_computed_for_the_weights_and_frozen_ones_stay_frozen(tiny_model: HookedModel) -> None:
    weights = list(tiny_model._bridge.parameters())
    weights[0].requires_grad_(False)
    try:
        before = [weight.requires_grad for weight in weights]
        tiny_model.run_with_gradients(BATCH, whole_sites(tiny_model), curved)
        assert [weight.requires_grad for weight in weights] == before
        assert all(weight.grad is None for weight in weights)
    finally:
        weights[0].requires_grad_(True)


@pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt])
@pytest.mark.parametrize("where", ["edit", "objective"])
def test_nothing_is_left_behind_by_a_failure(gpt2: HookedModel, failure: type[BaseException], where: str) -> None:
    def fail(tensor: Tensor) -> Tensor:
        raise failure

    sites = whole_sites(gpt2)
    edits = [Intervention(Site.parse("m1<in>"), fail)] if where == "edit" else []
    with pytest.raises(failure):
        gpt2.run_with_gradients(BATCH, sites, curved if where == "edit" else fail, edits)
    assert hooks_left(gpt2) == []
    assert not any(getattr(gpt2._bridge.cfg, gate.value) for gate in Gate)
    assert all(weight.requires_grad for weight in gpt2._bridge.parameters())
    assert not gpt2.run(BATCH).requires_grad


def test_a_caller_who_records_no_gradients_gets_them_all_the_same(gpt2: HookedModel) -> None:
    wanted = gpt2.run_with_gradients(BATCH, [Site.parse("m0")], curved)
    with torch.no_grad():
        found = gpt2.run_with_gradients(BATCH, [Site.parse("m0")], curved)
    assert torch.equal(found.gradient("m0"), wanted.gradient("m0"))


def test_a_hook_that_never_fires_is_an_error(faulty: Faulty, gpt2: HookedModel) -> None:
    from transformer_lens.hook_points import HookPoint

    deaf = faulty(gpt2, hook_dict={**gpt2._bridge.hook_dict, "blocks.1.hook_mlp_out": HookPoint()})
    with pytest.raises(InterventionError, match=r"m1 was to be touched 2 time\(s\) .* touched 0 time\(s\)"):
        deaf.run_with_gradients(BATCH, [Site.parse("m0"), Site.parse("m1")], curved)


@pytest.mark.parametrize(
    ("objective", "complaint"),
    [
        (lambda logits: (logits > 0).sum(-1).float(), "cannot be differentiated"),
        (lambda logits: logits.sum(), "one value for each of 2 prompts"),
        (lambda logits: (logits.amax(-1) - logits.amax(-1)).sqrt(), "infinite or not a number"),
    ],
)
def test_an_objective_without_a_slope_is_refused(
    gpt2: HookedModel, objective: Callable[[Tensor], Tensor], complaint: str
) -> None:
    with pytest.raises(UndefinedMetricError, match=complaint):
        gpt2.run_with_gradients(BATCH, [Site.parse("m0")], objective)


def test_a_run_without_a_site_or_with_one_beyond_the_model_is_refused(gpt2: HookedModel) -> None:
    with pytest.raises(InterventionError, match="no site was given"):
        gpt2.run_with_gradients(BATCH, [], curved)
    with pytest.raises(SiteError, match="2 layers"):
        gpt2.run_with_gradients(BATCH, [Site(Kind.MLP_OUT, 2)], curved)
