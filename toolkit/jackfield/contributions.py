"""What each node adds to the residual stream, and how that differs between two prompts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping

import torch
from jaxtyping import Bool
from torch import Tensor

from jackfield.errors import SiteError
from jackfield.hooked_model import HookedModel
from jackfield.interventions import replace
from jackfield.sites import Kind, Site
from jackfield.token_batch import TokenBatch

__all__ = ["changes", "read_sites"]

_READ = {Kind.INPUT: Kind.RESID_PRE, Kind.HEAD_OUT: Kind.Z, Kind.MLP_OUT: Kind.MLP_OUT}
"""Where it is read what a sender writes. The stream before layer 0 is the whole input, positions and scale included."""


def read_sites(nodes: Collection[Site]) -> frozenset[Site]:
    """The sites of the source prompts that ``changes`` must be given for some senders.

    Raises
    ------
    SiteError
        If a site writes nothing of its own to the residual stream.
    """
    return frozenset(map(_read_site, nodes))


def changes(
    model: HookedModel,
    base: TokenBatch,
    source: Mapping[Site, Tensor],
    nodes: Collection[Site],
    where: Bool[Tensor, "prompt column"],
) -> dict[Site, Tensor]:
    """What each sender would add to the base run's residual stream, had it its source output, beyond what it adds.

    A head's is the attention output with this head's result swapped, less the attention output as it is. That holds
    on every architecture; where a norm comes after attention, the changes of a layer's heads do not add up to the
    change of its attention output. Attention outputs follow from heads' outputs token by token and layer by layer, so
    the chosen tokens are run as prompts of one token each, and all heads with the same number in one pass.

    Parameters
    ----------
    model
        The model.
    base
        The prompts that are written to.
    source
        The activations of the sites that ``read_sites`` names in prompts whose tokens stand in the same columns.
    nodes
        The senders: ``input``, heads such as ``a5.h1``, MLPs such as ``m3``.
    where
        The tokens that are looked at.

    Returns
    -------
    dict
        Sender -> ``[prompt, column, d_model]``; zero at all other tokens.

    Raises
    ------
    SiteError
        If a site writes nothing of its own to the residual stream, or the model lacks it.
    """
    layers = sorted({node.layer for node in nodes if node.kind is Kind.HEAD_OUT and node.layer is not None})
    outputs = [Site(Kind.ATTN_OUT, layer) for layer in layers]
    run = model.run_with_cache(base, {*read_sites(nodes), *outputs})
    found = {
        node: (source[site] - run[site]) * where[:, :, None].to(run[site])
        for node in nodes
        if (site := _read_site(node)).kind is not Kind.Z
    }
    by_number: dict[int, list[int]] = defaultdict(list)
    for node in nodes:
        if node.kind is Kind.HEAD_OUT and node.layer is not None and node.head is not None:
            by_number[node.head].append(node.layer)
    tokens = base.tokens[where][:, None]
    alone = TokenBatch(tokens, torch.ones_like(tokens, dtype=torch.bool))
    for head, chosen in by_number.items():
        swapped = [
            replace(site, _swapped(run[site][where], source[site][where], head)[:, None])
            for site in _of(Kind.Z, chosen)
        ]
        after = model.run_with_cache(alone, _of(Kind.ATTN_OUT, chosen), swapped)
        for layer, output in zip(chosen, _of(Kind.ATTN_OUT, chosen), strict=True):
            change = torch.zeros_like(run[output])
            change[where] = after[output][:, 0] - run[output][where]
            z = Site(Kind.Z, layer, head)
            change[(z.part_of(source[z.all_heads]) == run[z]).all(-1)] = 0
            found[Site(Kind.HEAD_OUT, layer, head)] = change
    return found


def _read_site(node: Site) -> Site:
    if node.kind not in _READ or (node.kind is Kind.HEAD_OUT and node.head is None):
        raise SiteError(f"{node} is no sender; senders are input, heads such as a5.h1, and MLPs such as m3")
    return Site(_READ[node.kind], node.layer or 0)


def _of(kind: Kind, layers: Collection[int]) -> list[Site]:
    return [Site(kind, layer) for layer in layers]


def _swapped(base: Tensor, source: Tensor, head: int) -> Tensor:
    """All heads as in the base run but one, ``[token, head, d_head]``."""
    chosen = torch.arange(base.shape[1], device=base.device) == head
    return torch.where(chosen[:, None], source, base)
