"""What vectors are extracted from and reported on: a function's inputs in two halves, and prompts drawn from them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from jackfield.bench import Bench
from jackfield.errors import TaskError
from jackfield_plugins.function_vectors.config import Corruption, FunctionVectorsConfig
from jackfield_plugins.function_vectors.functions import Function, fill
from jackfield_plugins.function_vectors.prompts import Known, Prompts

__all__ = ["Material", "gather"]

_LEAST = 2


@dataclass(frozen=True, eq=False)
class Material:
    """A function's inputs, split; a vector never sees those that it is reported on.

    Parameters
    ----------
    known
        The function as the model can say it.
    shots
        Examples in a prompt.
    shown
        Inputs that examples are drawn from.
    extraction
        Those of them that the model answers after ``shots`` examples: prompts for extraction ask about them.
    held_out
        The other half, of which the model answers these after ``shots`` examples: results are reported on them.
    unanswered
        How many of the extraction half and of the held-out half the model does not answer.
    """

    known: Known
    shots: int
    shown: tuple[str, ...]
    extraction: tuple[str, ...]
    held_out: tuple[str, ...]
    unanswered: tuple[int, int]

    @property
    def function(self) -> Function:
        return self.known.function

    @property
    def answered(self) -> float:
        """The share of held-out inputs that the model answers after examples."""
        return len(self.held_out) / (len(self.held_out) + self.unanswered[1])

    @classmethod
    def prepare(cls, bench: Bench, config: FunctionVectorsConfig, function: Function) -> Material:
        """Split a function's inputs and keep those that the model answers after examples.

        Raises
        ------
        TaskError
            If too few can be used, or the model answers too few; the message gives the counts.
        """
        known = Known.of(bench.model, function)
        shots = function.shots if config.shots is None else config.shots
        draw = bench.draw(f"inputs of {function.name}")
        usable = draw.sample([*known.answers], len(known.answers))
        cut = round(len(usable) * config.held_out)
        held_out, shown = usable[:cut], usable[cut:]
        if len(shown) <= shots or len(held_out) < _LEAST:
            raise TaskError(
                f"{function.name}: of {len(function.table)} pairs {len(usable)} can be used, the outputs of which are "
                f"single tokens of {bench.model.name}; {len(shown)} are left to make prompts of {shots} examples and a "
                f"query, and {len(held_out)} to report on: use more pairs or fewer examples"
            )
        material = cls(known, shots, tuple(shown), tuple(shown), tuple(held_out), (0, 0))
        answered = [
            [word for word, right in zip(half, material.shot(bench, half, draw).answered(bench), strict=True) if right]
            for half in (shown, held_out)
        ]
        if min(map(len, answered)) < _LEAST:
            raise TaskError(
                f"{function.name}: after {shots} examples {bench.model.name} answers {len(answered[0])} of "
                f"{len(shown)} inputs for extraction and {len(answered[1])} of {len(held_out)} held out; {_LEAST} of "
                "each are needed"
            )
        lost = (len(shown) - len(answered[0]), len(held_out) - len(answered[1]))
        return cls(known, shots, tuple(shown), tuple(answered[0]), tuple(answered[1]), lost)

    def shot(
        self,
        bench: Bench,
        inputs: Sequence[str],
        draw: random.Random,
        corruption: Corruption | None = None,
        words: Sequence[str] = (),
    ) -> Prompts:
        """Prompts that ask about some inputs after examples, each with examples of its own.

        Parameters
        ----------
        bench
            Gives the model.
        inputs
            What is asked about.
        draw
            Chooses the examples.
        corruption, words
            What is done to their outputs, if anything, and what random words are drawn from.
        """
        table, texts = self.function.table, []
        for word in inputs:
            examples = draw.sample([other for other in self.shown if other != word], self.shots)
            outputs = [table[other] for other in examples]
            if corruption is Corruption.SHUFFLED_LABELS:
                outputs = draw.sample(outputs, len(outputs))
            elif corruption is Corruption.RANDOM_WORDS:
                outputs = draw.choices(words, k=len(outputs))
            texts.append(self.function.layout.prompt(list(zip(examples, outputs, strict=True)), word))
        return Prompts.tokenize(bench.model, self.known, texts, inputs)

    def bare(self, bench: Bench, inputs: Sequence[str], query: str | None = None) -> Prompts:
        """Prompts that ask about some inputs without any example, in the function's own way or in another."""
        template = self.function.layout.query if query is None else query
        texts = [fill(template, input=word) for word in inputs]
        return Prompts.tokenize(bench.model, self.known, texts, inputs)


def gather(
    bench: Bench, config: FunctionVectorsConfig, functions: Sequence[Function]
) -> tuple[list[Material], dict[str, str]]:
    """The material of each function that has enough of it, and why the others are left out.

    Raises
    ------
    TaskError
        If fewer than two functions are left, of which each is the others' control.
    """
    found: list[Material] = []
    left_out: dict[str, str] = {}
    for done, function in enumerate(functions):
        bench.progress("functions that the model infers", done, len(functions))
        try:
            found.append(Material.prepare(bench, config, function))
        except TaskError as error:
            left_out[function.name] = str(error)
    bench.progress("functions that the model infers", len(functions), len(functions))
    if len(found) < 2:
        raise TaskError(
            f"{len(found)} of {len(functions)} functions can be used, and 2 are needed, each as control of the others; "
            f"left out: {'; '.join(left_out.values())}"
        )
    return found, left_out
