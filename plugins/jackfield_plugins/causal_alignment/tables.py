"""What was measured, as labelled arrays with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from jackfield.bench import Bench
from jackfield.comparison import LEVEL
from jackfield.statistics import Estimate, bootstrap_mean, false_discovery_rate, sign_p_values, success_interval
from jackfield_plugins.causal_alignment.attempts import TESTED, Attempt, Measurement, Subject, reported
from jackfield_plugins.causal_alignment.config import CausalAlignmentConfig
from jackfield_plugins.causal_alignment.lessons import Rows, Split
from jackfield_plugins.causal_alignment.search import Search

__all__ = ["UNIT", "Aligned", "baselines", "dataset"]

Floats = NDArray[np.float64]

UNIT = "share of counterfactuals"
_PROBABILITY = {"unit": "probability"}
_ON = ("model", "random weights")


@dataclass(frozen=True, eq=False)
class Aligned:
    """All that was found about one variable.

    Parameters
    ----------
    search
        The search for its place.
    measured
        What each attempt gave there.
    directions
        The directions of the reported map, ``[taken, d_model]``, if it is linear.
    """

    search: Search
    measured: Mapping[Attempt, Measurement]
    directions: Float[Tensor, "taken d_model"] | None

    @property
    def variable(self) -> str:
        return self.search.chosen.variable

    @property
    def rows(self) -> Mapping[Split, Rows]:
        return self.search.chosen.lessons.rows

    @property
    def reported(self) -> Measurement:
        """The reported map on the model."""
        return self.measured[reported(self.measured)]

    @property
    def subjects(self) -> Mapping[str, tuple[Subject, Measurement]]:
        """The reported map and what it is compared with, by name."""
        best = reported(self.measured)
        found = {str(Subject.TRAINED): (Subject.TRAINED, self.measured[best])}
        for attempt, measurement in self.measured.items():
            if attempt.subject is Subject.TRAINED or (
                attempt.subject is Subject.WEIGHTS and attempt.choice != best.choice
            ):
                continue
            counted = attempt.subject not in (Subject.NOTHING, Subject.FULL)
            found[f"{attempt.subject} {attempt.number}" if counted else str(attempt.subject)] = (
                attempt.subject,
                measurement,
            )
        return found


def dataset(bench: Bench, config: CausalAlignmentConfig, aligned: Sequence[Aligned]) -> xr.Dataset:
    """Everything that is reported, by variable."""
    parts = [_compared(bench, aligned), _searched(aligned), _curve(config, aligned), _directions(bench, aligned)]
    return xr.merge(parts)


def baselines(aligned: Sequence[Aligned]) -> dict[str, Estimate]:
    """How often the network itself answers as the algorithm, and how often an interchange changes what that is.

    The former is read from counterfactuals of held-out values whose label is the base's.
    """
    found = {}
    for each in aligned:
        changed = each.rows[Split.VALUES].changed.cpu().numpy()
        [nothing] = (measured for attempt, measured in each.measured.items() if attempt.subject is Subject.NOTHING)
        right = nothing.successes[Split.VALUES][~changed]
        found[f"{each.variable}, answered as the algorithm"] = Estimate.of_successes(right, "share of prompts")
        found[f"{each.variable}, label changed"] = Estimate.of_successes(changed.astype(float), UNIT)
    return found


def _rates(dims: tuple[str, ...], name: str, values: Floats) -> dict[str, Any]:
    """Shares of the last axis of ``values [..., row]`` with exact intervals; NaN where rows are."""
    bare = np.any(np.isnan(values), axis=-1)
    filled = np.where(bare[..., None], 0.0, values)
    interval = success_interval(filled, LEVEL)
    parts = {"": filled.mean(-1), "_low": interval.low, "_high": interval.high}
    return {f"{name}{end}": (dims, np.where(bare, np.nan, part), {"unit": UNIT}) for end, part in parts.items()}


def _compared(bench: Bench, aligned: Sequence[Aligned]) -> xr.Dataset:
    """The reported map beside its controls, on the same counterfactuals."""
    names = [*aligned[0].subjects]
    width = max(len(rows) for split, rows in aligned[0].rows.items() if split in TESTED)
    successes = np.full((len(aligned), len(names), len(TESTED), width), np.nan)
    changed = np.full((len(aligned), width), np.nan)
    p_values = np.ones((len(aligned), len(names)))
    advantages = []
    for row, each in enumerate(aligned):
        changed[row] = each.rows[Split.VALUES].changed.cpu().numpy()
        trained = each.reported.successes[Split.VALUES]
        for column, (subject, measured) in enumerate(each.subjects.values()):
            for place, split in enumerate(TESTED):
                successes[row, column, place] = measured.successes.get(split, np.nan)
            if subject.is_control:
                p_values[row, column] = sign_p_values(trained, measured.successes[Split.VALUES])
        advantages.append(_advantage(bench, each))
    controls = [subject.is_control for subject, _ in aligned[0].subjects.values()]
    values = successes[:, :, TESTED.index(Split.VALUES)]
    moved = [share[:, mask == 1] for share, mask in zip(values, changed, strict=True)]
    worst = p_values[:, controls].max(1)
    variables: dict[str, Any] = {
        **_rates(("variable", "subject", "split"), "iia", successes),
        **_by_variable(("variable", "subject"), "iia_changed", moved),
        "success": (("variable", "subject", "split", "row"), successes, {"unit": "success"}),
        "changed": (("variable", "row"), changed, {"unit": "label changes"}),
        "p_value": (("variable", "subject"), np.where(controls, p_values, np.nan), _PROBABILITY),
        "q_value": ("variable", false_discovery_rate(worst), _PROBABILITY),
    }
    for index, end in enumerate(("", "_low", "_high")):
        variables[f"advantage{end}"] = ("variable", [each[index] for each in advantages], {"unit": UNIT})
    for name, unit in (("taken", "features"), ("numbers", "numbers"), ("inverse_error", "activation")):
        found = [[getattr(measured, name) for _, measured in each.subjects.values()] for each in aligned]
        variables[name] = (("variable", "subject"), np.array(found, float), {"unit": unit})
    kinds = [str(subject) for subject, _ in aligned[0].subjects.values()]
    return xr.Dataset(
        variables,
        {
            "variable": [each.variable for each in aligned],
            "subject": names,
            "kind": ("subject", kinds),
            "split": [str(split) for split in TESTED],
            "row": np.arange(width),
            "site": ("variable", [str(each.search.chosen.place.site) for each in aligned]),
            "position": ("variable", [each.search.chosen.place.position for each in aligned]),
        },
    )


def _by_variable(dims: tuple[str, ...], name: str, values: Sequence[Floats]) -> dict[str, Any]:
    """The same as ``_rates`` where variables have different numbers of rows, ``[..., row]`` each."""
    found = [_rates(dims[1:], name, each) for each in values]
    return {key: (dims, np.stack([each[key][1] for each in found]), {"unit": UNIT}) for key in found[0]}


def _advantage(bench: Bench, aligned: Aligned) -> tuple[float, float, float]:
    """By how much the map does better than on random weights, on held-out values, with its interval."""
    copies = [found.successes[Split.VALUES] for kind, found in aligned.subjects.values() if kind is Subject.WEIGHTS]
    if not copies:
        return float("nan"), float("nan"), float("nan")
    better = aligned.reported.successes[Split.VALUES] - np.mean(copies, axis=0)
    interval = bootstrap_mean(better, bench.rng(f"advantage/{aligned.variable}"), LEVEL)
    return float(better.mean()), float(interval.low), float(interval.high)


def _searched(aligned: Sequence[Aligned]) -> xr.Dataset:
    """How well each variable could be moved at each place of the search."""
    places = list(dict.fromkeys(str(found.place) for each in aligned for found in each.search.hypotheses))
    width = aligned[0].search.successes.shape[1]
    found = np.full((len(aligned), len(places), width), np.nan)
    named = {str(each.place): each.place for item in aligned for each in item.search.hypotheses}
    for row, each in enumerate(aligned):
        for hypothesis, successes in zip(each.search.hypotheses, each.search.successes, strict=True):
            found[row, places.index(str(hypothesis.place))] = successes
    return xr.Dataset(
        _rates(("variable", "place"), "searched", found),
        {
            "place": places,
            "place_site": ("place", [str(named[place].site) for place in places]),
            "place_position": ("place", [named[place].position for place in places]),
        },
    )


def _curve(config: CausalAlignmentConfig, aligned: Sequence[Aligned]) -> xr.Dataset:
    """Every map of the curve, trained on the model and on a copy with random weights."""
    maps = config.compared
    width = len(aligned[0].rows[Split.VALUES])
    shape = (len(aligned), len(maps), len(_ON))
    found, soft = np.full((*shape, len(TESTED), width), np.nan), np.full((*shape, width), np.nan)
    facts = {name: np.full(shape, np.nan) for name in ("taken", "numbers", "steps", "inverse_error")}
    for row, each in enumerate(aligned):
        for column, choice in enumerate(maps):
            for side, subject in enumerate((Subject.TRAINED, Subject.WEIGHTS)):
                measured = each.measured.get(Attempt(subject, choice))
                if measured is None:
                    continue
                found[row, column, side] = [measured.successes.get(split, np.full(width, np.nan)) for split in TESTED]
                soft[row, column, side] = measured.soft
                for name, values in facts.items():
                    values[row, column, side] = getattr(measured, name)
    dims = ("variable", "map", "on")
    units = {"taken": "features", "numbers": "numbers", "steps": "steps", "inverse_error": "activation"}
    return xr.Dataset(
        {
            **_rates((*dims, "split"), "curve", found),
            **_rates(dims, "curve_soft", soft),
            "vacuous_q_value": (
                ("variable", "map", "split"),
                _more_than_nothing(aligned, found[:, :, 1]),
                _PROBABILITY,
            ),
            **{f"curve_{name}": (dims, values, {"unit": units[name]}) for name, values in facts.items()},
        },
        {
            "map": [str(choice) for choice in maps],
            "on": [*_ON],
            "linear": ("map", [choice.kind.is_linear for choice in maps]),
            "split": [str(split) for split in TESTED],
        },
    )


def _more_than_nothing(aligned: Sequence[Aligned], successes: Floats) -> Floats:
    """How surely maps move networks with random weights more often than doing nothing does; NaN where not measured.

    Exact one-sided binomial tests of ``successes [variable, map, split, row]`` against the share of labels that stay,
    corrected over all of them. Isolation is not tested, since there all labels stay.
    """
    from scipy.stats import binom

    q_values = np.full(successes.shape[:-1], np.nan)
    tested = [TESTED.index(split) for split in (Split.VALUES, Split.PAIRS)]
    stay = np.array(
        [[1 - float(each.rows[TESTED[place]].changed.double().mean()) for place in tested] for each in aligned]
    )
    asked = successes[:, :, tested]
    known = ~np.isnan(asked).any(-1)
    p_values = binom.sf(np.nan_to_num(asked).sum(-1) - 1, asked.shape[-1], stay[:, None, :])
    corrected = np.full(known.shape, np.nan)
    corrected[known] = false_discovery_rate(p_values[known])
    q_values[:, :, tested] = corrected
    return q_values


def _directions(bench: Bench, aligned: Sequence[Aligned]) -> xr.Dataset:
    """The directions of each reported map; NaN where one has fewer than another, or none since it is not linear."""
    found = [None if each.directions is None else each.directions.double().cpu().numpy() for each in aligned]
    most = max(1, *(0 if each is None else len(each) for each in found))
    padded = np.full((len(found), most, bench.model.shape.d_model), np.nan)
    for row, each in enumerate(found):
        if each is not None:
            padded[row, : len(each)] = each
    return xr.Dataset(
        {"direction": (("variable", "feature", "dimension"), padded, {"unit": "activation"})},
        {"feature": np.arange(most), "dimension": np.arange(padded.shape[2])},
    )
