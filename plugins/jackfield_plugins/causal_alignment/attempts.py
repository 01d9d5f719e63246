"""Attempts: the map that is reported and all that it is compared with, each measured on the same counterfactuals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import torch
from numpy.typing import NDArray

from jackfield.progress import Progress
from jackfield_plugins.causal_alignment.config import CausalAlignmentConfig, MapChoice
from jackfield_plugins.causal_alignment.featuriser import Featuriser, MapClass, make_featuriser
from jackfield_plugins.causal_alignment.gates import Chosen
from jackfield_plugins.causal_alignment.interchange import Interchange
from jackfield_plugins.causal_alignment.lessons import Lessons, Rows, Split
from jackfield_plugins.causal_alignment.training import successes, train

__all__ = ["TESTED", "Attempt", "Measurement", "Subject", "attempts", "carried_out", "reported"]

Floats = NDArray[np.float64]

TESTED = (Split.VALUES, Split.PAIRS, Split.ISOLATION)
"""The splits that are reported."""

_FULL = MapChoice(kind=MapClass.IDENTITY)


class Subject(StrEnum):
    """What an attempt is for."""

    TRAINED = "trained"
    WEIGHTS = "random weights"
    PERMUTED = "permuted labels"
    SUBSPACE = "random subspace"
    NOTHING = "no interchange"
    FULL = "full vector"

    @property
    def is_control(self) -> bool:
        """Whether a map that found something does better; the full vector is a bracket to compare with."""
        return self not in (Subject.TRAINED, Subject.FULL)


@dataclass(frozen=True)
class Attempt:
    """A map on a subject.

    Parameters
    ----------
    subject
        What it is for.
    choice
        The map.
    number
        Tells attempts of the same kind apart; for random weights, the copy.
    """

    subject: Subject
    choice: MapChoice
    number: int = 0

    def __str__(self) -> str:
        return f"{self.choice}, {self.subject} {self.number}"

    @property
    def is_trained(self) -> bool:
        return self.subject in (Subject.TRAINED, Subject.WEIGHTS, Subject.PERMUTED)


def attempts(config: CausalAlignmentConfig, copies: int) -> list[Attempt]:
    """All attempts of one variable, each once: trainings of the reported map first, random copies last, one by one."""
    choice, compared = config.choice, config.compared
    found = [
        *(Attempt(Subject.TRAINED, choice, number) for number in range(config.trainings)),
        *(Attempt(Subject.TRAINED, other) for other in compared),
        *(Attempt(Subject.PERMUTED, choice, number) for number in range(config.permuted)),
        *(Attempt(Subject.SUBSPACE, choice, number) for number in range(config.random_subspaces)),
        Attempt(Subject.NOTHING, _FULL),
        Attempt(Subject.FULL, _FULL),
    ]
    for copy in range(copies):
        found += [Attempt(Subject.WEIGHTS, other, copy) for other in (compared if copy == 0 else (choice,))]
    return [*dict.fromkeys(found)]


@dataclass(frozen=True, eq=False)
class Measurement:
    """What an attempt gave.

    Parameters
    ----------
    successes
        1 where the network answers as the causal model under the interchange, by split, ``[row]`` each.
    soft
        The same of held-out values with the gate as it was at the end of training.
    numbers
        How many numbers training could change.
    taken
        How many features are interchanged.
    steps
        Training steps.
    validation
        Accuracy on the validation split.
    inverse_error
        The largest difference that the map and its inverse make to an activation, in the activation's unit.
    """

    successes: Mapping[Split, Floats]
    soft: Floats
    numbers: int
    taken: int
    steps: int
    validation: float
    inverse_error: float

    @classmethod
    def of(
        cls, featuriser: Featuriser, interchange: Interchange, lessons: Lessons, steps: int = 0, validation: float = 0.0
    ) -> Measurement:
        """Measure a featuriser that is trained or needs no training."""
        return cls(
            {split: successes(featuriser, interchange, rows) for split, rows in _tested(lessons)},
            successes(featuriser, interchange, lessons.rows[Split.VALUES], soft=True),
            featuriser.trained_numbers,
            featuriser.taken,
            steps,
            validation,
            featuriser.inverse_error(interchange.states),
        )

    @classmethod
    def width(cls, lessons: Lessons) -> int:
        """How many numbers spell a measurement."""
        return sum(len(rows) for _, rows in _tested(lessons)) + len(lessons.rows[Split.VALUES]) + 5

    def spelled(self) -> Floats:
        """All numbers in a row."""
        facts = [self.numbers, self.taken, self.steps, self.validation, self.inverse_error]
        return np.concatenate([*self.successes.values(), self.soft, np.array(facts, dtype=float)])

    @classmethod
    def read(cls, spelled: Floats, lessons: Lessons) -> Measurement:
        """The inverse of ``spelled``."""
        sizes = [len(rows) for _, rows in _tested(lessons)]
        *parts, soft, facts = np.split(spelled, np.cumsum([*sizes, len(lessons.rows[Split.VALUES])]))
        numbers, taken, steps, validation, error = facts.tolist()
        by_split = {split: part for (split, _), part in zip(_tested(lessons), parts, strict=True)}
        return cls(by_split, soft, int(numbers), int(taken), int(steps), validation, error)


def reported(measured: Mapping[Attempt, Measurement]) -> Attempt:
    """The training of the reported map that did best on the validation split; the earliest of equals."""
    choice = next(iter(measured)).choice
    trained = [attempt for attempt in measured if attempt.subject is Subject.TRAINED and attempt.choice == choice]
    return max(trained, key=lambda attempt: measured[attempt].validation)


def carried_out(
    attempt: Attempt,
    interchange: Interchange,
    lessons: Lessons,
    config: CausalAlignmentConfig,
    seed: int,
    size: int,
    progress: Progress,
) -> tuple[Measurement, Featuriser]:
    """Train and measure one attempt.

    Parameters
    ----------
    attempt
        Which.
    interchange
        The subject from the place on: the model, or the copy with random weights.
    lessons, config, seed
        The counterfactuals, settings, and what randomness follows from.
    size
        How many directions a random subspace has, or all that there are.
    progress
        Where training steps are reported.
    """
    generator = torch.Generator().manual_seed(seed)
    rows, validation = lessons.rows[Split.TRAIN], lessons.rows[Split.VALIDATION]
    if attempt.subject is Subject.PERMUTED:
        rows, validation = rows.permuted(generator), validation.permuted(generator)
    if attempt.is_trained:
        found = train(attempt.choice, interchange, rows, validation, config, seed, progress, str(attempt))
        made = found.featuriser
        return Measurement.of(made, interchange, lessons, found.steps, found.validation), made
    kind = MapClass.DAS if attempt.subject is Subject.SUBSPACE else attempt.choice.kind
    states = interchange.states[rows.base]
    made = make_featuriser(kind, min(size, states.shape[1]), states, generator, config.sae)
    if attempt.subject is Subject.NOTHING:
        made = Featuriser(made.basis, Chosen(made.basis.features, []))
    return Measurement.of(made, interchange, lessons), made


def _tested(lessons: Lessons) -> list[tuple[Split, Rows]]:
    return [(split, lessons.rows[split]) for split in TESTED if split in lessons.rows]
