"""Average indirect effects: how far each head's mean output brings the answer back into a spoilt prompt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from jackfield.bench import Bench
from jackfield.interventions import Intervention, replace
from jackfield.replay import sweep
from jackfield.sites import Kind, Site
from jackfield_plugins.function_vectors.prompts import Prompts, grading

__all__ = ["Effects", "every_head"]

Floats = NDArray[np.float64]
Sweep = Callable[..., Floats]


def every_head(bench: Bench) -> list[Site]:
    """All heads of a model, layer by layer."""
    shape = bench.model.shape
    return [Site(Kind.HEAD_OUT, layer, head) for layer in range(shape.n_layers) for head in range(shape.n_heads)]


@dataclass(frozen=True, eq=False)
class Effects:
    """Of each head on each spoilt prompt, in probability of the right answer.

    Parameters
    ----------
    base
        The probability in the prompt as it is, ``[prompt]``.
    own
        How much it rises when the head puts out its mean over the function's prompts, ``[head, prompt]``.
    other
        The same with its mean over the other functions' prompts, as a control.
    """

    base: Floats
    own: Floats
    other: Floats

    @classmethod
    def measure(
        cls,
        bench: Bench,
        prompts: Prompts,
        own: Float[Tensor, "layer head d_head"],
        other: Float[Tensor, "layer head d_head"],
        description: str,
        sweep: Sweep = sweep,
    ) -> Effects:
        """Put each head's mean output in the place of its output at the last token, one head at a time.

        Parameters
        ----------
        bench
            Gives the model and the progress reporter.
        prompts
            The spoilt prompts.
        own, other
            Mean outputs over prompts of the function, and of others.
        description
            What progress is reported as.
        sweep
            What runs the patches.
        """
        heads, ends = every_head(bench), prompts.ends
        cells = [(head, outputs) for outputs in (own, other) for head in heads]

        def put(cell: tuple[Site, Tensor]) -> Sequence[Intervention]:
            head, outputs = cell
            return [replace(Site(Kind.Z, head.layer, head.head), outputs[head.layer, head.head], ends)]

        probability = grading(bench, "probability")
        logits = bench.model.answer_logits(bench.model.run(prompts.tokens), prompts.tokens)
        base = probability.graded(logits, prompts.key)
        found = sweep(probability, prompts.tokens, prompts.key, cells, put, description) - base
        return cls(base, found[: len(heads)], found[len(heads) :])

    @property
    def average(self) -> Floats:
        """The mean over prompts, ``[head]``."""
        found: Floats = self.own.mean(-1)
        return found
