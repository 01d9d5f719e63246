"""Effects beside their controls: shares with intervals, corrected paired tests, and what the two together claim."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from jackfield.statistics import bootstrap_share, false_discovery_rate, mean_share, paired_p_values
from jackfield_circuits import Evidence

if TYPE_CHECKING:
    import xarray as xr

    from jackfield.bench import Bench
    from jackfield.provenance import Provenance

__all__ = ["COMPARED", "LEVEL", "compared", "evidence", "shared"]

Floats = NDArray[np.float64]
Variables = dict[str, Any]
"""Variables of a data set by name, as (dimension, values, attributes)."""

LEVEL = 0.95
"""Coverage of every interval."""

_SHARE = "share of the difference"

COMPARED: tuple[str, ...] = (
    "effect", "effect_low", "effect_high", "control", "control_low", "control_high", "p_value", "q_value",
)  # fmt: skip
"""The variables that ``compared`` makes and ``evidence`` reads."""

_FIELDS = ("score", "low", "high", "control", "control_low", "control_high", "p_value", "q_value")


def shared(axis: str, name: str, parts: Floats, whole: Floats, rng: np.random.Generator) -> Variables:
    """The share of a difference that each cell carries, with its interval.

    Parameters
    ----------
    axis
        The dimension that the cells lie along.
    name
        Name of the variable; the ends of its interval get ``_low`` and ``_high`` behind it.
    parts
        What each cell moved on each prompt, ``[cell, prompt]``.
    whole
        What there was to move, ``[prompt]``.
    rng
        Source of randomness of the bootstrap over prompts.

    Raises
    ------
    UndefinedMetricError
        If the wholes average to zero, or there are fewer than two prompts.
    """
    interval = bootstrap_share(parts, whole, rng, LEVEL)
    unit = {"unit": _SHARE}
    return {
        name: (axis, mean_share(parts, whole), unit),
        f"{name}_low": (axis, interval.low, unit),
        f"{name}_high": (axis, interval.high, unit),
    }


def compared(bench: Bench, axis: str, effects: Floats, controls: Floats, whole: Floats) -> Variables:
    """Every cell's effect and control as shares with intervals, and how surely they differ.

    Parameters
    ----------
    bench
        Gives the randomness of the bootstrap.
    axis
        The dimension that the cells lie along.
    effects, controls
        What each cell, and its control, moved on each prompt, ``[cell, prompt]``.
    whole
        What there was to move, ``[prompt]``.

    Returns
    -------
    dict
        The variables that ``COMPARED`` names. p-values are those of paired signed-rank tests of effect against control;
        q-values are corrected over all cells.
    """
    found: Variables = {}
    for name, parts in (("effect", effects), ("control", controls)):
        found |= shared(axis, name, parts, whole, bench.rng(f"interval/{name}"))
    p_values = paired_p_values(effects, controls)
    found["p_value"] = (axis, p_values, {"unit": "probability"})
    found["q_value"] = (axis, false_discovery_rate(p_values), {"unit": "probability"})
    return found


def evidence(
    data: xr.Dataset,
    provenance: Provenance,
    method: str,
    control_kind: str,
    positions: Iterable[str | None],
    n: int | None = None,
) -> Sequence[Evidence]:
    """What each cell of compared data claims, in their order.

    Parameters
    ----------
    data
        Holds the variables of ``COMPARED`` along one dimension.
    provenance
        Of the result that makes the claims.
    method
        What was done, in a few words.
    control_kind
        What the control is, in a few words.
    positions
        The named position of each cell, ``None`` or empty for all positions.
    n
        Number of prompts that the effects are computed from; those of the result if omitted.
    """
    columns = zip(*(data[name].values for name in COMPARED), strict=True)
    return tuple(
        Evidence(
            plugin=provenance.analysis, method=method, metric=provenance.metric, unit=str(data["effect"].attrs["unit"]),
            position=position or None, n=n or provenance.pairs, control_kind=control_kind, level=LEVEL,
            run=provenance.digest, **dict(zip(_FIELDS, map(float, values), strict=True)),
        )
        for values, position in zip(columns, positions, strict=True)
    )  # fmt: skip
