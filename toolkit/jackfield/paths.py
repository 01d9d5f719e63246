"""Exact patches of edges and of paths, as interventions that can be swept like any other."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from jackfield.edges import Wire
from jackfield.errors import SiteError
from jackfield.hooked_model import HookedModel
from jackfield.interventions import Intervention, add, replace
from jackfield.sites import Kind, Site
from jackfield.token_batch import TokenBatch
from jackfield.wiring import ModelShape

__all__ = ["Frozen", "edge_patch", "path_patches"]

_CHUNK_NUMBERS = 2**25
_STREAM_COPIES = 24


def edge_patch(
    shape: ModelShape, wire: Wire, changed: Mapping[Site, Tensor], where: Bool[Tensor, "prompt column"]
) -> Intervention:
    """Let one receiver read one sender's source output, and nothing else change but what follows from that.

    Several edges may be patched together by giving the interventions of each: every sender then sends the change that
    it shows between the two unpatched runs, whatever the other patches do to it.

    Parameters
    ----------
    shape
        The model's sizes.
    wire
        The edge.
    changed
        What senders add to the stream, source less base; from ``jackfield.contributions.changes``.
    where
        The tokens at which the sender's output is changed.

    Raises
    ------
    SiteError
        If the model has no such edge.
    """
    if not shape.feeds(wire.source, wire.target):
        raise SiteError(f"{wire.name} is no edge: {wire.source} is computed after what {wire.target} reads")
    change = changed[wire.source]
    return add(_written(shape, wire.target), change, _moved(change, where))


@dataclass(frozen=True, eq=False)
class Frozen:
    """A base run whose attention outputs are held fast, so that a token's stream depends on that token alone.

    Parameters
    ----------
    model
        The model.
    base
        The prompts.
    where
        The tokens at which senders are changed, ``[prompt, column]``.
    activations
        The base run: the stream before layer 0, all attention outputs, and the streams that receivers read.
    """

    model: HookedModel
    base: TokenBatch
    where: Bool[Tensor, "prompt column"]
    activations: Mapping[Site, Tensor]

    @classmethod
    def record(
        cls, model: HookedModel, base: TokenBatch, where: Bool[Tensor, "prompt column"], receivers: Collection[Site]
    ) -> Frozen:
        """Run the base prompts, keeping what freezing them takes."""
        outputs = (Site(Kind.ATTN_OUT, layer) for layer in range(model.shape.n_layers))
        streams = (_stream(model.shape, receiver) for receiver in receivers)
        sites = {Site(Kind.RESID_PRE, 0), *outputs, *streams}
        return cls(model, base, where, model.run_with_cache(base, sites).activations)

    def received(
        self, nodes: Sequence[Site], changed: Mapping[Site, Tensor], streams: Collection[Site]
    ) -> Iterator[Mapping[Site, Float[Tensor, "token d_model"]]]:
        """What some streams are when a sender is changed and MLPs are live, for each sender in turn.

        Attention outputs are those of the base run, so no token needs another: the chosen tokens of many senders are
        run as prompts of one token each.
        """
        tokens = int(self.where.sum())
        shape = self.model.shape
        numbers = tokens * (shape.d_model * (2 * shape.n_layers + _STREAM_COPIES) + 2 * shape.d_vocab)
        size = max(1, _CHUNK_NUMBERS // numbers)
        for start in range(0, len(nodes), size):
            chosen = nodes[start : start + size]
            batch = TokenBatch(
                self.base.tokens[self.where].repeat(len(chosen))[:, None],
                torch.ones(len(chosen) * tokens, 1, dtype=torch.bool, device=self.base.tokens.device),
            )
            run = self.model.run_with_cache(batch, streams, self._held(chosen, changed))
            for index in range(len(chosen)):
                rows = slice(index * tokens, (index + 1) * tokens)
                yield {site: run[site][rows, 0] for site in streams}

    def _held(self, nodes: Sequence[Site], changed: Mapping[Site, Tensor]) -> list[Intervention]:
        """The base run's input and attention outputs, once for each sender, and what that sender adds."""
        frozen = [Site(Kind.RESID_PRE, 0), *(Site(Kind.ATTN_OUT, layer) for layer in range(self.model.shape.n_layers))]
        added: dict[Site, Tensor] = {}
        for index, node in enumerate(nodes):
            change = changed[node][self.where]
            site = _output(node)
            if site not in added:
                added[site] = change.new_zeros(len(nodes), *change.shape)
            added[site][index] = change
        return [
            *(replace(site, self.activations[site][self.where].repeat(len(nodes), 1)[:, None]) for site in frozen),
            *(add(site, change.flatten(0, 1)[:, None]) for site, change in added.items()),
        ]


def path_patches(
    frozen: Frozen,
    nodes: Sequence[Site],
    receivers: Sequence[Site],
    changed: Mapping[Site, Tensor],
    *,
    freeze_mlps: bool,
) -> Iterator[list[Intervention]]:
    """Let receivers read what reaches them of a sender's change, and of nothing else, for each sender in turn.

    Attention never passes the change on. With frozen MLPs it reaches receivers through the residual stream alone; with
    live ones also through the MLPs between, and "direct" means that.

    Parameters
    ----------
    frozen
        The base run.
    nodes
        The senders.
    receivers
        The inputs that are set, all together.
    changed
        What senders add to the stream, source less base; from ``jackfield.contributions.changes``.
    freeze_mlps
        Whether MLPs keep their outputs.

    Returns
    -------
    iterator
        The interventions of each sender. Receivers that a sender does not feed stay as they are.

    Raises
    ------
    SiteError
        If a sender feeds no receiver.
    """
    shape = frozen.model.shape
    reads = {receiver: _stream(shape, receiver) for receiver in receivers}
    fed = [[receiver for receiver in receivers if shape.feeds(node, receiver)] for node in nodes]
    for node, found in zip(nodes, fed, strict=True):
        if not found:
            raise SiteError(f"{node} feeds none of {', '.join(map(str, receivers))}")
    if freeze_mlps:
        seen: Iterator[Mapping[Site, Tensor]] = (
            {site: frozen.activations[site][frozen.where] + changed[node][frozen.where] for site in reads.values()}
            for node in nodes
        )
    else:
        seen = frozen.received(nodes, changed, {*reads.values()})

    def patch(node: Site, found: Sequence[Site], tokens: Mapping[Site, Tensor]) -> list[Intervention]:
        reached = (_moved(changed[node], frozen.where).cumsum(-1) > 0) & frozen.base.mask
        values = {site: _put(frozen.activations[site], frozen.where, tokens[site], reached) for site in tokens}
        return [replace(_written(shape, receiver), values[reads[receiver]], reached) for receiver in found]

    return map(patch, nodes, fed, seen)


def _stream(shape: ModelShape, receiver: Site) -> Site:
    """The residual stream that a receiver reads."""
    if receiver.kind is Kind.LOGITS:
        return Site(Kind.RESID_POST, shape.n_layers - 1)
    if receiver.kind is Kind.MLP_IN and not shape.parallel_blocks:
        return Site(Kind.RESID_MID, receiver.layer)
    return Site(Kind.RESID_PRE, receiver.layer)


def _written(shape: ModelShape, receiver: Site) -> Site:
    """Where a receiver's input is written: the logits read the last stream, and nothing else does."""
    return _stream(shape, receiver) if receiver.kind is Kind.LOGITS else receiver


def _output(node: Site) -> Site:
    """The whole-stream site that holds what a sender writes."""
    if node.kind is Kind.INPUT:
        return Site(Kind.RESID_PRE, 0)
    return Site(Kind.ATTN_OUT, node.layer) if node.kind is Kind.HEAD_OUT else node


def _moved(change: Tensor, where: Tensor) -> Tensor:
    """The chosen tokens at which there is a change, or all of them if there is none anywhere."""
    moved = where & (change != 0).any(-1)
    return moved if bool(moved.any()) else where


def _put(stream: Tensor, where: Tensor, tokens: Tensor, reached: Tensor) -> Tensor:
    """A stream with some tokens put in; one column long where one token of each prompt is reached."""
    value = stream.clone()
    value[where] = tokens.to(value.dtype)
    return value[reached][:, None] if bool((reached.sum(-1) == 1).all()) else value
