"""Activation patching: which places carry what tells a clean prompt from its corrupted twin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from torch import Tensor

from jackfield.analysis import Analysis
from jackfield.bench import Bench
from jackfield.comparison import LEVEL, compared, shared
from jackfield.replay import sweep
from jackfield.sites import Site
from jackfield.statistics import mean_share
from jackfield_plugins.activation_patching.config import ActivationPatchingConfig
from jackfield_plugins.activation_patching.ground import Ground
from jackfield_plugins.activation_patching.places import Place, coordinates, places
from jackfield_plugins.activation_patching.result import CONTROL, ActivationPatchingResult

__all__ = ["ActivationPatching"]

Floats = NDArray[np.float64]


class ActivationPatching(Analysis[ActivationPatchingConfig]):
    """Replace one activation at a time and see how far the answer moves.

    Every place is patched on every pair, exactly. Its effect is the share of the difference between the two prompts'
    mean metrics that the patch carries over, with a bootstrap interval over pairs. The control writes the activation of
    an unrelated prompt of the same template to the same place; what it moves is disturbance, not information.

    Sources: Zhang and Nanda (arXiv 2309.16042) for the choice of corruption and metric.
    """

    name: ClassVar[str] = "activation_patching"
    version: ClassVar[str] = "2"
    summary: ClassVar[str] = "effect of replacing one activation at a time, by layer and position and by head"
    Config = ActivationPatchingConfig
    Result = ActivationPatchingResult

    def run(self, bench: Bench, config: ActivationPatchingConfig) -> ActivationPatchingResult:
        """Sweep all places that ``config`` names.

        Raises
        ------
        ConfigError
            If a layer or a position does not exist.
        AlignmentError
            If a template occurs only once, so that no unrelated prompt can serve as control.
        UndefinedMetricError
            If clean and corrupted prompts score the same on average.
        """
        cells = places(bench, config)
        ground = Ground.prepare(bench, config.direction, config.replacement, {cell.site.all_heads for cell in cells})
        mean_share(ground.whole, ground.whole)
        patched = sweep(bench, ground.base, ground.key, cells, lambda cell: [cell.write(ground.values)], "patching")
        control = sweep(bench, ground.base, ground.key, cells, lambda cell: [cell.write(ground.unrelated)], "control")
        data = _by_place(bench, ground, cells, patched, control)
        heads = [index for index, cell in enumerate(cells) if cell.site.head is not None]
        if heads:
            data = data.merge(_joint(bench, config, ground, [cells[index] for index in heads], patched[heads]))
        return ActivationPatchingResult(
            data.assign_attrs(level=LEVEL),
            ground.baselines(bench),
            {
                CONTROL: "the same place receives the activation of another prompt of the same template",
                "random heads": "as many heads as the strongest, drawn at random",
            },
            bench.provenance(self.name, self.version, config.model_dump(mode="json")),
        )


def _by_place(bench: Bench, ground: Ground, cells: Sequence[Place], patched: Floats, control: Floats) -> xr.Dataset:
    found = compared(bench, "place", patched - ground.base_metric, control - ground.base_metric, ground.whole)
    raw = {"unit": bench.metric.unit}
    found["metric"] = (("place", "pair"), patched, raw)
    found["control_metric"] = (("place", "pair"), control, raw)
    found["base_metric"] = ("pair", ground.base_metric, raw)
    found["source_metric"] = ("pair", ground.source_metric, raw)
    return xr.Dataset(found, coordinates(cells) | {"pair": np.arange(len(bench.pairs))})


def _joint(
    bench: Bench, config: ActivationPatchingConfig, ground: Ground, heads: Sequence[Place], patched: Floats
) -> xr.Dataset:
    """The strongest heads together, chosen on one half of the pairs and reported on the other."""
    draw = bench.draw("strongest heads")
    chosen_on, reported_on = bench.pairs.half_rows(draw)
    effect = mean_share((patched - ground.base_metric)[:, chosen_on], ground.whole[chosen_on])
    ranking = np.argsort(-effect, kind="stable")[: config.strongest]
    counts = range(1, len(ranking) + 1)
    strongest = [[heads[index] for index in ranking[:count]] for count in counts]
    random_sets = [draw.sample(list(heads), count) for count in counts for _ in range(config.random_draws)]

    def moved(sets: Sequence[Sequence[Place]], values: Mapping[Site, Tensor], description: str) -> Floats:
        metric = sweep(
            bench, ground.base, ground.key, sets, lambda cells: [cell.write(values) for cell in cells], description
        )
        found: Floats = (metric - ground.base_metric)[:, reported_on]
        return found

    parts = {
        "joint": moved(strongest, ground.values, "strongest heads together"),
        "joint_control": moved(strongest, ground.unrelated, "their control"),
    }
    whole = ground.whole[reported_on]
    found: dict[str, Any] = {}
    for name, values in parts.items():
        found |= shared("count", name, values, whole, bench.rng(f"interval/{name}"))
    by_draw = mean_share(moved(random_sets, ground.values, "random heads"), whole).reshape(len(ranking), -1)
    found |= shared("count", "joint_random", by_draw, np.ones(config.random_draws), bench.rng("interval/random"))
    added = [str(heads[index].node) for index in ranking]
    return xr.Dataset(found, {"count": list(counts), "joint_head": ("count", added)})
