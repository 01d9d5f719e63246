"""Activation patching: which places carry what tells a clean prompt from its corrupted twin."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from torch import Tensor

from jackfield.analysis import Analysis
from jackfield.bench import Bench
from jackfield.comparison import LEVEL, compared, shared
from jackfield.interventions import Intervention, replace
from jackfield.metrics import AnswerKey
from jackfield.replay import sweep
from jackfield.sites import Site
from jackfield.statistics import Estimate, mean_share
from jackfield.token_batch import TokenBatch
from jackfield_plugins.activation_patching.config import ActivationPatchingConfig, Direction, Replacement
from jackfield_plugins.activation_patching.places import Place, places
from jackfield_plugins.activation_patching.result import CONTROL, ActivationPatchingResult

__all__ = ["ActivationPatching"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class _Ground:
    """What all patches of a run share.

    ``base`` is run and written to; ``values`` holds what is written, ``unrelated`` what the control writes: site (all
    heads) -> activation. ``base_metric`` and ``source_metric [pair]`` are what 0 and 1 mean.
    """

    base: TokenBatch
    key: AnswerKey
    values: Mapping[Site, Tensor]
    unrelated: Mapping[Site, Tensor]
    base_metric: Floats
    source_metric: Floats

    @property
    def whole(self) -> Floats:
        return self.source_metric - self.base_metric

    def patch(self, place: Place) -> Intervention:
        return _write(place, self.values)

    def control(self, place: Place) -> Intervention:
        return _write(place, self.unrelated)


def _write(place: Place, values: Mapping[Site, Tensor]) -> Intervention:
    return replace(place.site, place.site.part_of(values[place.site.all_heads]), place.where)


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
        ground = _prepare(bench, config, {cell.site.all_heads for cell in cells})
        mean_share(ground.whole, ground.whole)
        patched = sweep(bench, ground.base, ground.key, cells, lambda cell: [ground.patch(cell)], "patching")
        control = sweep(bench, ground.base, ground.key, cells, lambda cell: [ground.control(cell)], "control")
        data = _by_place(bench, ground, cells, patched, control)
        heads = [index for index, cell in enumerate(cells) if cell.site.head is not None]
        if heads:
            data = data.merge(_joint(bench, config, ground, [cells[index] for index in heads], patched[heads]))
        return ActivationPatchingResult(
            data.assign_attrs(level=LEVEL),
            _baselines(bench, config, ground),
            {
                CONTROL: "the same place receives the activation of another prompt of the same template",
                "random heads": "as many heads as the strongest, drawn at random",
            },
            bench.provenance(self.name, self.version, config.model_dump(mode="json")),
        )


def _prepare(bench: Bench, config: ActivationPatchingConfig, sites: set[Site]) -> _Ground:
    pairs = bench.pairs
    base, source = pairs.corrupted, pairs.clean
    if config.direction is Direction.NOISING:
        base, source = source, base
    run = bench.model.run_with_cache(source, sorted(sites))
    key = bench.key(bench.clean_logits())
    partners = pairs.unrelated_rows(bench.draw("unrelated prompts"))
    values = {site: _replacement(bench, config.replacement, value) for site, value in run.activations.items()}
    return _Ground(
        base,
        key,
        values,
        {site: value[partners] for site, value in run.activations.items()},
        bench.graded(bench.model.answer_logits(bench.model.run(base), base), key),
        bench.graded(bench.model.answer_logits(run.logits, source), key),
    )


def _replacement(bench: Bench, replacement: Replacement, source: Tensor) -> Tensor:
    """What is written in place of the base run's activation, ``[pair, ...]``."""
    if replacement is Replacement.RESAMPLE:
        return source
    if replacement is Replacement.ZERO:
        return torch.zeros_like(source)
    mean = torch.empty_like(source)
    for rows in bench.pairs.rows_by_template.values():
        mean[rows] = source[rows].mean(0)
    return mean


def _baselines(bench: Bench, config: ActivationPatchingConfig, ground: _Ground) -> dict[str, Estimate]:
    names = ("corrupted", "clean") if config.direction is Direction.DENOISING else ("clean", "corrupted")
    metrics = (ground.base_metric, ground.source_metric)
    return {
        name: Estimate.of_mean(values, bench.metric.unit, bench.rng(f"baseline/{name}"))
        for name, values in sorted(zip(names, metrics, strict=True))
    }


def _by_place(bench: Bench, ground: _Ground, cells: Sequence[Place], patched: Floats, control: Floats) -> xr.Dataset:
    found = compared(bench, "place", patched - ground.base_metric, control - ground.base_metric, ground.whole)
    raw = {"unit": bench.metric.unit}
    found["metric"] = (("place", "pair"), patched, raw)
    found["control_metric"] = (("place", "pair"), control, raw)
    found["base_metric"] = ("pair", ground.base_metric, raw)
    found["source_metric"] = ("pair", ground.source_metric, raw)
    coordinates = {
        "place": [cell.label for cell in cells],
        "pair": np.arange(len(bench.pairs)),
        "site": ("place", [str(cell.node) for cell in cells]),
        "stream": ("place", [cell.stream for cell in cells]),
        "position": ("place", [cell.position for cell in cells]),
        "layer": ("place", [-1 if cell.site.layer is None else cell.site.layer for cell in cells]),
        "head": ("place", [-1 if cell.site.head is None else cell.site.head for cell in cells]),
    }
    return xr.Dataset(found, coordinates)


def _joint(
    bench: Bench, config: ActivationPatchingConfig, ground: _Ground, heads: Sequence[Place], patched: Floats
) -> xr.Dataset:
    """The strongest heads together, chosen on one half of the pairs and reported on the other."""
    draw = bench.draw("strongest heads")
    chosen_on, reported_on = bench.pairs.half_rows(draw)
    effect = mean_share((patched - ground.base_metric)[:, chosen_on], ground.whole[chosen_on])
    ranking = np.argsort(-effect, kind="stable")[: config.strongest]
    counts = range(1, len(ranking) + 1)
    strongest = [[heads[index] for index in ranking[:count]] for count in counts]
    random_sets = [draw.sample(list(heads), count) for count in counts for _ in range(config.random_draws)]

    def moved(sets: Sequence[Sequence[Place]], write: Callable[[Place], Intervention], description: str) -> Floats:
        values = sweep(bench, ground.base, ground.key, sets, lambda cells: [write(cell) for cell in cells], description)
        found: Floats = (values - ground.base_metric)[:, reported_on]
        return found

    parts = {
        "joint": moved(strongest, ground.patch, "strongest heads together"),
        "joint_control": moved(strongest, ground.control, "their control"),
    }
    whole = ground.whole[reported_on]
    found: dict[str, Any] = {}
    for name, values in parts.items():
        found |= shared("count", name, values, whole, bench.rng(f"interval/{name}"))
    by_draw = mean_share(moved(random_sets, ground.patch, "random heads"), whole).reshape(len(ranking), -1)
    found |= shared("count", "joint_random", by_draw, np.ones(config.random_draws), bench.rng("interval/random"))
    added = [str(heads[index].node) for index in ranking]
    return xr.Dataset(found, {"count": list(counts), "joint_head": ("count", added)})
