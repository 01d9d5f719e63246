"""Attention knockout: some tokens may not look at some others, in some layers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from jaxtyping import Bool
from torch import Tensor

from jackfield.errors import InterventionError, SiteError
from jackfield.interventions import Intervention
from jackfield.sites import Kind, Site
from jackfield.wiring import ModelShape

__all__ = ["Knockout", "knock_out", "layer_window"]


@dataclass(frozen=True, eq=False)
class Knockout:
    """The edit that takes attention from some keys and gives it to the others, in proportion.

    It is what attention scores of minus infinity do: a softmax without those keys.

    Parameters
    ----------
    queries, keys
        Masks ``[batch, column]``; attention from the first to the second is taken away.
    """

    queries: Bool[Tensor, "batch column"]
    keys: Bool[Tensor, "batch column"]

    def __call__(self, old: Tensor) -> Tensor:
        blocked = (self.queries[:, :, None] & self.keys[:, None, :]).to(old.device)
        if old.ndim > blocked.ndim:
            blocked = blocked[:, None]
        if blocked.shape[-2:] != old.shape[-2:] or len(blocked) != len(old):
            raise InterventionError(
                f"a knockout of {tuple(self.queries.shape)} [batch, column] does not fit an attention pattern of shape "
                f"{tuple(old.shape)}"
            )
        rows = blocked.any(-1, keepdim=True)
        left = old.masked_fill(blocked, 0)
        remaining = left.sum(-1, keepdim=True)
        if bool((rows & (remaining == 0)).any()):
            raise InterventionError(
                "a token is left without anything to attend to; let it see at least one other token"
            )
        return torch.where(rows, left / remaining, old)


def knock_out(site: Site, queries: Bool[Tensor, "batch column"], keys: Bool[Tensor, "batch column"]) -> Intervention:
    """Let some tokens not attend to some others.

    Parameters
    ----------
    site
        The attention pattern of a layer, of all its heads or of one.
    queries, keys
        Masks ``[batch, column]``: the tokens that may not look, and those that may not be looked at.

    Raises
    ------
    SiteError
        If ``site`` is no attention pattern.
    InterventionError
        If either mask is empty.

    Examples
    --------
    >>> from jackfield import load_model
    >>> model = load_model("fieldmouse")
    >>> batch = model.tokenize(["anna 's boss 's sport"])
    >>> blind = knock_out(Site.parse("a2.h*.pattern"), batch.at([-1]), batch.at([3]))
    >>> pattern = model.run_with_cache(batch, [blind.site], [blind])[blind.site]
    >>> float(pattern[0, :, -1, 3].max())
    0.0
    """
    if site.kind is not Kind.PATTERN:
        raise SiteError(f"{site} is no attention pattern; knock out sites such as a4.h*.pattern or a4.h1.pattern")
    if not bool(keys.any()):
        raise InterventionError(f"the knockout at {site} cannot do anything: it selects no key")
    return Intervention(site, Knockout(queries, keys), queries)


def layer_window(shape: ModelShape, centre: int, reach: int) -> list[Site]:
    """The attention patterns of the layers from ``centre - reach`` to ``centre + reach``, cut off at the ends.

    Parameters
    ----------
    shape
        The model's sizes.
    centre
        The layer in the middle, counted from 0.
    reach
        How many layers to go in either direction.

    Raises
    ------
    SiteError
        If the layer in the middle does not exist, or the reach is negative.

    Examples
    --------
    >>> shape = ModelShape(6, 4, 4, 32, 8, 100, 64)
    >>> [str(site) for site in layer_window(shape, 5, 1)]
    ['a4.h*.pattern', 'a5.h*.pattern']
    """
    if centre < 0 or reach < 0:
        raise SiteError(f"a window has a layer of 0 or more and a reach of 0 or more, got {centre} and {reach}")
    shape.require(Site(Kind.PATTERN, centre))
    return list(_patterns(range(max(0, centre - reach), min(shape.n_layers, centre + reach + 1))))


def _patterns(layers: Iterable[int]) -> Iterable[Site]:
    return (Site(Kind.PATTERN, layer) for layer in layers)
