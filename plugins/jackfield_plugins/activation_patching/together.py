"""Several heads patched together: the strongest, one more at a time, and two at a time beside each alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from torch import Tensor

from jackfield.bench import Bench
from jackfield.comparison import shared
from jackfield.replay import sweep
from jackfield.sites import Site
from jackfield.statistics import mean_share
from jackfield_plugins.activation_patching.config import ActivationPatchingConfig
from jackfield_plugins.activation_patching.ground import Ground
from jackfield_plugins.activation_patching.places import Place

__all__ = ["Singly", "interactions", "moved", "strongest"]

Floats = NDArray[np.float64]


class Singly(NamedTuple):
    """Heads, and what patching each alone moved on each pair, ``[head, pair]``."""

    heads: Sequence[Place]
    moved: Floats


def moved(
    bench: Bench, ground: Ground, sets: Sequence[Sequence[Place]], values: Mapping[Site, Tensor], description: str
) -> Floats:
    """What patching all places of each set together moves the metric of each pair by, ``[set, pair]``."""
    metric = sweep(
        bench, ground.base, ground.key, sets,
        lambda cells: [*ground.given, *(write for cell in cells for write in cell.writes(values))], description,
    )  # fmt: skip
    found: Floats = metric - ground.base_metric
    return found


def strongest(bench: Bench, config: ActivationPatchingConfig, ground: Ground, singly: Singly) -> xr.Dataset:
    """The strongest heads together, chosen on one half of the pairs and reported on the other."""
    draw = bench.draw("strongest heads")
    chosen_on, reported_on = bench.pairs.half_rows(draw)
    ranking = _ranking(ground, singly, chosen_on)[: config.strongest]
    counts = range(1, len(ranking) + 1)
    sets = [[singly.heads[index] for index in ranking[:count]] for count in counts]
    random_sets = [draw.sample(list(singly.heads), count) for count in counts for _ in range(config.random_draws)]
    parts = {
        "joint": moved(bench, ground, sets, ground.values, "strongest heads together"),
        "joint_control": moved(bench, ground, sets, ground.unrelated, "their control"),
    }
    whole = ground.whole[reported_on]
    found: dict[str, Any] = {}
    for name, values in parts.items():
        found |= shared("count", name, values[:, reported_on], whole, bench.rng(f"interval/{name}"))
    by_draw = mean_share(moved(bench, ground, random_sets, ground.values, "random heads")[:, reported_on], whole)
    found |= shared(
        "count", "joint_random", by_draw.reshape(len(ranking), -1), np.ones(config.random_draws),
        bench.rng("interval/random"),
    )  # fmt: skip
    added = [singly.heads[index].label for index in ranking]
    return xr.Dataset(found, {"count": list(counts), "joint_head": ("count", added)})


def interactions(bench: Bench, config: ActivationPatchingConfig, ground: Ground, singly: Singly) -> xr.Dataset:
    """What two heads move together beyond the sum of what each moves alone.

    The heads are the strongest of one half of the pairs, and reported on the other. Below zero they stand in for each
    other, above it they need each other.
    """
    chosen_on, reported_on = bench.pairs.half_rows(bench.draw("interacting heads"))
    chosen = [singly.heads[index] for index in _ranking(ground, singly, chosen_on)[: config.interactions]]
    couples = list(combinations(range(len(chosen)), 2))
    sets = [*([cell] for cell in chosen), *([chosen[first], chosen[second]] for first, second in couples)]
    whole = ground.whole[reported_on]
    found: dict[str, Any] = {}
    for name, values in (("interaction", ground.values), ("interaction_control", ground.unrelated)):
        parts = moved(bench, ground, sets, values, name.replace("_", " "))[:, reported_on]
        alone, both = parts[: len(chosen)], parts[len(chosen) :]
        beyond = both - np.stack([alone[first] + alone[second] for first, second in couples])
        found |= shared("couple", name, beyond, whole, bench.rng(f"interval/{name}"))
    labels = [(chosen[first].label, chosen[second].label) for first, second in couples]
    return xr.Dataset(
        found,
        {
            "couple": [f"{first} and {second}" for first, second in labels],
            "first_head": ("couple", [first for first, _ in labels]),
            "second_head": ("couple", [second for _, second in labels]),
        },
    )


def _ranking(ground: Ground, singly: Singly, rows: Sequence[int]) -> NDArray[np.intp]:
    """The heads by their effect on some pairs, strongest first."""
    effect = mean_share(singly.moved[:, rows], ground.whole[rows])
    return np.argsort(-effect, kind="stable")
