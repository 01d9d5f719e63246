"""Causal alignment: where the variables of an algorithm are in a network, if they are there at all."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from jackfield.analysis import Analysis
from jackfield.bench import Bench
from jackfield.causal_models import CausalModel
from jackfield.comparison import LEVEL
from jackfield.errors import ConfigError
from jackfield.progress import Progress, silent
from jackfield.trial import Trial
from jackfield_plugins.causal_alignment.attempts import Attempt, Measurement, Subject, attempts, carried_out, reported
from jackfield_plugins.causal_alignment.config import CausalAlignmentConfig
from jackfield_plugins.causal_alignment.featuriser import Featuriser
from jackfield_plugins.causal_alignment.hypothesis import Hypothesis
from jackfield_plugins.causal_alignment.ledger import Ledger
from jackfield_plugins.causal_alignment.lessons import draw_lessons
from jackfield_plugins.causal_alignment.places import candidates
from jackfield_plugins.causal_alignment.result import CONTROLS, CausalAlignmentResult
from jackfield_plugins.causal_alignment.search import Search, search
from jackfield_plugins.causal_alignment.subjects import Copies, Subjects
from jackfield_plugins.causal_alignment.tables import Aligned, baselines, dataset
from jackfield_plugins.causal_alignment.wording import Wording, spoken_domains

__all__ = ["CausalAlignment"]

Floats = NDArray[np.float64]


class CausalAlignment(Analysis[CausalAlignmentConfig]):
    """Look for a subspace that plays the part of a variable: moved to another prompt, the answer follows the algorithm.

    For each variable all places that could hold it are tried with a short training, and one is chosen. There the map
    is trained in full, and so is all that it must be clear of: the same map on copies of the network with random
    weights, and on permuted labels; random subspaces; no interchange. What is reported is measured on words that no
    map has seen.

    Sources: Geiger et al. (arXiv 2303.02536) for distributed alignment search; Sutter et al. (arXiv 2507.08802) for why
    nothing follows from an alignment without those controls.
    """

    name: ClassVar[str] = "causal_alignment"
    version: ClassVar[str] = "1"
    summary: ClassVar[str] = "which subspace, if any, plays the part of a variable of an algorithm"
    Config = CausalAlignmentConfig
    Result = CausalAlignmentResult
    trial: ClassVar[Trial] = Trial(
        "fieldmouse",
        "hierarchical_equality",
        pairs=32,
        settings={
            "variables": ["WX"], "sites": ["resid_post.0"], "positions": ["X"], "map": "dbm", "curve": [],
            "trainings": 1, "random_copies": 1, "random_subspaces": 0, "steps": 8, "train_pairs": 64,
            "validation_pairs": 24, "test_pairs": 40, "batch": 16,
        },
    )  # fmt: skip

    def run(self, bench: Bench, config: CausalAlignmentConfig) -> CausalAlignmentResult:
        """Search, train and measure for all variables that ``config`` names.

        Raises
        ------
        ConfigError
            If there is no such causal model or variable, its inputs are not the task's positions, a place does not
            exist, or a map has more dimensions than the site.
        CausalModelError
            If there are too few words, or an interchange of a variable never changes the output.
        TaskError, AlignmentError
            If labels or words are not single tokens of the model.
        UndefinedMetricError
            If a training diverges.
        """
        causal = _causal_model(bench, config)
        wording = Wording.of(bench, causal)
        variables = _variables(causal, config)
        copies = Copies(bench, config.random_copies)
        subjects = Subjects(bench.model, copies)
        searches = [
            search(bench, subjects, _hypotheses(bench, config, causal, wording, name), config) for name in variables
        ]
        aligned = [_aligned(bench, config, each, subjects, attempts(config, copies.count)) for each in searches]
        data = dataset(bench, config, aligned)
        kinds = {*data["kind"].values.tolist()}
        return CausalAlignmentResult(
            data.assign_attrs(
                level=LEVEL,
                no_copies=copies.missing,
                untested=json.dumps([name for name in causal.hidden if name not in variables]),
            ),
            baselines(aligned),
            {name: what for name, what in CONTROLS.items() if name in kinds},
            bench.provenance(self.name, self.version, config.model_dump(mode="json")),
        )


def _causal_model(bench: Bench, config: CausalAlignmentConfig) -> CausalModel:
    name = config.causal_model or bench.task
    found = bench.causal_models.get(name)
    if not isinstance(found, CausalModel):
        known = ", ".join(name for name, model in bench.causal_models.items() if isinstance(model, CausalModel))
        raise ConfigError(f"there is no causal model {name!r}; set causal_model to one of {known}")
    return spoken_domains(bench, found)


def _variables(causal: CausalModel, config: CausalAlignmentConfig) -> tuple[str, ...]:
    chosen = config.variables or causal.hidden
    if wrong := [name for name in chosen if name not in causal.hidden]:
        raise ConfigError(
            f"{causal.name} has no variable {', '.join(wrong)} between inputs and output; it has "
            f"{', '.join(causal.hidden)}"
        )
    return chosen


def _hypotheses(
    bench: Bench, config: CausalAlignmentConfig, causal: CausalModel, wording: Wording, variable: str
) -> list[Hypothesis]:
    """One for each place that could hold a variable."""
    places = candidates(bench.model, wording, causal, variable, config)
    lessons = draw_lessons(causal, variable, config, bench.draw(f"lessons/{variable}"))
    batch = wording.tokenize(bench.model, lessons.settings)
    return [Hypothesis(lessons, batch, wording.tokens, place) for place in places]


def _aligned(
    bench: Bench, config: CausalAlignmentConfig, found: Search, subjects: Subjects, planned: Sequence[Attempt]
) -> Aligned:
    """Carry out all attempts of a variable at the place that was chosen."""
    hypothesis = found.chosen
    lessons = hypothesis.lessons
    measured: dict[Attempt, Measurement] = {}
    made: dict[Attempt, Featuriser] = {}

    def measure(attempt: Attempt, progress: Progress) -> Floats:
        seed = bench.draw(f"map/{lessons.variable}/{attempt}").randrange(2**31)
        size = measured[reported(measured)].taken if attempt.subject is Subject.SUBSPACE else 1
        subject = subjects.of(hypothesis, attempt.number if attempt.subject is Subject.WEIGHTS else None)
        measurement, made[attempt] = carried_out(attempt, subject, lessons, config, seed, max(1, size), progress)
        return measurement.spelled()

    width = Measurement.width(lessons)
    with Ledger(bench, f"maps of {lessons.variable}", len(planned), width, config.steps) as ledger:
        for row, attempt in enumerate(planned):
            measured[attempt] = Measurement.read(ledger.row(row, partial(measure, attempt)), lessons)
    best = reported(measured)
    if best not in made:
        measure(best, silent)
    return Aligned(found, measured, made[best].directions(bench.model.shape.d_model))
