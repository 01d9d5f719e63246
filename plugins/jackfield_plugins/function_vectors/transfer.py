"""What a function's inputs make of vectors at every layer, and of other functions' heads and vectors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from jackfield.bench import Bench
from jackfield_plugins.function_vectors.evaluation import graded
from jackfield_plugins.function_vectors.kinds import Injection
from jackfield_plugins.function_vectors.places import Choice
from jackfield_plugins.function_vectors.prompts import Prompts
from jackfield_plugins.function_vectors.subject import Subject

__all__ = ["by_layer", "transfer"]

Floats = NDArray[np.float64]


def by_layer(bench: Bench, subject: Subject, choice: Choice, prompts: Prompts) -> Floats:
    """Whether each prompt is answered with the vector added after each layer, ``[layer, prompt]``."""
    strength = choice.place.strength
    cells = [Injection(layer, strength).of(subject.vector) for layer in choice.layers]
    found: Floats = (graded(bench, prompts, cells, f"{subject.material.function.label}: layers") < 1).astype(float)
    return found


def transfer(
    bench: Bench, subject: Subject, subjects: Sequence[Subject], place: Injection, prompts: Prompts
) -> tuple[Floats, Floats]:
    """The share of prompts answered with each function's heads, and with each function's vector, ``[function]``.

    Heads of another function put in the mean outputs of this one.
    """
    cells = [
        *(place.of(subject.sum_over(other.own)) for other in subjects),
        *(place.of(other.vector) for other in subjects),
    ]
    right = graded(bench, prompts, cells, f"{subject.material.function.label}: other functions") < 1
    shares = right.mean(-1)
    return shares[: len(subjects)], shares[len(subjects) :]
