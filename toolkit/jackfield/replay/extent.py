"""Where each patch first makes a difference: from which layer and column on each of its prompts must be computed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from jackfield.errors import InterventionError
from jackfield.interventions import Addition, Intervention, Replacement
from jackfield.replay.capability import Capability
from jackfield.sites import Site
from jackfield.token_batch import TokenBatch

__all__ = ["Observations", "Slice", "part_of", "slices_of"]


@dataclass(frozen=True, eq=False)
class Slice:
    """Prompts of one patch that are computed from the same layer and column on.

    Parameters
    ----------
    patch
        Index of the patch.
    interventions
        All that the patch does.
    layer, column
        The first of each that it changes.
    prompts
        Which prompts of the base batch, ``[row]``.
    whole
        Whether an edit may look at the whole activation, so that neither rows nor columns can be taken from it.
    """

    patch: int
    interventions: Sequence[Intervention]
    layer: int
    column: int
    prompts: Int[Tensor, " row"]
    whole: bool = False

    def __len__(self) -> int:
        return len(self.prompts)

    def halves(self) -> tuple[Slice, Slice]:
        """The slice as two, each with some of its prompts."""
        middle = len(self) // 2
        first, second = (
            Slice(self.patch, self.interventions, self.layer, self.column, prompts, self.whole)
            for prompts in (self.prompts[:middle], self.prompts[middle:])
        )
        return first, second


class Observations:
    """What the base run shows of the patches: at which tokens a replacement differs from what is there anyway.

    Parameters
    ----------
    patches
        The interventions of each patch.
    batch
        The prompts of the base run.
    """

    def __init__(self, patches: Iterable[Sequence[Intervention]], batch: TokenBatch) -> None:
        self._batch = batch
        self._changed: dict[tuple[object, ...], Tensor] = {}
        self._values: dict[Site, dict[tuple[object, ...], Replacement]] = defaultdict(dict)
        for interventions in patches:
            for intervention in interventions:
                edit = intervention.edit
                if isinstance(edit, Replacement) and intervention.site.kind.gate is None:
                    self._values[intervention.site.all_heads][_fingerprint(edit)] = edit

    def observers(self, prompts: Int[Tensor, " chosen"]) -> list[Intervention]:
        """Interventions for the base run of some prompts, which compare and change nothing."""
        return [Intervention(site, partial(self._compare, site, prompts)) for site in self._values]

    def touched(self, intervention: Intervention) -> Bool[Tensor, "prompt column"]:
        """The real tokens at which an intervention may make a difference.

        Raises
        ------
        InterventionError
            If ``where`` does not fit the batch.
        """
        mask, where = self._batch.mask, intervention.where
        if where is not None:
            if where.shape != mask.shape:
                raise InterventionError(
                    f"the intervention at {intervention.site} selects positions {tuple(where.shape)} [batch, column] "
                    f"of a batch of shape {tuple(mask.shape)}"
                )
            mask = mask & where.to(mask.device)
        if isinstance(intervention.edit, Replacement):
            changed = self._changed.get(_fingerprint(intervention.edit))
            mask = mask if changed is None else mask & changed.to(mask.device)
        return mask

    def _compare(self, site: Site, prompts: Tensor, activation: Tensor) -> Tensor:
        for fingerprint, edit in self._values[site].items():
            old = edit.site.part_of(activation)
            new = edit.part(prompts, 0)(old).to(old.dtype)
            others = tuple(axis for axis, name in enumerate(edit.site.axes) if name not in ("batch", "position"))
            if fingerprint not in self._changed:
                self._changed[fingerprint] = torch.zeros_like(self._batch.mask)
            self._changed[fingerprint][prompts] = (new != old).any(dim=others)
        return activation


def _fingerprint(edit: Replacement) -> tuple[object, ...]:
    """The same for edits that put the same memory at the same site."""
    value = edit.value
    return edit.site, value.data_ptr(), value.dtype, tuple(value.shape), value.stride()


def slices_of(
    patch: int,
    interventions: Sequence[Intervention],
    observations: Observations,
    batch: TokenBatch,
    capability: Capability,
) -> list[Slice]:
    """The prompts that a patch changes, by the layer and column from which they differ from the base run.

    Parameters
    ----------
    patch, interventions
        Index of the patch, and what it does.
    observations
        What the base run showed.
    batch
        The prompts of the base run.
    capability
        Whether layers and columns can be left out at all.
    """
    everyone = torch.arange(len(batch), device=batch.tokens.device)
    layers = torch.tensor([intervention.site.layer or 0 for intervention in interventions]) * capability.layers
    if not all(_can_be_cut(intervention) for intervention in interventions):
        return [Slice(patch, interventions, int(layers.min()), 0, everyone, whole=True)]
    touched = torch.stack([observations.touched(intervention) for intervention in interventions]).cpu()
    reached = touched.any(-1)
    first_layers = torch.where(reached, layers[:, None], layers.max()).amin(0).tolist()
    columns = (touched.any(0).int().argmax(-1) * capability.columns).tolist()
    rows: dict[tuple[int, int], list[int]] = defaultdict(list)
    for prompt in reached.any(0).nonzero()[:, 0].tolist():
        rows[first_layers[prompt], columns[prompt]].append(prompt)
    return [Slice(patch, interventions, layer, column, everyone[prompts]) for (layer, column), prompts in rows.items()]


def _can_be_cut(intervention: Intervention) -> bool:
    return isinstance(intervention.edit, Replacement | Addition) or intervention.edit is torch.zeros_like


def part_of(intervention: Intervention, prompts: Int[Tensor, " row"], column: int) -> Intervention | None:
    """The same change to some prompts from a column on, or ``None`` if it makes none there."""
    where = intervention.where
    if where is not None:
        where = where.to(prompts.device)[prompts, column:]
        if not bool(where.any()):
            return None
    edit = intervention.edit
    if isinstance(edit, Replacement | Addition):
        edit = edit.part(prompts, column)
    return Intervention(intervention.site, edit, where)
