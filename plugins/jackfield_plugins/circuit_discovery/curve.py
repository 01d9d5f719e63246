"""Faithfulness as a function of size, in one number; and how well scores tell a known circuit."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from jackfield.errors import UndefinedMetricError

__all__ = ["Axis", "area", "auroc"]

Floats = NDArray[np.float64]


class Axis(StrEnum):
    """The axis of sizes that faithfulness is integrated over."""

    LINEAR = "linear"
    """Shares as they are, as MIB does: a circuit that is faithful at every size from .001 on gets .999."""
    LOG = "log"
    """Logarithms of shares, divided by their range: such a circuit gets 1."""


def area(faithfulness: Floats, sizes: Sequence[float], axis: Axis, *, missed: bool) -> Floats:
    """Integral of faithfulness over sizes by the trapezoid rule, over the last axis.

    Parameters
    ----------
    faithfulness
        ``[..., size]``.
    sizes
        Shares of all units, ascending.
    axis
        What is integrated over.
    missed
        Whether the distance from 1 is integrated (MIB's CMD, 0 at best), or faithfulness itself (CPR, higher is
        better, and above 1 where the circuit does better than the model).

    Examples
    --------
    >>> sizes = (0.001, 0.01, 0.1, 1.0)
    >>> float(area(np.ones(4), sizes, Axis.LINEAR, missed=False)), float(area(np.ones(4), sizes, Axis.LOG, missed=True))
    (0.999, 0.0)
    """
    where = np.asarray(sizes, dtype=float)
    if axis is Axis.LOG:
        where = np.log(where)
        where /= where[-1] - where[0]
    found: Floats = np.trapezoid(np.abs(1 - faithfulness) if missed else faithfulness, where, axis=-1)
    return found


def auroc(scores: Floats, truth: NDArray[np.bool_]) -> float:
    """The chance that an edge of the known circuit scores higher than one that is not in it; ties count half.

    Raises
    ------
    UndefinedMetricError
        If all or no edges are in the circuit, or a score is not a number.

    Examples
    --------
    >>> auroc(np.array([0.1, 0.9, 0.3]), np.array([False, True, False]))
    1.0
    """
    from scipy.stats import rankdata

    inside = int(truth.sum())
    outside = len(truth) - inside
    if not (inside and outside and np.isfinite(scores).all()):
        raise UndefinedMetricError(
            f"no AUROC: {inside} edges are in the known circuit and {outside} are not, "
            f"{int((~np.isfinite(scores)).sum())} scores are not finite"
        )
    above = rankdata(scores)[truth].sum() - inside * (inside + 1) / 2
    return float(above / (inside * outside))
