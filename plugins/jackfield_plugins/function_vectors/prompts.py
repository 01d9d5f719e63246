"""Prompts whose answers are single tokens, and what a model makes of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool
from numpy.typing import NDArray
from torch import Tensor

from jackfield.bench import Bench
from jackfield.hooked_model import HookedModel
from jackfield.metrics import BUILT_IN, AnswerKey
from jackfield.token_batch import TokenBatch
from jackfield_plugins.function_vectors.functions import Function

__all__ = ["Known", "Prompts", "chunks", "grading"]

_AT_ONCE = 16


def grading(bench: Bench, metric: str) -> Bench:
    """The same bench with another of the built-in metrics."""
    (chosen,) = (known for known in BUILT_IN if known.name == metric)
    return replace(bench, metric=chosen)


@dataclass(frozen=True, eq=False)
class Known:
    """A function as far as a model can read its inputs and say its outputs.

    Parameters
    ----------
    function
        The function.
    answers
        The token of the output of each input that can be used.
    dropped
        Inputs that the tokenizer does not know, or whose outputs are not single tokens.
    """

    function: Function
    answers: dict[str, int]
    dropped: tuple[str, ...]

    @classmethod
    def of(cls, model: HookedModel, function: Function) -> Known:
        """Try every input and output of a function on a model's tokenizer."""
        layout, answers = function.layout, dict[str, int]()
        for word, output in function.table.items():
            token = model.single_token(output, layout.asked(word), layout.glue)
            if token is not None and model.spells(word):
                answers[word] = token
        return cls(function, answers, tuple(word for word in function.table if word not in answers))


@dataclass(frozen=True, eq=False)
class Prompts:
    """Prompts of one function, padded on the left, so that all of them end in the last column.

    Parameters
    ----------
    texts
        The prompts.
    inputs
        What each of them asks about.
    tokens
        The same as tokens.
    key
        The right answers.
    """

    texts: tuple[str, ...]
    inputs: tuple[str, ...]
    tokens: TokenBatch
    key: AnswerKey

    @classmethod
    def tokenize(cls, model: HookedModel, known: Known, texts: Sequence[str], inputs: Sequence[str]) -> Prompts:
        """Prompts that ask for the outputs of some inputs.

        Raises
        ------
        TaskError
            If a prompt is longer than the model's context.
        """
        tokens = model.tokenize(texts, "left")
        answers = torch.zeros(len(texts), model.shape.d_vocab, dtype=torch.bool, device=tokens.tokens.device)
        answers[range(len(texts)), [known.answers[word] for word in inputs]] = True
        return cls(tuple(texts), tuple(inputs), tokens, AnswerKey(answers, torch.zeros_like(answers)))

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def ends(self) -> Bool[Tensor, "prompt column"]:
        """True at each prompt's last token."""
        return self.tokens.at([-1] * len(self))

    def answered(self, bench: Bench) -> NDArray[np.bool_]:
        """Whether the right answer is the model's likeliest, ``[prompt]``."""
        ranking, found, start = grading(bench, "rank"), [], 0
        for part in chunks(self.tokens):
            logits = bench.model.answer_logits(bench.model.run(part), part)
            found.append(ranking.graded(logits, self.key.select(range(start, start + len(part)))) < 1)
            start += len(part)
        return np.concatenate(found)


def chunks(batch: TokenBatch) -> Iterator[TokenBatch]:
    """A batch in parts of a size at which the logits of every token fit into memory."""
    for start in range(0, len(batch), _AT_ONCE):
        yield batch.select(range(start, min(start + _AT_ONCE, len(batch))))
