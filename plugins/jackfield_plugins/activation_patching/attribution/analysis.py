"""Attribution patching: what exact patching would find at every place, from a few passes, and how far to trust it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from torch import Tensor

from jackfield.analysis import Analysis
from jackfield.bench import Bench
from jackfield.checkpoint import NoCheckpoint
from jackfield.comparison import LEVEL, Variables, compared, shared
from jackfield.replay import sweep
from jackfield.sites import Kind, Site
from jackfield.statistics import mean_share
from jackfield_plugins.activation_patching.attribution.agreement import Choice, least_recall, most_recall, spearman
from jackfield_plugins.activation_patching.attribution.config import AttributionPatchingConfig, Method
from jackfield_plugins.activation_patching.attribution.estimates import Estimates
from jackfield_plugins.activation_patching.attribution.methods import INPUT, estimate
from jackfield_plugins.activation_patching.attribution.result import AttributionPatchingResult
from jackfield_plugins.activation_patching.attribution.slopes import Slopes
from jackfield_plugins.activation_patching.config import Replacement
from jackfield_plugins.activation_patching.ground import Ground
from jackfield_plugins.activation_patching.places import Place, coordinates, places, swept_layers, swept_positions
from jackfield_plugins.activation_patching.result import CONTROL

__all__ = ["AttributionPatching"]

Floats = NDArray[np.float64]


class AttributionPatching(Analysis[AttributionPatchingConfig]):
    """Estimate the effect of every patch from slopes, and hold the estimate to exact patching on a sample.

    An effect is the first-order estimate of what ``activation_patching`` reports under the same name, number for
    number: the share of the difference that the patch would carry over. The strongest places and a random sample of all
    are patched exactly, and the result says how well the two agree.

    Sources: Kramár et al. (arXiv 2403.00745) for AtP*.
    """

    name: ClassVar[str] = "attribution_patching"
    version: ClassVar[str] = "1"
    summary: ClassVar[str] = "effects of all patches estimated from gradients, with their agreement with exact patching"
    Config = AttributionPatchingConfig
    Result = AttributionPatchingResult

    def run(self, bench: Bench, config: AttributionPatchingConfig) -> AttributionPatchingResult:
        """Estimate the effects of all places that ``config`` names.

        Raises
        ------
        ConfigError
            If a layer or a position does not exist, or the metric cannot be differentiated.
        AlignmentError
            If a template occurs only once, so that no unrelated prompt can serve as control.
        UndefinedMetricError
            If clean and corrupted prompts score the same on average, or the metric is flat at the prompts that are run.
        InterventionError
            If AtP* cannot be computed exactly for the queries and keys of this architecture.
        """
        cells = _cells(bench, config)
        sites = {cell.site.all_heads for cell in cells}
        if config.method is Method.INTEGRATED_GRADIENTS:
            sites.add(INPUT)
        ground = Ground.prepare(bench, config.direction, Replacement.RESAMPLE, sites)
        mean_share(ground.whole, ground.whole)
        slopes = Slopes(bench, ground, config.pairs_at_once)
        slopes.require()
        base = bench.model.run_with_cache(ground.base, sorted(sites)).activations
        found = estimate(slopes, base, cells, config)
        variables = compared(bench, "place", found.effects, found.controls, ground.whole)
        share = {"unit": str(variables["effect"][2]["unit"])}
        size = abs(float(ground.whole.mean()))
        variables["magnitude"] = ("place", found.magnitudes / size, share)
        candidates = [index for index, cell in enumerate(cells) if _differs(cell, base, ground)]
        variables |= _verified(bench, ground, cells, candidates, variables, config)
        variables |= _completeness(bench, ground, found)
        return AttributionPatchingResult(
            xr.Dataset(variables, coordinates(cells)).assign_attrs(level=LEVEL),
            ground.baselines(bench),
            {CONTROL: "the same estimate for the activation of another prompt of the same template"},
            bench.provenance(self.name, self.version, config.model_dump(mode="json")),
        )


def _cells(bench: Bench, config: AttributionPatchingConfig) -> list[Place]:
    """All places: those of exact patching and, where asked for, queries and keys."""
    found = places(bench, config)
    if config.sweeps_queries_and_keys:
        shape = bench.model.shape
        found += [
            Place(site := Site(kind, layer, head), site, name, label, where)
            for name, kind in (("q", Kind.Q), ("k", Kind.K))
            for layer in swept_layers(bench, config)
            for head in range(shape.heads_of(kind))
            for label, where in swept_positions(bench, config).items()
        ]
    return found


def _differs(cell: Place, base: Mapping[Site, Tensor], ground: Ground) -> bool:
    """Whether a patch puts anything else than what is there; where it does not, every estimate is right."""
    site = cell.site.all_heads
    changed = cell.site.part_of(ground.values[site] != base[site]).any(-1)
    return bool((changed & cell.where).any())


def _verified(
    bench: Bench,
    ground: Ground,
    cells: Sequence[Place],
    candidates: Sequence[int],
    estimated: Variables,
    config: AttributionPatchingConfig,
) -> Variables:
    """Exact effects of the strongest places and of a sample, and what they say of the estimate.

    Nothing of it is resumed: which places these are hangs on the last bit of the estimates.
    """
    magnitudes, effects = estimated["magnitude"][1], estimated["effect"][1]
    choice = Choice.draw(magnitudes, candidates, config.sample, config.top, bench.draw("verified places"))
    chosen = [cells[index] for index in choice.verified]
    metric = sweep(
        replace(bench, checkpoint=NoCheckpoint()),
        ground.base,
        ground.key,
        chosen,
        lambda cell: cell.writes(ground.values),
        "verifying",
    )
    found: Variables = {}
    for name, (_, values, unit) in shared(
        "place", "exact", metric - ground.base_metric, ground.whole, bench.rng("interval/exact")
    ).items():
        spread = np.full(len(cells), np.nan)
        spread[choice.verified] = values
        found[name] = ("place", spread, unit)
    exact = found["exact"][1]
    for name, members in (("sampled", choice.sampled), ("top", choice.top)):
        found[name] = ("place", np.isin(np.arange(len(cells)), members), {"unit": "yes or no"})
    correlation = spearman(effects[choice.sampled], exact[choice.sampled], bench.rng("interval/spearman"))
    for name, value in zip(("spearman", "spearman_low", "spearman_high"), correlation, strict=True):
        found[name] = ((), value, {"unit": "rank correlation"})
    share = {"unit": "share of the strongest places"}
    found["recall"] = ((), most_recall(exact, choice.top, choice.verified), share)
    found["recall_low"] = ((), least_recall(exact, choice), share)
    found["candidates"] = ((), choice.candidates, {"unit": "places"})
    return found


def _completeness(bench: Bench, ground: Ground, found: Estimates) -> Variables:
    if found.completeness is None:
        return {}
    named = shared("input", "completeness", found.completeness[None], ground.whole, bench.rng("interval/completeness"))
    return {name: ((), float(values[0]), unit) for name, (_, values, unit) in named.items()}
