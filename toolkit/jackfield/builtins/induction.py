"""Induction: what followed a word before will follow it again."""

from __future__ import annotations

import random
from itertools import cycle
from typing import TYPE_CHECKING

from jackfield.builtins import english
from jackfield.builtins.template import Template
from jackfield.organism import world
from jackfield.tasks import PairMaker, Task, Words

if TYPE_CHECKING:
    from jackfield.pairs import PromptPair

__all__ = ["Induction"]

LISTS: tuple[tuple[int, int], ...] = ((4, 1), (5, 2), (6, 1), (6, 3))
"""Words in the list, and the index at which its repetition stops."""

VOCABULARIES: tuple[tuple[str, ...], ...] = (english.NOUNS, (*world.NAMES, *world.NOUN_WORDS, *world.COLOURS))


class Induction(Task):
    """A list of different words that begins again; the corrupted prompt has another word at the answer's place."""

    name = "induction"
    description = "whether the model continues a repeated list of unrelated words as it went the first time"
    positions = ("PREVIOUS", "TARGET")

    def pair_maker(self, words: Words) -> PairMaker:
        spoken = max(VOCABULARIES, key=lambda vocabulary: english.share_known(words, vocabulary))
        vocabulary = words.single(spoken, at_least=12)
        opening = english.opening(words)
        templates = cycle([(Template.of([*opening, *_blanks(*shape)]), shape[0]) for shape in LISTS])

        def make(draw: random.Random) -> PromptPair:
            template, length = next(templates)
            previous, target, other, *rest = draw.sample(vocabulary, length + 1)
            blanks = {f"w{index}": word for index, word in enumerate(rest)}
            blanks |= {"PREVIOUS": previous, "TARGET": target}
            return template.pair(blanks, {"TARGET": other}, answers=[target], foils=[other])

        return make


def _blanks(length: int, last: int) -> list[str]:
    """The list and its repetition up to index ``last``, after which the word that followed there is asked for."""
    plain = iter(range(length))
    words = [
        "{PREVIOUS}" if index == last else "{TARGET}" if index == last + 1 else f"{{w{next(plain)}}}"
        for index in range(length)
    ]
    return [*words, *words[: last + 1]]
