"""The three ways to estimate what a patch moves."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jackfield.interventions import Intervention, replace
from jackfield.progress import track
from jackfield.sites import Kind, Site
from jackfield_plugins.activation_patching.attribution.config import AttributionPatchingConfig, Method
from jackfield_plugins.activation_patching.attribution.contributions import Contributions, added_up, first_order
from jackfield_plugins.activation_patching.attribution.patterns import Patterns, by_key, by_query, sites_of
from jackfield_plugins.activation_patching.attribution.slopes import Slopes
from jackfield_plugins.activation_patching.places import Place

__all__ = ["INPUT", "Estimates", "estimate"]

Floats = NDArray[np.float64]
Activations = Mapping[Site, Tensor]

INPUT = Site(Kind.INPUT)


@dataclass(frozen=True, eq=False)
class Estimates:
    """What patches are estimated to move.

    Parameters
    ----------
    effects, controls
        What each place, and its control, moves on each prompt, ``[place, pair]``.
    magnitudes
        What places are ranked by, ``[place]``, in the metric's unit.
    completeness
        What the input moves on each prompt, ``[pair]``; for integrated gradients only, where all of the difference is
        right.
    """

    effects: Floats
    controls: Floats
    magnitudes: Floats
    completeness: Floats | None = None


def estimate(slopes: Slopes, base: Activations, cells: Sequence[Place], config: AttributionPatchingConfig) -> Estimates:
    """Estimate what patching each place moves.

    Parameters
    ----------
    slopes
        The metric, to be differentiated.
    base
        Activations of the prompts that are run, at all that the cells touch.
    cells
        The places.
    config
        Says how.
    """
    sites = sorted({cell.site.all_heads for cell in cells})
    if config.method is Method.ATP_STAR:
        return _atp_star(slopes, base, cells, sites)
    if config.method is Method.INTEGRATED_GRADIENTS:
        return _integrated(slopes, base, cells, sites, config)
    at_base = slopes.at(sites)
    effects, controls = (
        added_up(first_order(base, source, at_base), cells)
        for source in (slopes.ground.values, slopes.ground.unrelated)
    )
    return Estimates(effects, controls, np.abs(effects.mean(-1)))


def _integrated(
    slopes: Slopes,
    base: Activations,
    cells: Sequence[Place],
    sites: Collection[Site],
    config: AttributionPatchingConfig,
) -> Estimates:
    found = []
    for source, description in ((slopes.ground.values, "attributing"), (slopes.ground.unrelated, "control")):
        way = source[INPUT] - base[INPUT]
        total: dict[Site, Tensor] = {}
        for point in track(config.rule.points(config.steps), description, slopes.bench.progress):
            stop = base[INPUT] + point * way

            def here(rows: Sequence[int], stop: Tensor = stop) -> list[Intervention]:
                return [replace(INPUT, stop[rows])]

            for site, slope in slopes.at({*sites, INPUT}, here).items():
                total[site] = total[site] + slope if site in total else slope
        mean = {site: slope / config.steps for site, slope in total.items()}
        found.append(first_order(base, source, mean))
    effects, controls = (added_up(contributions, cells) for contributions in found)
    complete = torch.where(slopes.ground.base.mask, found[0][INPUT], 0).sum(-1)
    return Estimates(effects, controls, np.abs(effects.mean(-1)), np.asarray(complete.double().cpu().numpy()))


def _atp_star(slopes: Slopes, base: Activations, cells: Sequence[Place], sites: Sequence[Site]) -> Estimates:
    ground, model = slopes.ground, slopes.bench.model
    layers = sorted({site.layer for site in sites if site.kind in (Kind.Q, Kind.K) and site.layer is not None})
    sources = (ground.values, ground.unrelated)
    fixes = []
    if layers:
        patterns = Patterns.of(model, ground.base, layers)
        fixes = [_Fix.of(patterns, source) for source in sources]
    wanted = [site for site in sites if site.kind not in (Kind.Q, Kind.K)] + sites_of(Kind.PATTERN, layers)

    def moved(index: int, at: Activations) -> Contributions:
        straight = {site: slope for site, slope in at.items() if site.kind is not Kind.PATTERN}
        found = dict(first_order(base, sources[index], straight))
        if fixes:
            found |= fixes[index].contributions(at, model.shape.n_key_value_heads)
        return found

    at_base = slopes.at(wanted)
    effects, controls = (added_up(moved(index, at_base), cells) for index in range(2))
    total, counts = np.zeros_like(effects), np.zeros(len(cells))
    for layer in track(range(model.shape.n_layers), "gradient drop", slopes.bench.progress):
        kept = [site for site in wanted if site.layer != layer or site.kind is Kind.RESID_PRE]
        reached = [i for i, cell in enumerate(cells) if cell.site.layer != layer or cell.site.kind is Kind.RESID_PRE]
        if not reached:
            continue
        stops = [Intervention(Site(kind, layer), torch.detach) for kind in (Kind.ATTN_OUT, Kind.MLP_OUT)]
        dropped = moved(0, slopes.at(kept, partial(_same, stops)))
        total[reached] += np.abs(added_up(dropped, [cells[index] for index in reached]))
        counts[reached] += 1
    alone = counts == 0
    total[alone], counts[alone] = np.abs(effects[alone]), 1
    return Estimates(effects, controls, (total / counts[:, None]).mean(-1))


def _same(interventions: Sequence[Intervention], rows: Sequence[int]) -> Sequence[Intervention]:  # noqa: ARG001
    """The same interventions whichever the rows."""
    return interventions


@dataclass(frozen=True, eq=False)
class _Fix:
    """Patterns that other queries and other keys make, computed once for all slopes."""

    base: Activations
    source: Activations
    queried: Activations
    keyed: Activations

    @classmethod
    def of(cls, patterns: Patterns, source: Activations) -> _Fix:
        return cls(patterns.base, source, patterns.under(source, patterns.base), patterns.with_single_keys(source))

    def contributions(self, slopes: Activations, key_heads: int) -> Contributions:
        """What queries and keys move, by the slopes at the patterns; exactly nothing where they are what they were."""
        found: dict[Site, Tensor] = {}
        for site, slope in slopes.items():
            if site.kind is Kind.PATTERN:
                old = self.base[site]
                found[Site(Kind.Q, site.layer)] = by_query(old, self.queried[site], slope)
                moved = by_key(old, self.keyed[site], slope)
                found[Site(Kind.K, site.layer)] = moved.reshape(*moved.shape[:-1], key_heads, -1).sum(-1)
        return {
            site: torch.where((self.source[site] != self.base[site]).any(-1), moved, 0) for site, moved in found.items()
        }
