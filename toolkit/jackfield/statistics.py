"""How sure we are: bootstrap intervals over prompts, paired tests, and correction for many tests at once."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jackfield.errors import UndefinedMetricError

__all__ = [
    "Estimate", "Interval", "Resamples", "bootstrap_mean", "bootstrap_share", "false_discovery_rate", "paired_p_values",
    "sign_p_values", "success_interval",
]  # fmt: skip

Floats = NDArray[np.float64]
_RESAMPLES = 1000
_BATCH = 100
_CELLS = 4096


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

    @classmethod
    def of_successes(cls, successes: Floats, unit: str) -> Estimate:
        """The share of ``successes [prompt]``, coded as 0 and 1, with its exact 95 % interval."""
        interval = success_interval(successes)
        return cls(float(successes.mean()), float(interval.low), float(interval.high), len(successes), unit)


def bootstrap_mean(values: Floats, rng: np.random.Generator, level: float = 0.95) -> Interval:
    """Percentile bootstrap interval of the mean over the last axis.

    Parameters
    ----------
    values
        ``[..., prompt]``; prompts are resampled together for all leading indices.
    rng
        Source of randomness.
    level
        Share of such intervals that hold the true mean.

    Returns
    -------
    Interval
        Its ends have the shape ``[...]``.

    Raises
    ------
    UndefinedMetricError
        If there are fewer than two prompts, or a value is not finite.

    Examples
    --------
    >>> interval = bootstrap_mean(np.array([1.0, 2.0, 3.0, 4.0]), np.random.default_rng(0))
    >>> bool(1.0 <= interval.low < 2.5 < interval.high <= 4.0)
    True
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
    rng, level
        As for ``bootstrap_mean``.

    Returns
    -------
    Interval
        Its ends have the shape ``[...]``.

    Raises
    ------
    UndefinedMetricError
        If there are fewer than two prompts, a value is not finite, or the wholes average to zero in the sample or so
        often in its resamples that the interval has no end.
    """
    from scipy.stats import DegenerateDataWarning, bootstrap

    _require_prompts(parts.shape[-1])
    if not (np.isfinite(parts).all() and np.isfinite(whole).all()):
        raise UndefinedMetricError("an interval needs finite values; a value is infinite or not a number")
    mean_share(parts, whole)
    aligned = np.broadcast_to(whole, parts.shape)

    def share(part: Floats, whole: Floats, axis: int) -> Floats:
        found: Floats = part.mean(axis) / whole.mean(axis)
        return found

    with np.errstate(divide="ignore", invalid="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", DegenerateDataWarning)
        result: Any = bootstrap(
            (parts, aligned), share, paired=True, vectorized=True, axis=-1, n_resamples=_RESAMPLES, batch=_BATCH,
            confidence_level=level, method="percentile", rng=rng,
        )  # fmt: skip
    low, high = result.confidence_interval
    return _ended(low, high, level, len(whole))


def success_interval(successes: Floats, level: float = 0.95) -> Interval:
    """Exact (Clopper-Pearson) interval of the share of successes over the last axis.

    It has a width also where no prompt or every prompt succeeds, where a bootstrap interval has none.

    Parameters
    ----------
    successes
        ``[..., prompt]``, coded as 0 and 1.
    level
        The least share of such intervals that hold the true share.

    Returns
    -------
    Interval
        Its ends have the shape ``[...]``.

    Raises
    ------
    UndefinedMetricError
        If there is no prompt, or a value is neither 0 nor 1.

    Examples
    --------
    >>> interval = success_interval(np.array([[0.0] * 30, [1.0] * 30]))
    >>> interval.low.round(3).tolist(), interval.high.round(3).tolist()
    ([0.0, 0.884], [0.116, 1.0])
    """
    from scipy.stats import beta

    count = successes.shape[-1]
    if count == 0:
        raise UndefinedMetricError("a share of successes needs at least 1 prompt, got 0")
    if not np.isin(successes, (0, 1)).all():
        raise UndefinedMetricError("successes are coded as 0 and 1; found another value")
    right, tail = successes.sum(-1), (1 - level) / 2
    low: Floats = np.where(right == 0, 0.0, beta.ppf(tail, np.maximum(right, 1), count - right + 1))
    high: Floats = np.where(right == count, 1.0, beta.ppf(1 - tail, right + 1, np.maximum(count - right, 1)))
    return Interval(low, high, level)


@dataclass(frozen=True, eq=False)
class Resamples:
    """Many draws of as many prompts as there are, with replacement: the same draws for whatever is asked of them.

    ``bootstrap_share`` asks one question of few cells; this serves hundreds of thousands of cells, and procedures that
    must be repeated as a whole, such as choosing a circuit.

    Parameters
    ----------
    weights
        How often each draw holds each prompt, over the number of prompts, ``[draw, prompt]``.

    Examples
    --------
    >>> draws = Resamples.draw(4, np.random.default_rng(0), 1000)
    >>> interval = draws.interval(np.array([[1.0, 2.0, 3.0, 4.0]]), np.ones(4))
    >>> bool(1.0 <= interval.low[0] < 2.5 < interval.high[0] <= 4.0)
    True
    """

    weights: Floats

    @classmethod
    def draw(cls, prompts: int, rng: np.random.Generator, draws: int = _RESAMPLES) -> Resamples:
        """Draw from ``prompts`` prompts.

        Raises
        ------
        UndefinedMetricError
            If there are fewer than two prompts.
        """
        _require_prompts(prompts)
        return cls(rng.multinomial(prompts, np.full(prompts, 1 / prompts), draws) / prompts)

    def shares(self, parts: Floats, whole: Floats) -> Floats:
        """``mean(parts) / mean(whole)`` in each draw, ``[draw, cell]``, of ``parts [cell, prompt]``."""
        with np.errstate(divide="ignore", invalid="ignore"):
            found: Floats = (self.weights @ parts.T) / (self.weights @ whole)[:, None]
        return found

    def interval(self, parts: Floats, whole: Floats, level: float = 0.95) -> Interval:
        """Percentile interval of ``mean(parts) / mean(whole)`` of each cell, as ``bootstrap_share`` gives it.

        Raises
        ------
        UndefinedMetricError
            If the wholes average to zero in a draw so often that the interval has no end.
        """
        tail = (1 - level) / 2
        low, high = np.empty(len(parts)), np.empty(len(parts))
        for start in range(0, len(parts), _CELLS):
            cells = slice(start, start + _CELLS)
            with np.errstate(invalid="ignore"):
                low[cells], high[cells] = np.quantile(self.shares(parts[cells], whole), [tail, 1 - tail], axis=0)
        return _ended(low, high, level, len(whole))


def _ended(low: Floats, high: Floats, level: float, prompts: int) -> Interval:
    if not (np.isfinite(low).all() and np.isfinite(high).all()):
        raise UndefinedMetricError(
            f"the interval over {prompts} prompts has no end: the difference to be shared is about as often positive "
            "as negative; use more prompts"
        )
    return Interval(low, high, level)


def _require_prompts(prompts: int) -> None:
    if prompts < 2:
        raise UndefinedMetricError(f"an interval over prompts needs at least 2 prompts, got {prompts}")


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

    Parameters
    ----------
    left, right
        ``[..., prompt]``; the two values of each prompt.

    Returns
    -------
    array ``[...]``
        Cells in which all pairs tie get 1.

    Examples
    --------
    >>> left = np.arange(1.0, 11.0)
    >>> float(paired_p_values(left, left)), bool(paired_p_values(left, 0 * left) < 0.01)
    (1.0, True)
    """
    from scipy.stats import wilcoxon

    difference = left - right
    p_values: Floats = np.ones(difference.shape[:-1])
    moved = np.any(difference != 0, axis=-1)
    if moved.any():
        p_values[moved] = wilcoxon(difference[moved], axis=-1, zero_method="zsplit", method="asymptotic").pvalue
    return p_values


def sign_p_values(left: Floats, right: Floats) -> Floats:
    """Two-sided p-values of the exact sign test that ``left - right`` is as often above as below 0, over the last axis.

    For successes, coded as 0 and 1, this is McNemar's exact test.

    Parameters
    ----------
    left, right
        ``[..., prompt]``; the two values of each prompt.

    Returns
    -------
    array ``[...]``
        Ties say nothing; cells in which all pairs tie get 1.

    Examples
    --------
    >>> left, right = np.array([1.0, 1.0, 1.0, 1.0, 1.0, 0.0]), np.zeros(6)
    >>> float(sign_p_values(left, right)), float(sign_p_values(left, left))
    (0.0625, 1.0)
    """
    from scipy.stats import binom

    above, below = (left > right).sum(-1), (left < right).sum(-1)
    found: Floats = np.minimum(1.0, 2 * binom.cdf(np.minimum(above, below), above + below, 0.5))
    return found


def false_discovery_rate(p_values: Floats) -> Floats:
    """Benjamini-Hochberg q-values over all entries, in the shape given.

    Examples
    --------
    >>> false_discovery_rate(np.array([0.01, 0.04, 0.03, 0.5])).round(4).tolist()
    [0.04, 0.0533, 0.0533, 0.5]
    """
    from scipy.stats import false_discovery_control

    if p_values.size == 0:
        return p_values
    found: Floats = false_discovery_control(p_values.ravel()).reshape(p_values.shape)
    return found
