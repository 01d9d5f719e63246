"""Identities that hold exactly for any decoder: what patching must give, on real architectures and any padding."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from jackfield.hooked_model import HookedModel
from jackfield.interventions import replace
from jackfield.sites import Kind, Site
from jackfield.token_batch import PaddingSide, TokenBatch

LENGTHS = (8, 5, 7)
DIFFERS_FROM = 3


def token_rows(model: HookedModel, seed: int) -> list[list[int]]:
    draw = random.Random(seed)
    return [[1, *(draw.randrange(3, model.shape.d_vocab) for _ in range(length - 1))] for length in LENGTHS]


@pytest.fixture(params=["right", "left"])
def side(request: pytest.FixtureRequest) -> PaddingSide:
    chosen: PaddingSide = request.param
    return chosen


@pytest.fixture
def clean(any_model: HookedModel, side: PaddingSide) -> TokenBatch:
    return TokenBatch.from_rows(token_rows(any_model, 0), 0, side)


@pytest.fixture
def corrupted(any_model: HookedModel, side: PaddingSide) -> TokenBatch:
    """Other prompts of the same lengths."""
    return TokenBatch.from_rows(token_rows(any_model, 1), 0, side)


def layers(model: HookedModel) -> Sequence[int]:
    return sorted({0, 1, model.shape.n_layers - 1})


def kinds(model: HookedModel) -> list[Kind]:
    return [kind for kind in Kind if not (kind is Kind.RESID_MID and model.shape.parallel_blocks)]


def places(model: HookedModel, kind: Kind) -> list[Site]:
    """The whole site of each layer looked at."""
    return [Site(kind, layer) for layer in layers(model)] if kind.has_layer else [Site(kind)]


def only(batch: TokenBatch, where: Tensor) -> TokenBatch:
    """The batch with its mask cut down to some tokens."""
    return TokenBatch(batch.tokens, batch.mask & where)


def require_equal(found: Tensor, wanted: Tensor, batch: TokenBatch, message: str, tolerance: float = 1e-5) -> None:
    """At real tokens, by the size of the largest entry; both are ``[batch, column, ...]``."""
    size = max(1.0, wanted[batch.mask].abs().max().item())

    def explain(detail: str) -> str:
        return f"{message}: {detail}"

    torch.testing.assert_close(found[batch.mask], wanted[batch.mask], rtol=0.0, atol=tolerance * size, msg=explain)


def test_nothing_is_trivially_true(any_model: HookedModel, clean: TokenBatch, corrupted: TokenBatch) -> None:
    gap = (any_model.run(clean) - any_model.run(corrupted))[clean.mask].abs().max()
    assert gap > 0.1


def test_logits_are_those_of_the_plain_network(tiny_model: HookedModel, architecture: str, tiny_network: Any) -> None:
    batch = TokenBatch.from_rows(token_rows(tiny_model, 0), 0)
    with torch.no_grad():
        plain = tiny_network(architecture)(batch.tokens, attention_mask=batch.mask.long()).logits
    require_equal(tiny_model.run(batch), plain, batch, architecture)


def test_padding_changes_no_logits(any_model: HookedModel, clean: TokenBatch) -> None:
    padded = any_model.run(clean)
    for row, tokens in enumerate(token_rows(any_model, 0)):
        single = TokenBatch.from_rows([tokens], 0)
        require_equal(padded[row : row + 1, clean.mask[row]], any_model.run(single), single, f"row {row}")


def test_padding_changes_no_activation(any_model: HookedModel) -> None:
    sites = [place for kind in kinds(any_model) if kind is not Kind.PATTERN for place in places(any_model, kind)]
    left, right = (TokenBatch.from_rows(token_rows(any_model, 0), 0, side) for side in ("left", "right"))
    on_left, on_right = any_model.run_with_cache(left, sites), any_model.run_with_cache(right, sites)
    for site in sites:
        size = max(1.0, on_right[site].abs().max().item())
        torch.testing.assert_close(on_left[site][left.mask], on_right[site][right.mask], rtol=0, atol=1e-5 * size)


def test_reading_everything_changes_nothing(any_model: HookedModel, clean: TokenBatch) -> None:
    sites = [place for kind in kinds(any_model) for place in places(any_model, kind)]
    require_equal(any_model.run_with_cache(clean, sites).logits, any_model.run(clean), clean, "reading", 1e-6)


def test_the_logits_site_holds_the_logits_before_any_soft_cap(any_model: HookedModel, clean: TokenBatch) -> None:
    site = Site(Kind.LOGITS)
    run = any_model.run_with_cache(clean, [site])
    cap = getattr(any_model._bridge.original_model.config, "final_logit_softcapping", None)
    expected = run[site] if cap is None else cap * torch.tanh(run[site] / cap)
    require_equal(run.logits, expected, clean, "logits", 1e-6)


def test_a1_the_whole_clean_stream_gives_the_clean_logits(
    any_model: HookedModel, clean: TokenBatch, corrupted: TokenBatch
) -> None:
    streams = [kind for kind in (Kind.RESID_PRE, Kind.RESID_MID, Kind.RESID_POST) if kind in kinds(any_model)]
    sites = [place for kind in streams for place in places(any_model, kind)]
    source = any_model.run_with_cache(clean, sites)
    for site in sites:
        patched = any_model.run_with_interventions(corrupted, [replace(site, source[site])])
        require_equal(patched, source.logits, clean, str(site))


def test_a2_writing_back_what_was_read_changes_nothing(any_model: HookedModel, clean: TokenBatch) -> None:
    logits = any_model.run(clean)
    for whole in (place for kind in kinds(any_model) for place in places(any_model, kind)):
        heads = range(any_model.shape.heads_of(whole.kind)) if whole.kind.has_heads else ()
        run = any_model.run_with_cache(clean, [whole])
        for sites in filter(None, ([whole], [Site(whole.kind, whole.layer, head) for head in heads])):
            patched = any_model.run_with_interventions(clean, [replace(site, run[site]) for site in sites])
            require_equal(patched, logits, clean, str(sites), 1e-6)


@pytest.mark.parametrize(
    ("parts", "whole"),
    [
        ((Kind.Z,), Kind.ATTN_OUT),
        ((Kind.HEAD_OUT,), Kind.ATTN_OUT),
        ((Kind.Q, Kind.K, Kind.V), Kind.ATTN_OUT),
        ((Kind.Q_INPUT, Kind.K_INPUT, Kind.V_INPUT), Kind.ATTN_OUT),
        ((Kind.PATTERN, Kind.V), Kind.Z),
        ((Kind.Q, Kind.K), Kind.PATTERN),
        ((Kind.MLP_IN,), Kind.MLP_OUT),
    ],
    ids=lambda value: value.name if isinstance(value, Kind) else "+".join(kind.name for kind in value),
)
def test_a3_all_inputs_of_a_part_are_worth_its_output(
    any_model: HookedModel, clean: TokenBatch, corrupted: TokenBatch, parts: tuple[Kind, ...], whole: Kind
) -> None:
    for layer in layers(any_model):
        inputs, output = [Site(kind, layer) for kind in parts], Site(whole, layer)
        source = any_model.run_with_cache(clean, [*inputs, output])
        by_inputs = any_model.run_with_interventions(corrupted, [replace(site, source[site]) for site in inputs])
        by_output = any_model.run_with_interventions(corrupted, [replace(output, source[output])])
        require_equal(by_inputs, by_output, clean, f"layer {layer}")
        assert not torch.equal(by_output, any_model.run(corrupted))


def test_a4_the_last_stream_at_the_last_token_fixes_the_answer(
    any_model: HookedModel, clean: TokenBatch, corrupted: TokenBatch
) -> None:
    site = Site(Kind.RESID_POST, any_model.shape.n_layers - 1)
    source = any_model.run_with_cache(clean, [site])
    where = corrupted.at([-1] * len(corrupted))
    patched = any_model.run_with_interventions(corrupted, [replace(site, source[site], where)])
    require_equal(patched, source.logits, only(clean, where), "at the last token")
    require_equal(patched, any_model.run(corrupted), only(corrupted, ~where), "elsewhere", 1e-6)


def test_a5_a_token_changes_nothing_before_it(any_model: HookedModel, clean: TokenBatch, corrupted: TokenBatch) -> None:
    later = clean.position_ids >= DIFFERS_FROM
    mixed = TokenBatch(torch.where(later, corrupted.tokens, clean.tokens), clean.mask)
    sites = [place for kind in kinds(any_model) if kind is not Kind.PATTERN for place in places(any_model, kind)]
    before, after = any_model.run_with_cache(clean, sites), any_model.run_with_cache(mixed, sites)
    for site in sites:
        require_equal(after[site], before[site], only(clean, ~later), str(site), 1e-6)
        assert not torch.equal(after[site], before[site])


def test_a5_a_patch_changes_no_logits_before_it(
    any_model: HookedModel, clean: TokenBatch, corrupted: TokenBatch
) -> None:
    later = corrupted.mask & (corrupted.position_ids >= DIFFERS_FROM)
    still = any_model.run(corrupted)
    for kind in kinds(any_model):
        for site in places(any_model, kind):
            source = any_model.run_with_cache(clean, [site])
            patched = any_model.run_with_interventions(corrupted, [replace(site, source[site], later)])
            require_equal(patched, still, only(corrupted, ~later), str(site))
            assert not torch.equal(patched, still), str(site)


def test_zeroed_parts_skip_their_layer(any_model: HookedModel, clean: TokenBatch) -> None:
    for layer in layers(any_model):
        pre, post = Site(Kind.RESID_PRE, layer), Site(Kind.RESID_POST, layer)
        nothing = [replace(Site(kind, layer), torch.zeros(1)) for kind in (Kind.ATTN_OUT, Kind.MLP_OUT)]
        run = any_model.run_with_cache(clean, [pre, post], nothing)
        require_equal(run[post], run[pre], clean, f"layer {layer}", 1e-6)


def test_resid_mid_is_what_the_bridge_shows_and_the_mlp_reads(any_model: HookedModel, clean: TokenBatch) -> None:
    if any_model.shape.parallel_blocks:
        pytest.skip("attention and MLP read the same stream in parallel")
    middles, reads = places(any_model, Kind.RESID_MID), places(any_model, Kind.MLP_IN)
    shown: list[Tensor] = []
    with any_model._bridge.hooks(
        [(site.hook_name, lambda value, hook: shown.append(value.clone())) for site in middles]
    ):
        run = any_model.run_with_cache(clean, [*middles, *reads])
    for middle, read, value in zip(middles, reads, shown, strict=True):
        require_equal(run[middle], value, clean, str(middle), 1e-6)
        require_equal(run[read], run[middle], clean, str(middle), 0.0)


def test_resid_mid_passes_by_the_mlp(any_model: HookedModel, clean: TokenBatch, corrupted: TokenBatch) -> None:
    """What is written to the stream reaches the end of the layer even when the MLP's output is held fixed."""
    if any_model.shape.parallel_blocks:
        pytest.skip("attention and MLP read the same stream in parallel")
    for layer in layers(any_model):
        middle, mlp, post = (Site(kind, layer) for kind in (Kind.RESID_MID, Kind.MLP_OUT, Kind.RESID_POST))
        source = any_model.run_with_cache(clean, [middle])
        fixed = [replace(middle, source[middle]), replace(mlp, torch.zeros(1))]
        run = any_model.run_with_cache(corrupted, [post], fixed)
        require_equal(run[post], source[middle], clean, f"layer {layer}")
