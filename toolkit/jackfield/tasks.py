"""Tasks: seeded makers of prompt pairs, each stating what it tests."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from jackfield.errors import TaskError

if TYPE_CHECKING:
    from jackfield.hooked_model import HookedModel
    from jackfield.pairs import PairBatch, PromptPair
    from jackfield.token_batch import PaddingSide

__all__ = ["PairMaker", "Task", "Words"]

PairMaker = Callable[[random.Random], "PromptPair"]
"""Draws one pair."""

_MOST_DRAWS = 200


class Words:
    """Picks from word lists those that a model spells as single tokens, and remembers the rest.

    Parameters
    ----------
    model
        The model whose tokenizer decides.
    task
        Name of the task, for messages.
    """

    def __init__(self, model: HookedModel, task: str) -> None:
        self._model, self._task = model, task
        self.dropped: list[str] = []

    def single(self, words: Iterable[str], at_least: int = 2) -> list[str]:
        """The words that are single tokens.

        Raises
        ------
        TaskError
            If fewer than ``at_least`` are.
        """
        asked = list(words)
        kept = [word for word in asked if self._model.single_token(word) is not None]
        self.dropped += [word for word in asked if word not in kept]
        if len(kept) < at_least:
            raise TaskError(
                f"task {self._task!r} needs {at_least} single-token words of {self._model.name}, found {len(kept)} "
                f"among {len(asked)} such as {', '.join(asked[:4])}"
            )
        return kept

    def knows(self, words: Iterable[str], after: str = "the", glue: str = " ") -> bool:
        """Whether every word is a single token where it continues ``after``, joined to it by ``glue``."""
        return all(self._model.single_token(word, after, glue) is not None for word in words)


class Task(ABC):
    """A seeded source of prompt pairs.

    Subclasses set ``name``, ``description`` (what it tests, in a sentence) and ``positions`` (the named positions in
    reading order, ``END`` excluded), and draw single pairs.
    """

    name: str
    description: str
    positions: tuple[str, ...]

    @abstractmethod
    def pair_maker(self, words: Words) -> PairMaker:
        """Choose the words that a model can say, and return a maker of pairs from them.

        Raises
        ------
        TaskError
            If the model's tokenizer does not spell the task's words as single tokens.
        """

    def pairs(self, model: HookedModel, count: int, seed: int, padding_side: PaddingSide = "right") -> PairBatch:
        """Draw ``count`` different pairs and tokenize them for ``model``.

        Raises
        ------
        TaskError
            If ``count`` is below 2, the words do not suit the tokenizer, or there are fewer different pairs.
        AlignmentError
            If a pair's prompts differ in token length.
        """
        from jackfield.pairs import PairBatch

        if count < 2:
            raise TaskError(f"task {self.name!r} was asked for {count} pairs; at least 2 are needed for an interval")
        words = Words(model, self.name)
        make = self.pair_maker(words)
        draw = random.Random(f"{self.name}/{seed}")
        found: dict[tuple[str, str], PromptPair] = {}
        for _ in range(count * _MOST_DRAWS):
            pair = make(draw)
            found.setdefault((pair.clean, pair.corrupted), pair)
            if len(found) == count:
                return PairBatch.tokenize(model, list(found.values()), words.dropped, padding_side)
        raise TaskError(f"task {self.name!r} has no {count} different pairs on {model.name}; it found {len(found)}")
