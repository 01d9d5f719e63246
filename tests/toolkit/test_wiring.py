"""What a model's sizes are said to imply is what happens in real architectures."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from jackfield.errors import SiteError
from jackfield.hooked_model import HookedModel
from jackfield.interventions import Intervention
from jackfield.sites import Kind, Site
from jackfield.token_batch import TokenBatch
from jackfield.wiring import ModelShape

GROUPED = ModelShape(n_layers=3, n_heads=4, n_key_value_heads=2, d_model=32, d_head=8, d_vocab=100, n_ctx=64)
PARALLEL = ModelShape(3, 4, 4, 32, 8, 100, 64, parallel_blocks=True)
PROMPT = [1, 9, 34, 11, 36, 12, 13]


def disturbance(site: Site, row: int, batch: TokenBatch) -> Intervention:
    """Noise of the activation's size, in one row of the batch."""
    generator = torch.Generator().manual_seed(row)
    where = torch.zeros_like(batch.mask)
    where[row] = True

    def edit(old: Tensor) -> Tensor:
        return old + torch.randn(old.shape, generator=generator) * old[row].abs().mean()

    return Intervention(site, edit, where)


def test_feeds_is_what_happens_when_each_site_is_disturbed(tiny_model: HookedModel) -> None:
    """Row ``i`` of one batch of equal prompts has site ``i`` disturbed; every site is then compared in every row."""
    sites = tiny_model.shape.sites()
    batch = TokenBatch.from_rows([PROMPT] * len(sites), 0)
    still = tiny_model.run_with_cache(batch, sites)
    interventions = [disturbance(site, row, batch) for row, site in enumerate(sites)]
    moved = tiny_model.run_with_cache(batch, sites, interventions)
    wrong = []
    for target in sites:
        changed = (still[target] != moved[target]).flatten(1).any(1).tolist()
        for source, was_changed in zip(sites, changed, strict=True):
            expected = source == target or tiny_model.shape.feeds(source, target)
            if was_changed != expected:
                wrong.append(f"{source} {'changes' if was_changed else 'leaves'} {target}")
    assert not wrong


def test_nothing_feeds_itself_or_what_feeds_it() -> None:
    for shape in (GROUPED, PARALLEL):
        for source in shape.sites_in_layer(0):
            for target in shape.sites_in_layer(0):
                assert not (shape.feeds(source, target) and shape.feeds(target, source))


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        ("input", "logits", True),
        ("logits", "input", False),
        ("input", "resid_pre.0", True),
        ("m2", "logits", True),
        ("a0.h3", "a1.h0<q>", True),
        ("a1.h3", "a1.h2", False),
        ("a1.h3.z", "a1.h2", False),
        ("a1.h3.z", "a1.h*", True),
        ("a1.h*.z", "a1.h2", True),
        ("a1.h1.k", "a1.h3.z", True),
        ("a1.h1.k", "a1.h1.z", False),
        ("a1.h1.q", "a1.h1.v", False),
        ("a1.h0.v", "a1.h1.pattern", False),
        ("a1.h0<k>", "a1.h1.pattern", True),
        ("attn_out.1", "a1.h0", False),
        ("a1.h0", "m1", True),
        ("m1<in>", "resid_mid.1", False),
        ("resid_mid.1", "m1<in>", True),
        ("resid_post.2", "resid_post.1", False),
    ],
)
def test_feeds_knows_layers_heads_and_groups(source: str, target: str, expected: bool) -> None:
    assert GROUPED.feeds(Site.parse(source), Site.parse(target)) is expected


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [("attn_out.1", "m1", False), ("resid_pre.1", "m1", True), ("m1<in>", "m1", True), ("attn_out.1", "m2", True)],
)
def test_parts_of_a_parallel_block_do_not_feed_each_other(source: str, target: str, expected: bool) -> None:
    assert PARALLEL.feeds(Site.parse(source), Site.parse(target)) is expected


@pytest.mark.parametrize(
    ("shape", "text", "complaint"),
    [
        (GROUPED, "resid_pre.3", "resid_pre.3 does not exist: the model has 3 layers, counted from 0"),
        (GROUPED, "a2.h4.z", "a2.h4.z does not exist: layer 2 has 4 heads, counted from 0"),
        (GROUPED, "a2.h2.k", "a2.h2.k does not exist: layer 2 has 2 key/value heads, counted from 0"),
        (PARALLEL, "resid_mid.0", "resid_mid.0 does not exist: attention and MLP of this model read the same stream"),
    ],
)
def test_a_site_that_a_model_lacks_is_refused(shape: ModelShape, text: str, complaint: str) -> None:
    site = Site.parse(text)
    for attempt in (
        lambda: shape.require(site),
        lambda: shape.feeds(site, Site(Kind.LOGITS)),
        lambda: shape.feeds(Site(Kind.INPUT), site),
    ):
        with pytest.raises(SiteError) as refused:
            attempt()
        assert complaint in str(refused.value)


def test_the_sites_of_a_model_are_all_different_and_in_order() -> None:
    sites = GROUPED.sites()
    assert list(sites) == sorted(set(sites))
    assert sites[0] == Site(Kind.INPUT)
    assert sites[-1] == Site(Kind.LOGITS)
    assert len(sites) == 2 + 3 * (6 + 5 * 4 + 4 * 2)


def test_layers_beyond_the_last_have_no_sites() -> None:
    with pytest.raises(SiteError, match="the model has 3 layers"):
        GROUPED.sites_in_layer(3)
