"""Interventions: a site, the positions it is changed at, and a pure function from its activation to a new one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from jackfield.errors import InterventionError
from jackfield.sites import Kind, Site

__all__ = ["Addition", "Edit", "Intervention", "Replacement", "add", "replace", "zero"]

Edit = Callable[[Tensor], Tensor]
"""A pure function from a site's activation (axes: ``site.axes``) to its replacement, of the same shape."""


@dataclass(frozen=True, eq=False)
class Replacement:
    """The edit that puts ``value``, broadcast, in the place of the activation of ``site``."""

    site: Site
    value: Tensor

    def __call__(self, old: Tensor) -> Tensor:
        return _broadcast(self.site, self.value, old)

    def part(self, prompts: Int[Tensor, " chosen"], first: int) -> Replacement:
        """The same edit of some rows of the batch, from column ``first`` on."""
        return Replacement(self.site, _part(self.site, self.value, prompts, first))


@dataclass(frozen=True, eq=False)
class Addition:
    """The edit that adds ``value``, broadcast, to the activation of ``site``."""

    site: Site
    value: Tensor

    def __call__(self, old: Tensor) -> Tensor:
        return old + _broadcast(self.site, self.value, old)

    def part(self, prompts: Int[Tensor, " chosen"], first: int) -> Addition:
        """The same edit of some rows of the batch, from column ``first`` on."""
        return Addition(self.site, _part(self.site, self.value, prompts, first))


@dataclass(frozen=True, eq=False)
class Intervention:
    """A change to one site during a forward pass.

    Parameters
    ----------
    site
        Where to intervene.
    edit
        Pure function of the site's activation, with the axes that ``site.axes`` names.
    where
        Mask ``[batch, column]`` of the tokens at which the edit takes effect; everything when ``None``. For an
        attention pattern it selects query positions.

    Examples
    --------
    >>> Intervention(Site.parse("m3"), lambda activation: 0 * activation)
    Intervention(m3)
    """

    site: Site
    edit: Edit
    where: Bool[Tensor, "batch column"] | None = None

    def __post_init__(self) -> None:
        if self.where is not None and not bool(self.where.any()):
            raise InterventionError(f"the intervention at {self.site} cannot fire: it selects no position")

    def __repr__(self) -> str:
        return f"Intervention({self.site})"

    def apply(self, activation: Tensor) -> Tensor:
        """The layer's activation (all heads) after this intervention; the input is left untouched.

        Raises
        ------
        InterventionError
            If the edit's value, or ``where``, does not fit the activation.
        """
        old = self.site.part_of(activation)
        version = old._version
        new = self.edit(old)
        if old._version != version:
            raise InterventionError(
                f"the edit at {self.site} changed the activation in place; return a new tensor instead"
            )
        if not isinstance(new, Tensor) or new.shape != old.shape:
            found = f"shape {tuple(new.shape)}" if isinstance(new, Tensor) else f"a {type(new).__name__}"
            raise InterventionError(
                f"the edit at {self.site} returned {found}, expected shape {tuple(old.shape)} {self.site.axes}"
            )
        new = new if new is old else new.to(old.dtype).contiguous()
        if self.where is not None:
            new = torch.where(self._spread(old), new, old)
        if self.site.head is None:
            return new
        result = activation.clone()
        self.site.part_of(result).copy_(new)
        return result

    def _spread(self, activation: Tensor) -> Tensor:
        """``where`` with the activation's number of axes."""
        where = self.where
        axis = self.site.axes.index("position")
        if where is None or where.shape != (activation.shape[0], activation.shape[axis]):
            raise InterventionError(
                f"the intervention at {self.site} selects positions {None if where is None else tuple(where.shape)} "
                f"[batch, column] of an activation of shape {tuple(activation.shape)} {self.site.axes}"
            )
        shape = [1] * activation.ndim
        shape[0], shape[axis] = where.shape
        return where.view(shape).to(activation.device)


def replace(
    site: Site, value: Float[Tensor, " ..."], where: Bool[Tensor, "batch column"] | None = None
) -> Intervention:
    """Put ``value``, broadcast to the activation's shape, in the activation's place.

    Which name this goes by depends on the value: another prompt's activation makes it *resample* (or *patch*), a data
    set's mean makes it *mean* ablation.

    Parameters
    ----------
    site
        Where to intervene.
    value
        What to put there; its axes are the last of ``site.axes``.
    where
        The tokens at which it is put, ``[batch, column]``; everywhere when ``None``.
    """
    return Intervention(site, Replacement(site, value), where)


def zero(site: Site, where: Bool[Tensor, "batch column"] | None = None) -> Intervention:
    """Put zeros in the activation's place.

    Parameters
    ----------
    site, where
        As for ``replace``.

    Raises
    ------
    InterventionError
        For an attention pattern, whose rows would no longer sum to one.
    """
    if site.kind is Kind.PATTERN:
        raise InterventionError(
            f"{site}: a zero attention pattern is not a distribution; ablate {site.all_heads} otherwise"
        )
    return Intervention(site, torch.zeros_like, where)


def add(site: Site, value: Float[Tensor, " ..."], where: Bool[Tensor, "batch column"] | None = None) -> Intervention:
    """Add ``value``, broadcast to the activation's shape.

    Parameters
    ----------
    site, value, where
        As for ``replace``.
    """
    return Intervention(site, Addition(site, value), where)


def _broadcast(site: Site, value: Tensor, activation: Tensor) -> Tensor:
    try:
        return value.to(activation).expand_as(activation)
    except RuntimeError as error:
        raise InterventionError(
            f"a value of shape {tuple(value.shape)} does not fit {site}, whose activation has shape "
            f"{tuple(activation.shape)} {site.axes}"
        ) from error


def _part(site: Site, value: Tensor, prompts: Tensor, first: int) -> Tensor:
    """``value`` at some prompts and from one column on; an axis of length 1 stands for every prompt or column."""
    missing = len(site.axes) - value.ndim
    if missing <= 0 and value.shape[0] > 1:
        value = value[prompts.to(value.device)]
    axis = site.axes.index("position") - missing
    if axis >= 0 and value.shape[axis] > 1:
        value = value.narrow(axis, first, value.shape[axis] - first)
    return value
