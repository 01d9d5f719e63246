"""AtP*: slopes that see past a saturated softmax, and a ranking that no single layer can cancel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jackfield.interventions import Intervention
from jackfield.progress import track
from jackfield.sites import Kind, Site
from jackfield_plugins.activation_patching.attribution.contributions import Contributions, added_up, first_order
from jackfield_plugins.activation_patching.attribution.estimates import Estimates
from jackfield_plugins.activation_patching.attribution.patterns import Patterns, by_key, by_query, sites_of
from jackfield_plugins.activation_patching.attribution.slopes import Slopes
from jackfield_plugins.activation_patching.places import Place

__all__ = ["atp_star"]

Floats = NDArray[np.float64]
Activations = Mapping[Site, Tensor]

_SOFTMAX = (Kind.Q, Kind.K)
_STREAMS = (Kind.RESID_PRE, Kind.RESID_MID, Kind.RESID_POST)


def atp_star(slopes: Slopes, base: Activations, cells: Sequence[Place]) -> Estimates:
    """Estimate by slopes where the prompts are, for queries and keys through the pattern, and rank by gradient drop.

    Parameters
    ----------
    slopes, base, cells
        As for ``estimate``.
    """
    ground, model = slopes.ground, slopes.bench.model
    sites = sorted({cell.site.all_heads for cell in cells})
    layers = sorted({site.layer for site in sites if site.kind in _SOFTMAX and site.layer is not None})
    wanted = [site for site in sites if site.kind not in _SOFTMAX] + sites_of(Kind.PATTERN, layers)
    patterns = Patterns.of(model, ground.base, layers) if layers else None
    patched, control = (
        _Patch.of(base, source, patterns, model.shape.n_key_value_heads) for source in (ground.values, ground.unrelated)
    )
    at_base = slopes.at(wanted)
    effects, controls = (added_up(patch.contributions(at_base), cells) for patch in (patched, control))
    return Estimates(effects, controls, _dropped(slopes, patched, wanted, cells, effects))


def _dropped(slopes: Slopes, patched: _Patch, sites: Sequence[Site], cells: Sequence[Place], effects: Floats) -> Floats:
    """The mean size of the estimates that are left when one layer after the other is held still, ``[place]``.

    A layer that is held still passes nothing of its own places on, so those are left out of its turn. Where that leaves
    no turn, in a network of one layer, the size of the plain estimate stands.
    """
    total, turns = np.zeros_like(effects), np.zeros(len(cells))
    for layer in track(range(slopes.bench.model.shape.n_layers), "gradient drop", slopes.bench.progress):
        moving = [index for index, cell in enumerate(cells) if _outside(cell.site, layer)]
        if moving:
            still = [Intervention(Site(kind, layer), torch.detach) for kind in (Kind.ATTN_OUT, Kind.MLP_OUT)]
            left = patched.contributions(
                slopes.at([site for site in sites if _outside(site, layer)], partial(_same, still))
            )
            total[moving] += np.abs(added_up(left, [cells[index] for index in moving]))
            turns[moving] += 1
    sizes = np.where(turns[:, None] > 0, total / np.maximum(turns, 1)[:, None], np.abs(effects))
    found: Floats = sizes.mean(-1)
    return found


def _outside(site: Site, layer: int) -> bool:
    """Whether a site reaches the output past a layer that is held still."""
    return site.layer != layer or site.kind in _STREAMS


def _same(interventions: Sequence[Intervention], rows: Sequence[int]) -> Sequence[Intervention]:  # noqa: ARG001
    """The same interventions whichever the rows."""
    return interventions


@dataclass(frozen=True, eq=False)
class _Patch:
    """Other activations, and the patterns that their queries and keys make; of use with any slopes."""

    base: Activations
    source: Activations
    queried: Activations
    keyed: Activations
    key_heads: int

    @classmethod
    def of(cls, base: Activations, source: Activations, patterns: Patterns | None, key_heads: int) -> _Patch:
        if patterns is None:
            return cls(base, source, {}, {}, key_heads)
        queried, keyed = patterns.under(source, patterns.base), patterns.with_single_keys(source)
        return cls({**base, **patterns.base}, source, queried, keyed, key_heads)

    def contributions(self, slopes: Activations) -> Contributions:
        """What each token moves, by the slopes at sites and, for queries and keys, at patterns.

        Queries and keys that are what they were move exactly nothing.
        """
        straight = {site: slope for site, slope in slopes.items() if site.kind is not Kind.PATTERN}
        bent: dict[Site, Tensor] = {}
        for site, slope in slopes.items():
            if site.kind is Kind.PATTERN:
                old = self.base[site]
                bent[Site(Kind.Q, site.layer)] = by_query(old, self.queried[site], slope)
                moved = by_key(old, self.keyed[site], slope)
                bent[Site(Kind.K, site.layer)] = moved.reshape(*moved.shape[:-1], self.key_heads, -1).sum(-1)
        for site, moved in bent.items():
            bent[site] = torch.where((self.source[site] != self.base[site]).any(-1), moved, 0)
        return {**first_order(self.base, self.source, straight), **bent}
