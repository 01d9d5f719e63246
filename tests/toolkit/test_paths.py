"""Patches of edges and paths equal naive loops that freeze everything else, on every architecture."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import pytest
import torch
from torch import Tensor

from jackfield.contributions import changes, read_sites
from jackfield.edges import Wire, receivers, senders
from jackfield.errors import SiteError
from jackfield.hooked_model import HookedModel
from jackfield.interventions import Intervention, replace
from jackfield.paths import Frozen, edge_patch, path_patches
from jackfield.replay import Replay
from jackfield.sites import Kind, Site
from jackfield.token_batch import PaddingSide, TokenBatch

BASE = [[1, 9, 34, 11, 36, 40, 12, 41, 8], [1, 22, 57, 9, 30], [1, 9, 34, 11, 36, 14, 40, 41, 8]]
SOURCE = [[1, 9, 34, 11, 50, 40, 12, 13, 8], [1, 22, 58, 9, 31], [1, 9, 35, 11, 36, 14, 40, 41, 7]]


def batches(side: PaddingSide) -> tuple[TokenBatch, TokenBatch]:
    return TokenBatch.from_rows(BASE, 0, side), TokenBatch.from_rows(SOURCE, 0, side)


def changed(model: HookedModel, base: TokenBatch, source: TokenBatch, nodes: Sequence[Site]) -> dict[Site, Tensor]:
    return changes(model, base, model.run_with_cache(source, read_sites(nodes)).activations, nodes, base.mask)


def replayed(model: HookedModel, base: TokenBatch, wanted: Iterable[Sequence[Intervention]]) -> Tensor:
    patches = list(wanted)
    found = torch.full((len(patches), len(base), model.shape.d_vocab), torch.nan)
    for answers in Replay(model, base, patches).answers():
        found[answers.patches, answers.prompts] = answers.logits
    return found


class Naive:
    """Path patching in four passes, with every head's queries, keys and values frozen, one path after the other."""

    def __init__(self, model: HookedModel, base: TokenBatch, source: TokenBatch) -> None:
        self.model, self.base = model, base
        layers = range(model.shape.n_layers)
        self.projections = [Site(kind, layer) for kind in (Kind.Q, Kind.K, Kind.V) for layer in layers]
        self.mlps = [Site(Kind.MLP_OUT, layer) for layer in layers]
        written = [Site(Kind.RESID_PRE, 0), *(Site(Kind.Z, layer) for layer in layers), *self.mlps]
        self.source = model.run_with_cache(source, written)
        self.own = model.run_with_cache(base, [*self.projections, *self.mlps])

    def __call__(self, node: Site, ends: Sequence[Site], where: Tensor, *, freeze_mlps: bool) -> Tensor:
        kinds = {Kind.INPUT: Kind.RESID_PRE, Kind.HEAD_OUT: Kind.Z, Kind.MLP_OUT: Kind.MLP_OUT}
        written = Site(kinds[node.kind], node.layer or 0, node.head)
        frozen = [*self.projections, *(self.mlps if freeze_mlps else [])]
        reads = [
            Site(Kind.RESID_POST, self.model.shape.n_layers - 1) if end.kind is Kind.LOGITS else end for end in ends
        ]
        seen = self.model.run_with_cache(
            self.base, reads,
            [*(replace(site, self.own[site]) for site in frozen), replace(written, self.source[written], where)],
        )  # fmt: skip
        patch = [replace(site, seen[site], self.base.mask) for site in reads]
        return self.model.answer_logits(self.model.run_with_interventions(self.base, patch), self.base)


def close(found: Tensor, wanted: Tensor) -> None:
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=2e-5 * max(1.0, wanted.abs().max().item()))


SENDERS = [Site.parse(text) for text in ("input", "a0.h1", "m0")]


def some_receivers(model: HookedModel) -> list[Site]:
    last = model.shape.n_layers - 1
    return [Site.parse(text.format(last)) for text in ("a{}.h1<q>", "a{}.h0<k>", "a{}.h1<v>", "m{}<in>", "logits")]


MASKS: dict[str, Callable[[TokenBatch], Tensor]] = {
    "END": lambda batch: batch.at([-1, -1, -1]),
    "middle": lambda batch: batch.at([4, 2, 2]),
    "all": lambda batch: batch.mask,
}
PLACES: list[tuple[PaddingSide, str]] = [("left", "END"), ("right", "END"), ("left", "middle"), ("right", "all")]


@pytest.mark.parametrize(
    ("side", "extent", "freeze_mlps"),
    [*((*place, False) for place in PLACES), ("left", "END", True), ("right", "all", True)],
)
def test_paths_equal_four_passes_that_freeze_every_head(
    any_model: HookedModel, side: PaddingSide, extent: str, freeze_mlps: bool
) -> None:
    base, source = batches(side)
    where, naive = MASKS[extent](base), Naive(any_model, base, source)
    nodes = SENDERS
    sent = changed(any_model, base, source, nodes)
    plain = any_model.answer_logits(any_model.run(base), base)
    for ends in (some_receivers(any_model)[:1], some_receivers(any_model)):
        frozen = Frozen.record(any_model, base, where, ends)
        found = replayed(any_model, base, path_patches(frozen, nodes, ends, sent, freeze_mlps=freeze_mlps))
        wanted = torch.stack([naive(node, ends, where, freeze_mlps=freeze_mlps) for node in nodes])
        close(found, wanted)
        if extent != "middle":
            assert (wanted - plain).abs().amax((1, 2)).min() > 1e-3


@pytest.mark.parametrize(("side", "extent"), PLACES)
def test_edges_equal_four_passes_that_freeze_everything(any_model: HookedModel, side: PaddingSide, extent: str) -> None:
    base, source = batches(side)
    where, naive = MASKS[extent](base), Naive(any_model, base, source)
    nodes = SENDERS
    sent = changed(any_model, base, source, nodes)
    wires = [Wire(node, end) for node in nodes for end in some_receivers(any_model)]
    found = replayed(any_model, base, [[edge_patch(any_model.shape, wire, sent, where)] for wire in wires])
    close(found, torch.stack([naive(wire.source, [wire.target], where, freeze_mlps=True) for wire in wires]))


def test_live_mlps_pass_on_what_frozen_ones_do_not(gpt2: HookedModel) -> None:
    base, source = batches("right")
    nodes, ends = [Site.parse("a0.h1")], [Site.parse("logits")]
    frozen = Frozen.record(gpt2, base, MASKS["END"](base), ends)
    sent = changed(gpt2, base, source, nodes)
    live, held = (
        replayed(gpt2, base, path_patches(frozen, nodes, ends, sent, freeze_mlps=freeze)) for freeze in (False, True)
    )
    assert (live - held).abs().max() > 1e-2


def test_a_chunk_gives_what_single_senders_give(gpt2: HookedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    base, source = batches("left")
    nodes, ends = list(senders(gpt2.shape)), [Site.parse("logits")]
    sent = changed(gpt2, base, source, nodes)
    frozen = Frozen.record(gpt2, base, base.mask, ends)
    together = replayed(gpt2, base, path_patches(frozen, nodes, ends, sent, freeze_mlps=False))
    monkeypatch.setattr("jackfield.paths._CHUNK_NUMBERS", 1)
    close(replayed(gpt2, base, path_patches(frozen, nodes, ends, sent, freeze_mlps=False)), together)


def test_a_heads_change_is_the_attention_outputs_when_its_result_alone_is_swapped(any_model: HookedModel) -> None:
    base, source = batches("right")
    node, z, output = Site.parse("a1.h2"), Site.parse("a1.h2.z"), Site.parse("attn_out.1")
    values = any_model.run_with_cache(source, [z])
    before, after = (any_model.run_with_cache(base, [output], patch)[output] for patch in ([], [replace(z, values[z])]))
    found = changed(any_model, base, source, senders(any_model.shape))[node]
    close(found[base.mask], (after - before)[base.mask])


def test_changes_add_up_to_that_of_the_stream_and_all_edges_into_the_logits_make_them_the_sources(
    any_model: HookedModel,
) -> None:
    if any_model.identity.architecture.startswith("Gemma2"):
        pytest.skip("a norm after attention makes the heads' changes depend on each other")
    base, source = batches("right")
    sent = changed(any_model, base, source, senders(any_model.shape))
    last = Site(Kind.RESID_POST, any_model.shape.n_layers - 1)
    total = any_model.run_with_cache(source, [last])[last] - any_model.run_with_cache(base, [last])[last]
    close(torch.stack([*sent.values()]).sum(0)[base.mask], total[base.mask])
    where = MASKS["END"](base)
    patch = [edge_patch(any_model.shape, Wire(node, Site.parse("logits")), sent, where) for node in sent]
    close(replayed(any_model, base, [patch])[0], any_model.answer_logits(any_model.run(source), source))


def test_nothing_is_sent_before_the_first_token_that_differs(gpt2: HookedModel) -> None:
    base, source = batches("left")
    sent = changed(gpt2, base, source, senders(gpt2.shape))
    before = (base.tokens != source.tokens).cumsum(-1) == 0
    assert all(bool((change[before & base.mask] == 0).all()) for change in sent.values())


def test_without_a_last_norm_the_edges_into_the_logits_add_up_to_the_whole_difference(
    gpt2: HookedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(vars(gpt2.bridge.ln_final), "forward", lambda stream: stream)
    base, source = batches("right")
    nodes = senders(gpt2.shape)
    sent = changed(gpt2, base, source, nodes)
    wires = [Wire(node, Site.parse("logits")) for node in nodes]
    found = replayed(gpt2, base, [[edge_patch(gpt2.shape, wire, sent, MASKS["END"](base))] for wire in wires])
    plain, other = (gpt2.answer_logits(gpt2.run(batch), batch) for batch in (base, source))
    close((found - plain).sum(0), other - plain)
    assert (other - plain).abs().max() > 0.1


def test_patching_every_edge_into_every_receiver_at_once_gives_the_sources_logits(gpt2: HookedModel) -> None:
    base, source = batches("right")
    sent = changed(gpt2, base, source, senders(gpt2.shape))
    where = base.mask
    patch = [
        edge_patch(gpt2.shape, Wire(node, end), sent, where)
        for end in receivers(gpt2.shape)[:1]
        for node in sent
        if gpt2.shape.feeds(node, end)
    ]
    head = Site.parse("a0.h0<q>")
    read = gpt2.run_with_cache(base, [head], patch)[head]
    close(read[base.mask], gpt2.run_with_cache(source, [head])[head][base.mask])


def test_what_is_no_edge_and_no_sender_is_refused(gpt2: HookedModel) -> None:
    base, source = batches("right")
    sent = changed(gpt2, base, source, senders(gpt2.shape))
    late, early = Site.parse("m1"), Site.parse("a0.h1<q>")
    with pytest.raises(SiteError, match=r"m1->a0\.h1<q> is no edge"):
        edge_patch(gpt2.shape, Wire(late, early), sent, base.mask)
    with pytest.raises(SiteError, match=r"m1 feeds none of a0\.h1<q>"):
        path_patches(Frozen.record(gpt2, base, base.mask, [early]), [late], [early], sent, freeze_mlps=True)
    for text in ("resid_pre.1", "a0.h*", "logits"):
        with pytest.raises(SiteError, match="no sender"):
            read_sites([Site.parse(text)])
