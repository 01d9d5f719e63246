"""What a function's inputs make of its vector at every layer, and of other functions' heads and vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jackfield.bench import Bench
from jackfield_plugins.function_vectors.evaluation import graded
from jackfield_plugins.function_vectors.kinds import Injection
from jackfield_plugins.function_vectors.places import Choice
from jackfield_plugins.function_vectors.prompts import Prompts
from jackfield_plugins.function_vectors.subject import Subject

__all__ = ["Transfer"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Transfer:
    """Whether prompts are answered where something else than a function's own vector at its place is added.

    Parameters
    ----------
    layers
        With the vector after each layer, ``[layer, prompt]``.
    heads
        With this function's mean outputs of each function's heads, ``[function, prompt]``.
    vectors
        With each function's vector, ``[function, prompt]``.
    """

    layers: Floats
    heads: Floats
    vectors: Floats

    @classmethod
    def measure(
        cls, bench: Bench, subject: Subject, subjects: Sequence[Subject], choice: Choice, prompts: Prompts
    ) -> Transfer:
        """Add each of them, all with the strength that is best for the function's own vector."""
        place = choice.place
        cells = [
            *(Injection(layer, place.strength).of(subject.vector) for layer in choice.layers),
            *(place.of(subject.sum_over(other.own)) for other in subjects),
            *(place.of(other.vector) for other in subjects),
        ]
        description = f"{subject.material.function.label}: other layers and functions"
        right = (graded(bench, prompts, cells, description) < 1).astype(float)
        ends = len(choice.layers), len(choice.layers) + len(subjects)
        return cls(right[: ends[0]], right[ends[0] : ends[1]], right[ends[1] :])
