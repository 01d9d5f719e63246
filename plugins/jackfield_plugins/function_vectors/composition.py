"""Composition: whether vectors of functions that share their parts add up, as in whole = plus + plus - minus."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
import xarray as xr

from jackfield.bench import Bench
from jackfield.errors import ConfigError
from jackfield.statistics import bootstrap_mean
from jackfield_plugins.function_vectors.answers import ZERO_SHOT
from jackfield_plugins.function_vectors.config import FunctionVectorsConfig
from jackfield_plugins.function_vectors.evaluation import graded
from jackfield_plugins.function_vectors.kinds import NONE, VECTOR
from jackfield_plugins.function_vectors.report import Report

__all__ = ["composed", "require_compositions"]


def require_compositions(
    config: FunctionVectorsConfig, names: Sequence[str], left_out: Mapping[str, str] = MappingProxyType({})
) -> None:
    """Raise ``ConfigError`` if a composition needs a function that is not among some names, or was left out."""
    for whole, first, second, less in config.compositions:
        for part in (whole, first, second, less):
            if part not in names:
                reason = left_out.get(part, f"the functions of this run are {', '.join(names)}")
                raise ConfigError(f"the composition {whole} = {first} + {second} - {less} needs {part}; {reason}")


def composed(bench: Bench, config: FunctionVectorsConfig, reports: Sequence[Report]) -> xr.Dataset:
    """How often each composition's whole is answered without examples, ``[composition, summand]``, with intervals.

    Beside the parallelogram of the three other vectors stand nothing at all, the whole's own vector, and each of the
    two summands alone as controls. All are added at the place that is best for the whole's own vector.
    """
    if not config.compositions:
        return xr.Dataset()
    by_name = {report.subject.name: report for report in reports}
    values = []
    for name, *parts in config.compositions:
        whole = by_name[name]
        first, second, less = (by_name[part].subject.vector for part in parts)
        place, material = whole.choice.place, whole.subject.material
        cells = [place.of(vector) for vector in (first + second - less, first, second)]
        prompts = material.bare(bench, material.held_out)
        right = (graded(bench, prompts, cells, f"{material.function.label}: composition") < 1).astype(float)
        plain = whole.answered[ZERO_SHOT]
        rows = np.stack([plain[NONE], plain[VECTOR], *right])
        interval = bootstrap_mean(rows, bench.rng(f"interval/composition/{name}"))
        values.append((rows.mean(-1), interval.low, interval.high))
    unit = {"unit": "share of inputs"}
    dims = ("composition", "summand")
    columns = zip(("composed", "composed_low", "composed_high"), zip(*values, strict=True), strict=True)
    return xr.Dataset(
        {variable: (dims, np.stack(rows), unit) for variable, rows in columns},
        {
            "composition": [f"{w} = {a} + {b} - {c}" for w, a, b, c in config.compositions],
            "summand": [NONE, VECTOR, "composed vector", "first part alone", "second part alone"],
        },
    )
