"""The search for the place that holds a variable: a short training everywhere, a longer one where that went best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from jackfield.bench import Bench
from jackfield.progress import Progress
from jackfield_plugins.causal_alignment.config import CausalAlignmentConfig
from jackfield_plugins.causal_alignment.hypothesis import Hypothesis
from jackfield_plugins.causal_alignment.ledger import Ledger
from jackfield_plugins.causal_alignment.lessons import Split
from jackfield_plugins.causal_alignment.subjects import Subjects
from jackfield_plugins.causal_alignment.training import successes, train

__all__ = ["Search", "search"]

Floats = NDArray[np.float64]

_LONGER = 4


@dataclass(frozen=True, eq=False)
class Search:
    """How well a variable could be moved at each place.

    Parameters
    ----------
    hypotheses
        One for each place, in the order of the search.
    successes
        1 where the network answered as the causal model under the interchange, ``[place, row]`` of the validation
        split, after the longest training that the place was given; NaN if there was no choice.
    best
        The index of the place that was chosen.
    """

    hypotheses: Sequence[Hypothesis]
    successes: Floats
    best: int

    @property
    def chosen(self) -> Hypothesis:
        return self.hypotheses[self.best]


def search(bench: Bench, subjects: Subjects, hypotheses: Sequence[Hypothesis], config: CausalAlignmentConfig) -> Search:
    """Choose the place at which the map does best on the validation split; nothing is chosen on what is reported.

    Of places that do equally well the first one is taken, in the order in which they are given.
    """
    variable, width = hypotheses[0].variable, len(hypotheses[0].lessons.rows[Split.VALIDATION])
    found = np.full((len(hypotheses), width), np.nan)
    left = [*range(len(hypotheses))]
    for steps in (config.search_steps, _LONGER * config.search_steps):
        if len(left) == 1:
            break
        shortened = config.model_copy(update={"steps": steps})
        with Ledger(bench, f"places of {variable}, {steps} steps", len(left), width, steps) as ledger:
            for row, place in enumerate(left):
                found[place] = ledger.row(row, partial(_tried, bench, subjects, hypotheses[place], shortened))
        left = sorted(left, key=lambda place: -found[place].mean())[: config.finalists]
    return Search(hypotheses, found, left[0])


def _tried(
    bench: Bench, subjects: Subjects, hypothesis: Hypothesis, config: CausalAlignmentConfig, progress: Progress
) -> Floats:
    interchange, rows = subjects.of(hypothesis), hypothesis.lessons.rows
    seed = bench.draw(f"search/{hypothesis.variable}/{hypothesis.place}").randrange(2**31)
    name = f"{hypothesis.variable}, {hypothesis.place}"
    trained = train(config.choice, interchange, rows[Split.TRAIN], rows[Split.VALIDATION], config, seed, progress, name)
    return successes(trained.featuriser, interchange, rows[Split.VALIDATION])
