"""How far a circuit depends on the pairs that it was found on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jackfield.progress import Progress, track
from jackfield.statistics import Resamples
from jackfield_plugins.circuit_discovery.controls import overlap

__all__ = ["Stability"]

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Stability:
    """What became of the choice when it was repeated on resampled pairs.

    Parameters
    ----------
    inclusion, low, high
        Share of the repetitions whose circuit has the edge, with its Wilson interval, ``[edge]``.
    jaccard
        Overlap of the circuit with that of each repetition.
    """

    inclusion: Floats
    low: Floats
    high: Floats
    jaccard: Floats

    @classmethod
    def of(cls, circuit: Mask, choose: Callable[[Floats], Mask], draws: Resamples, progress: Progress) -> Stability:
        """Repeat the choice.

        Parameters
        ----------
        circuit
            What was chosen on all pairs.
        choose
            Makes a circuit on pairs with some weights, ``[pair]``.
        draws
            Resampled pairs.
        progress
            Where progress is reported.
        """
        count, jaccard = np.zeros(len(circuit)), []
        for weights in track(list(draws.weights), "resampling the choice", progress):
            found = choose(weights)
            count += found
            jaccard.append(overlap(circuit, found))
        low, high = _wilson(count, len(draws.weights))
        return cls(count / len(draws.weights), low, high, np.array(jaccard))


def _wilson(count: Floats, trials: int) -> tuple[Floats, Floats]:
    from scipy.stats import binomtest

    intervals = {each: binomtest(int(each), trials).proportion_ci(method="wilson") for each in np.unique(count)}
    low, high = (np.array([getattr(intervals[each], end) for each in count]) for end in ("low", "high"))
    return low, high
