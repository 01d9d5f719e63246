"""Native models of TransformerLens: what they offer works, and what they do not is refused."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from jackfield.errors import ModelLoadError, SiteError
from jackfield.hooked_model import HookedModel
from jackfield.interventions import add, replace
from jackfield.loading import _inert, load_model
from jackfield.replay import Replay
from jackfield.sites import Kind, Site
from jackfield.token_batch import PaddingSide, TokenBatch

ROWS = [[1, 9, 34, 11, 36, 40], [1, 22, 57, 9]]


@pytest.fixture(scope="module", params=["LN", None], ids=["layer norm", "no norm"])
def native(request: pytest.FixtureRequest, tokenizer: Any) -> HookedModel:
    from transformer_lens.model_bridge import TransformerBridge

    sizes = {
        "n_layers": 2, "d_model": 32, "n_heads": 4, "d_head": 8, "d_vocab": len(tokenizer), "n_ctx": 64,
        "act_fn": "gelu", "normalization_type": request.param, "seed": 0,
    }  # fmt: skip
    bridge = TransformerBridge.boot_native(sizes, tokenizer=_inert(tokenizer))
    return load_model(bridge, tokenizer=tokenizer)


@pytest.mark.parametrize("side", ["left", "right"])
def test_replay_equals_the_plain_loop(native: HookedModel, side: PaddingSide) -> None:
    base, source = TokenBatch.from_rows(ROWS, 0, side), TokenBatch.from_rows([row[::-1] for row in ROWS], 0, side)
    sites = [
        site
        for layer in range(2)
        for site in dict.fromkeys(site.all_heads for site in native.shape.sites_in_layer(layer))
        if site.kind.gate is None and site.kind is not Kind.PATTERN
    ]
    values = native.run_with_cache(source, sites)
    patches = [[replace(site, values[site], where)] for site in sites for where in (base.at([-2, -2]), base.mask)]
    replay = Replay(native, base, patches)
    assert replay.plan.fallbacks == ("NativeModel keeps no keys and values that a run could go on from",)
    assert {step.layers for step in replay.plan.steps} >= {(0, 1)}
    for indices, prompts, logits in replay.answers():
        for index, prompt, found in zip(indices.tolist(), prompts.tolist(), logits, strict=True):
            wanted = native.answer_logits(native.run_with_interventions(base, patches[index]), base)[prompt]
            assert torch.allclose(found, wanted, atol=1e-5)


def test_patterns_can_be_read_but_not_written(native: HookedModel) -> None:
    batch, site = TokenBatch.from_rows(ROWS, 0), Site.parse("a1.h*.pattern")
    assert native.read_only == {Kind.PATTERN}
    pattern = native.run_with_cache(batch, [site])[site]
    assert torch.allclose(pattern.sum(-1), torch.ones(2, 4, 6))
    with pytest.raises(SiteError, match="can only be read"):
        native.run_with_interventions(batch, [add(site, torch.ones(6))])
    with pytest.raises(SiteError, match="can only be read"):
        Replay(native, batch, [[add(site, torch.ones(6))]])


@pytest.mark.parametrize("site", ["a0.h1", "a0.h1<q>"])
def test_sites_of_single_heads_in_the_stream_are_refused(native: HookedModel, site: str) -> None:
    with pytest.raises(SiteError, match="NativeModel cannot expose"):
        native.run_with_cache(TokenBatch.from_rows(ROWS, 0), [Site.parse(site)])


def test_a_bridge_needs_its_tokenizer(native: HookedModel) -> None:
    with pytest.raises(ModelLoadError, match="needs its tokenizer"):
        load_model(native.bridge)


def test_any_bridge_in_memory_can_be_taken_over(fieldmouse: HookedModel) -> None:
    again = load_model(fieldmouse.bridge, tokenizer=fieldmouse._tokenizer)
    assert again.read_only == frozenset()
    batch = again.tokenize(["mary and john went to the store"])
    assert torch.equal(again.run(batch), fieldmouse.run(batch))
