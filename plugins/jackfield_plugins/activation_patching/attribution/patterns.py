"""Attention patterns under other queries or keys, exactly, and what that moves to first order in the pattern.

A pattern is a function of its layer's queries and keys alone. With both held in place at every layer, one forward pass
computes the patterns of all layers at once, by the model's own softmax, masks, norms, rotations and caps.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from jackfield.errors import InterventionError
from jackfield.hooked_model import HookedModel
from jackfield.interventions import replace
from jackfield.sites import Kind, Site
from jackfield.token_batch import TokenBatch

__all__ = ["Patterns", "by_key", "by_query", "raised", "sites_of"]

Activations = Mapping[Site, Tensor]
_LEAST = 1e-30
_TOLERANCE = {torch.float64: 1e-9, torch.float32: 1e-4, torch.float16: 1e-2, torch.bfloat16: 5e-2}


def sites_of(kind: Kind, layers: Collection[int]) -> list[Site]:
    """The sites of a kind in some layers, all heads together."""
    return [Site(kind, layer) for layer in layers]


@dataclass(frozen=True, eq=False)
class Patterns:
    """The patterns of a batch and of the same batch under other queries and keys.

    Parameters
    ----------
    model, batch
        What is run on what.
    base
        Queries, keys and patterns of the plain run, of every layer asked for.
    """

    model: HookedModel
    batch: TokenBatch
    base: Activations

    @classmethod
    def of(cls, model: HookedModel, batch: TokenBatch, layers: Collection[int]) -> Patterns:
        """Run a batch and check that its queries and keys alone make its patterns.

        Raises
        ------
        InterventionError
            If they do not, or a pattern leaves weight to a sink beside the keys: then nothing is claimed of a model of
            this architecture.
        """
        kinds = (Kind.Q, Kind.K, Kind.PATTERN)
        run = model.run_with_cache(batch, [Site(kind, layer) for kind in kinds for layer in layers])
        found = cls(model, batch, run.activations)
        for site, pattern in found.under(run.activations, run.activations).items():
            limit = _TOLERANCE[pattern.dtype]
            gap = torch.where(found._real, pattern - run[site], 0).abs().max().item()
            left = torch.where(batch.mask[:, None], 1 - run[site].sum(-1), 0).abs().max().item()
            for off, trouble in (
                (gap, "depends on more than its queries and keys"),
                (left, "has rows that do not add up to 1"),
            ):
                if not off <= limit:
                    raise InterventionError(
                        f"{site} of {model.identity.architecture} {trouble} (off by {off:.3g}, allowed {limit:.3g}); "
                        "use method atp, or leave queries and keys out"
                    )
        return found

    @property
    def layers(self) -> list[int]:
        return [site.layer for site in self.base if site.kind is Kind.PATTERN and site.layer is not None]

    def under(self, queries: Activations, keys: Activations, columns: Tensor | None = None) -> Activations:
        """The patterns that some queries and keys make, at every layer.

        Parameters
        ----------
        queries, keys
            What holds them, by site.
        columns
            Mask ``[batch, column]`` of the tokens whose keys are put in; the others keep those of the plain run.
        """
        whole = sites_of(Kind.Q, self.layers), sites_of(Kind.K, self.layers)
        held = [replace(site, queries[site]) for site in whole[0]] + [
            replace(site, self.base[site]) for site in whole[1]
        ]
        put_in = [replace(site, keys[site], columns) for site in whole[1]]
        wanted = sites_of(Kind.PATTERN, self.layers)
        return self.model.run_with_cache(self.batch, wanted, [*held, *put_in]).activations

    def with_single_keys(self, keys: Activations) -> Activations:
        """Of every key, the weight that it would have beside the others' old weights, if it alone were put in.

        Every second key is put in at once, and then the others. The keys left as they were tell by how much each
        softmax has shrunk, so that two forward passes serve all keys.

        Raises
        ------
        InterventionError
            If a pattern is so sharp that the keys left as they were have no weight to tell it by.
        """
        columns = torch.arange(self.batch.tokens.shape[1], device=self.batch.tokens.device)
        weights = {site: self.base[site].double() for site in sites_of(Kind.PATTERN, self.layers)}
        for parity in (0, 1):
            chosen = columns % 2 == parity
            if not bool(chosen.any()):
                continue
            for site, pattern in self.under(self.base, keys, chosen.expand_as(self.batch.mask)).items():
                new = torch.where(self._real, raised(self.base[site], pattern, chosen), weights[site])
                if bool(new.isnan().any()):
                    raise InterventionError(
                        f"{site} of {self.model.identity.architecture} is too sharp to tell its keys apart; use method "
                        "atp, or leave queries and keys out"
                    )
                weights[site] = torch.where(chosen, new, weights[site])
        return weights

    @property
    def _real(self) -> Tensor:
        """Pairs of real tokens, ``[batch, 1, query, key]``."""
        return self.batch.mask[:, None, :, None] & self.batch.mask[:, None, None, :]


def raised(
    base: Float[Tensor, "*rows key"], changed: Float[Tensor, "*rows key"], columns: Bool[Tensor, " key"]
) -> Float[Tensor, "*rows key"]:
    """The weights of changed keys in units of the old ones: ``exp(new score)`` over the old sum of ``exp(score)``.

    Parameters
    ----------
    base, changed
        Patterns before and after the keys in ``columns`` changed.
    columns
        The keys that changed; the others' scores are as before.

    Returns
    -------
    ``[*rows, key]``, of use at ``columns``. Not a number where the other keys have no weight left to tell it by.
    """
    before, after = base.double(), changed.double()
    old, new = (pattern.masked_fill(columns, 0).sum(-1, keepdim=True) for pattern in (before, after))
    told = after * old / new
    told = told.masked_fill((old < _LEAST) | (new < _LEAST), torch.nan)
    return torch.where((base == changed).all(-1, keepdim=True), before, told)


def by_query(
    base: Float[Tensor, "batch head query key"],
    changed: Float[Tensor, "batch head query key"],
    slope: Float[Tensor, "batch head query key"],
) -> Float[Tensor, "batch query head"]:
    """What each query moves that makes ``base`` into ``changed``, to first order in the pattern."""
    return ((changed - base) * slope).sum(-1).movedim(1, 2)


def by_key(
    base: Float[Tensor, "batch head query key"],
    weights: Float[Tensor, "batch head query key"],
    slope: Float[Tensor, "batch head query key"],
) -> Float[Tensor, "batch key head"]:
    """What each key moves if it alone changes, to first order in the pattern; all keys in one go.

    Parameters
    ----------
    base
        The pattern, with weights ``p``.
    weights
        What ``Patterns.with_single_keys`` gives: the weight ``r`` of each key beside the others' old ones. The key's
        new share is ``r / (1 - p + r)``, and the others' shares shrink by the same divisor.
    slope
        Of the metric by the pattern.
    """
    old, slope = base.double(), slope.double()
    divisor = _others(old) + weights
    moved = (weights / divisor - old) * slope + (1 / divisor - 1) * _others(old * slope)
    return moved.sum(-2).movedim(1, 2)


def _others(values: Tensor) -> Tensor:
    """The sum over the other entries of each row; not by subtraction, which loses what is small beside an entry."""
    before = values[..., :-1].cumsum(-1)
    after = values[..., 1:].flip(-1).cumsum(-1).flip(-1)
    return torch.nn.functional.pad(before, (1, 0)) + torch.nn.functional.pad(after, (0, 1))
