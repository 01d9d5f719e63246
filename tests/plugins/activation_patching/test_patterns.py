"""Attention patterns under other queries and keys: the closed form, and the real thing on every architecture."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import replace as with_fields
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from jackfield.errors import InterventionError
from jackfield.hooked_model import CachedRun, HookedModel
from jackfield.interventions import replace
from jackfield.sites import Kind, Site
from jackfield.token_batch import PaddingSide, TokenBatch
from jackfield_plugins.activation_patching.attribution.patterns import Patterns, by_key, by_query, raised, sites_of

KINDS = (Kind.Q, Kind.K, Kind.PATTERN)


def scores(generator: torch.Generator, keys: int) -> Tensor:
    """Causal attention scores ``[batch, head, query, key]``, some of them sharp."""
    sizes = torch.tensor([1.0, 12.0])[:, None, None, None]
    drawn = sizes * torch.randn(2, 3, keys, keys, generator=generator, dtype=torch.float64)
    return drawn.masked_fill(torch.ones(keys, keys).triu(1).bool(), -torch.inf)


@given(seed=st.integers(0, 10_000), keys=st.integers(1, 7))
def test_single_keys_move_what_a_softmax_for_each_says(seed: int, keys: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    old, new = scores(generator, keys), scores(generator, keys)
    slope = torch.randn(old.shape, generator=generator, dtype=torch.float64)
    base = old.softmax(-1)
    expected = torch.empty(2, keys, 3, dtype=torch.float64)
    for key in range(keys):
        one = old.clone()
        one[..., key] = new[..., key]
        expected[:, key] = ((one.softmax(-1) - base) * slope).sum((-2, -1))
    weights = base.clone()
    for parity in (0, 1):
        chosen = torch.arange(keys) % 2 == parity
        if chosen.any():
            changed = torch.where(chosen, new, old).softmax(-1)
            weights = torch.where(chosen, raised(base, changed, chosen), weights)
    torch.testing.assert_close(by_key(base, weights, slope), expected, rtol=1e-6, atol=1e-6)


def test_a_key_that_stays_moves_nothing_and_a_lone_key_cannot_move() -> None:
    base = torch.tensor([[[[1.0, 0.0], [0.25, 0.75]]]])
    chosen = torch.tensor([True, False])
    weights = raised(base, base, chosen)
    assert torch.equal(weights, base.double())
    assert not by_key(base, weights, torch.randn(1, 1, 2, 2)).any()


def test_weights_that_nothing_can_be_told_of_are_no_numbers() -> None:
    base, changed = torch.tensor([[0.5, 0.5]]), torch.tensor([[1.0, 0.0]])
    assert raised(base, changed, torch.tensor([True, False])).isnan().all()


def test_queries_move_what_their_row_of_the_pattern_does() -> None:
    base, changed, slope = torch.rand(3, 2, 4, 5, 5).unbind()
    moved = by_query(base, changed, slope)
    assert moved.shape == (2, 5, 4)
    torch.testing.assert_close(moved[1, 3, 2], ((changed - base) * slope)[1, 2, 3].sum())


class Scene:
    """A model, a batch, and the queries and keys of other prompts of the same lengths."""

    def __init__(self, model: HookedModel, side: PaddingSide) -> None:
        self.model, self.layers = model, range(model.shape.n_layers)
        self.batch, other = (self._batch(seed, side) for seed in (0, 1))
        sites = [site for kind in KINDS for site in sites_of(kind, self.layers)]
        self.source: Mapping[Site, Tensor] = model.run_with_cache(other, sites).activations
        self.patterns = Patterns.of(model, self.batch, self.layers)

    def _batch(self, seed: int, side: PaddingSide) -> TokenBatch:
        draw = random.Random(seed)
        vocabulary = self.model.shape.d_vocab
        return TokenBatch.from_rows(
            [[1, *(draw.randrange(3, vocabulary) for _ in range(n - 1))] for n in (8, 5)], 0, side
        )

    def patched(self, kind: Kind, layer: int, head: int, column: int) -> Tensor:
        """The layer's pattern when one head's query or key is written at one column, by an ordinary patch."""
        where = torch.zeros_like(self.batch.mask)
        where[:, column] = True
        site = Site(kind, layer, head)
        edit = replace(site, site.part_of(self.source[site.all_heads]), where)
        (wanted,) = sites_of(Kind.PATTERN, [layer])
        return self.model.run_with_cache(self.batch, [wanted], [edit])[wanted]


@pytest.fixture(params=["right", "left"])
def scene(any_model: HookedModel, request: pytest.FixtureRequest) -> Scene:
    return Scene(any_model, request.param)


def test_patterns_under_other_queries_and_keys_are_those_of_ordinary_patches(scene: Scene) -> None:
    shape, base, mask = scene.model.shape, scene.patterns.base, scene.batch.mask
    queried = scene.patterns.under(scene.source, base)
    keyed = scene.patterns.with_single_keys(scene.source)
    slope = torch.randn(2, shape.n_heads, *[mask.shape[1]] * 2, generator=torch.Generator().manual_seed(0))
    slope = slope * mask[:, None, :, None]
    group = shape.n_heads // shape.n_key_value_heads
    for layer in {0, shape.n_layers - 1}:
        site = Site(Kind.PATTERN, layer)
        by_queries, by_keys = by_query(base[site], queried[site], slope), by_key(base[site], keyed[site], slope)
        for column in range(2, mask.shape[1]):
            both = mask[:, column]
            gained = (scene.patched(Kind.Q, layer, 1, column) - base[site]) * slope
            assert gained[:, 1].any()
            torch.testing.assert_close(
                by_queries[both, column, 1], gained[:, 1].sum((-2, -1))[both], rtol=1e-3, atol=1e-5
            )
            gained = (scene.patched(Kind.K, layer, 1, column) - base[site]) * slope
            torch.testing.assert_close(
                by_keys[both, column, group : 2 * group].sum(-1).float(),
                gained[:, group : 2 * group].sum((-3, -2, -1))[both], rtol=1e-3, atol=1e-5,
            )  # fmt: skip


@pytest.mark.parametrize(
    ("spoilt", "reason"),
    [
        (lambda pattern: pattern + 0.01, r"GPT2LMHeadModel depends on more than its queries and keys \(off by 0.01,"),
        (lambda pattern: pattern, r"GPT2LMHeadModel has rows that do not add up to 1 \(off by 0.1,"),
    ],
)
def test_an_architecture_with_other_patterns_is_refused(
    gpt2: HookedModel, monkeypatch: pytest.MonkeyPatch, spoilt: Callable[[Tensor], Tensor], reason: str
) -> None:
    plain, under = HookedModel.run_with_cache, Patterns.under

    def with_a_sink(self: HookedModel, *arguments: Any) -> CachedRun:
        run = plain(self, *arguments)
        return CachedRun(
            run.logits,
            {site: value * (0.9 if site.kind is Kind.PATTERN else 1) for site, value in run.activations.items()},
        )

    def other(self: Patterns, *arguments: Any) -> Mapping[Site, Tensor]:
        return {site: spoilt(pattern) for site, pattern in under(self, *arguments).items()}

    if "add up" in reason:
        monkeypatch.setattr(HookedModel, "run_with_cache", with_a_sink)
    monkeypatch.setattr(Patterns, "under", other)
    with pytest.raises(InterventionError, match=reason):
        Scene(gpt2, "right")


def test_a_pattern_too_sharp_to_tell_its_keys_apart_is_refused(gpt2: HookedModel) -> None:
    scene = Scene(gpt2, "right")
    loud = {site: 1e6 * value if site.kind is Kind.K else value for site, value in scene.source.items()}
    with pytest.raises(InterventionError, match=r"pattern of GPT2LMHeadModel is too sharp"):
        with_fields(scene.patterns).with_single_keys(loud)
