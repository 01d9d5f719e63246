"""How sure we are: bootstrap intervals over prompts, paired tests, and correction for many tests at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jackfield.errors import UndefinedMetricError

__all__ = ["Estimate", "Interval", "bootstrap_mean", "bootstrap_share", "false_discovery_rate", "paired_p_values"]

Floats = NDArray[np.float64]
_RESAMPLES = 1000
_BATCH = 100


@dataclass(frozen=True)
class Interval:
    """Ends of confidence intervals, arrays of one shape, at a confidence ``level``."""

    low: Floats
    high: Floats
    level: float


@dataclass(frozen=True)
class Estimate:
    """A mean over ``n`` prompts with the ends of its confidence interval, in ``unit``."""

    value: float
    low: float
    high: float
    n: int
    unit: str

    @classmethod
    def of_mean(cls, values: Floats, unit: str, rng: np.random.Generator) -> Estimate:
        """The mean of ``values [prompt]`` with its 95 % bootstrap interval."""
        interval = bootstrap_mean(values, rng)
        return cls(float(values.mean()), float(interval.low), float(interval.high), len(values), unit)


def bootstrap_mean(values: Floats, rng: np.random.Generator, level: float = 0.95) -> Interval:
    """Percentile bootstrap interval of the mean over the last axis.

    Parameters
    ----------
    values
        ``[..., prompt]``; prompts are resampled together for all leading indices.
    """
    return bootstrap_share(values, np.ones(values.shape[-1]), rng, level)


def bootstrap_share(parts: Floats, whole: Floats, rng: np.random.Generator, level: float = 0.95) -> Interval:
    """Percentile bootstrap interval of ``mean(parts) / mean(whole)``; means come first, so small wholes do no harm.

    Parameters
    ----------
    parts
        ``[..., prompt]``.
    whole
        ``[prompt]``, resampled together with ``parts``.

    Raises
    ------
    UndefinedMetricError
        If there are fewer than two prompts, or the wholes average to zero.
    """
    from scipy.stats import bootstrap

    if parts.shape[-1] < 2:
        raise UndefinedMetricError(f"an interval over prompts needs at least 2 prompts, got {parts.shape[-1]}")
    mean_share(parts, whole)
    aligned = np.broadcast_to(whole, parts.shape)

    def share(part: Floats, whole: Floats, axis: int) -> Floats:
        found: Floats = part.mean(axis) / whole.mean(axis)
        return found

    result: Any = bootstrap(
        (parts, aligned), share, paired=True, vectorized=True, axis=-1, n_resamples=_RESAMPLES, batch=_BATCH,
        confidence_level=level, method="percentile", rng=rng,
    )  # fmt: skip
    return Interval(result.confidence_interval.low, result.confidence_interval.high, level)


def mean_share(parts: Floats, whole: Floats) -> Floats:
    """``mean(parts) / mean(whole)`` over the last axis.

    Raises
    ------
    UndefinedMetricError
        If the wholes average to zero within rounding, so that a share of them means nothing.
    """
    total = whole.mean()
    if abs(total) <= 1e-9 * max(1.0, float(np.abs(whole).max())):
        raise UndefinedMetricError(
            f"clean and corrupted prompts score the same on average (difference {total:.3g}): there is nothing to share"
        )
    found: Floats = parts.mean(-1) / total
    return found


def paired_p_values(left: Floats, right: Floats) -> Floats:
    """Two-sided p-values of the Wilcoxon signed-rank test that ``left - right`` is centred on 0, over the last axis.

    Cells in which all pairs tie get 1.
    """
    from scipy.stats import wilcoxon

    difference = left - right
    p_values: Floats = np.ones(difference.shape[:-1])
    moved = np.any(difference != 0, axis=-1)
    if moved.any():
        p_values[moved] = wilcoxon(difference[moved], axis=-1, zero_method="zsplit", method="asymptotic").pvalue
    return p_values


def false_discovery_rate(p_values: Floats) -> Floats:
    """Benjamini-Hochberg q-values over all entries, in the shape given."""
    from scipy.stats import false_discovery_control

    if p_values.size == 0:
        return p_values
    found: Floats = false_discovery_control(p_values.ravel()).reshape(p_values.shape)
    return found
