"""What single parts of the network say: their outputs, read through the last norm and the unembedding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from jackfield.errors import SiteError
from jackfield.hooked_model import HookedModel
from jackfield.retention import nothing_retained
from jackfield.sites import Site
from jackfield.token_batch import TokenBatch

__all__ = ["token_ranks", "unembedded"]

_STREAM = ("batch", "position", "d_model")


def unembedded(
    model: HookedModel, stream: Float[Tensor, "batch column d_model"]
) -> Float[Tensor, "batch column d_vocab"]:
    """The logits that a residual stream would have if it were the last one.

    Parameters
    ----------
    model
        Whose last norm and unembedding are used. A soft cap of the logits, which changes no rank, is left out.
    stream
        Something in the space of the residual stream: the stream itself, or what a part writes to it.

    Examples
    --------
    >>> from jackfield import load_model
    >>> model = load_model("fieldmouse")
    >>> batch = model.tokenize(["anna 's boss"])
    >>> last = Site.parse("resid_post.5")
    >>> run = model.run_with_cache(batch, [last])
    >>> torch.equal(unembedded(model, run[last]), run.logits)
    True
    """
    bridge = model.bridge
    with torch.no_grad(), nothing_retained(bridge):
        logits: Tensor = bridge.unembed(bridge.ln_final(stream.to(model.dtype)))
    return logits


def token_ranks(
    model: HookedModel,
    batch: TokenBatch,
    tokens: Bool[Tensor, "batch d_vocab"],
    sites: Sequence[Site],
    positions: Int[Tensor, " batch"] | Sequence[int],
) -> Mapping[Site, Int[Tensor, " batch"]]:
    """Where the best of some tokens ranks in what each part writes at one position; 0 is the top.

    Parameters
    ----------
    model, batch
        The model and its prompts.
    tokens
        True at the token ids that are looked for, ``[batch, d_vocab]``.
    sites
        Whose outputs are read, such as ``attn_out.3`` and ``m3``.
    positions
        One position of each prompt; negative ones count from its end.

    Raises
    ------
    SiteError
        If a site is missing, or holds no vector of the residual stream.
    """
    if other := [str(site) for site in sites if site.axes != _STREAM]:
        raise SiteError(f"{', '.join(other)} cannot be unembedded: only what is as wide as the residual stream can")
    run, where = model.run_with_cache(batch, sites), batch.at(positions)
    ranks: dict[Site, Tensor] = {}
    for site in sites:
        logits = unembedded(model, run[site][where][:, None])[:, 0]
        best = logits.masked_fill(~tokens, -torch.inf).amax(-1, keepdim=True)
        ranks[site] = (logits > best).sum(-1)
    return ranks
