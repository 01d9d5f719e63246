"""Other circuits that are as faithful: what is shared by all of them, and what any of them has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jackfield_plugins.circuit_discovery.choice import Choice, smallest
from jackfield_plugins.circuit_discovery.evaluation import Evaluator
from jackfield_plugins.circuit_discovery.selection import pruned

__all__ = ["DISCOUNTS", "Rival", "rivals"]

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

DISCOUNTS = (0.0, 0.3, 0.6, 0.1)
"""What scores are multiplied by, attempt by attempt."""

_LARGER = 4


@dataclass(frozen=True, eq=False)
class Rival:
    """A circuit as faithful as the one that was found, on the pairs it was searched on.

    Parameters
    ----------
    edges
        Mask in the order of the grid.
    discount
        What the found circuit's scores were multiplied by, so that other edges come first.
    """

    edges: Mask
    discount: float


def rivals(choice: Choice, scores: Floats, circuit: Mask, evaluator: Evaluator, attempts: int) -> Iterator[Rival]:
    """Search for circuits as faithful as one that was found, made of other edges as far as can be.

    Each attempt discounts the scores of the found circuit's edges, then takes the smallest circuit that is as faithful
    as was asked for and has at most four times as many edges.

    Parameters
    ----------
    choice, scores
        Make circuits.
    circuit
        What was found.
    evaluator
        Runs circuits.
    attempts
        How many to make, at most as many as there are discounts.
    """
    most = min(choice.units, _LARGER * int(circuit.sum()))
    for discount in DISCOUNTS[:attempts]:
        changed = np.where(circuit, discount * scores, scores)
        size = smallest(choice, changed, evaluator, choice.config.faithfulness, "looking for rivals", most)
        if size is not None:
            yield Rival(pruned(choice.grid, choice.of(changed, size)), discount)
