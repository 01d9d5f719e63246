"""The three ways to estimate what a patch moves."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from jackfield.interventions import Intervention, replace
from jackfield.progress import track
from jackfield.sites import Kind, Site
from jackfield_plugins.activation_patching.attribution.atp_star import atp_star
from jackfield_plugins.activation_patching.attribution.config import AttributionPatchingConfig, Method
from jackfield_plugins.activation_patching.attribution.contributions import added_up, first_order
from jackfield_plugins.activation_patching.attribution.estimates import Estimates
from jackfield_plugins.activation_patching.attribution.slopes import Slopes
from jackfield_plugins.activation_patching.places import Place

__all__ = ["INPUT", "estimate"]

Activations = Mapping[Site, Tensor]

INPUT = Site(Kind.INPUT)


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
    if config.method is Method.ATP_STAR:
        return atp_star(slopes, base, cells)
    sites = sorted({cell.site.all_heads for cell in cells})
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
