"""Equality of two words, and hierarchical equality: whether two pairs are alike in being equal."""

from __future__ import annotations

import random
from itertools import cycle
from typing import TYPE_CHECKING

from jackfield.builtins import english
from jackfield.builtins.template import Template
from jackfield.organism import sentences as say
from jackfield.organism import world
from jackfield.tasks import PairMaker, Task, Words

if TYPE_CHECKING:
    from jackfield.pairs import PromptPair

__all__ = ["Equality", "HierarchicalEquality"]


class Equality(Task):
    """Two words, equal in every other pair; the corrupted prompt changes one of them, and with it the answer."""

    name = "equality"
    description = "whether the model tells equal words from different ones"
    positions = ("LEFT", "RIGHT")

    def pair_maker(self, words: Words) -> PairMaker:
        nouns = words.single(world.NOUN_WORDS, at_least=8)
        words.single(map(say.yes_no, (True, False)))
        template = Template.of([*english.opening(words), *say.same("{LEFT}", "{RIGHT}")])
        labels = cycle((True, False))

        def make(draw: random.Random) -> PromptPair:
            equal = next(labels)
            left, right = draw.sample(nouns, 2)
            blanks = {"LEFT": left, "RIGHT": left if equal else right}
            change = _flip(blanks, ("LEFT", "RIGHT"), right, draw)
            return template.pair(blanks, change, answers=[say.yes_no(equal)], foils=[say.yes_no(not equal)])

        return make


class HierarchicalEquality(Task):
    """Two pairs of words: yes if both are equal or both differ. The corrupted prompt changes one of the four words."""

    name = "hierarchical_equality"
    description = "whether the model compares two comparisons: are both pairs equal, or neither"
    positions = ("W", "X", "Y", "Z")

    def pair_maker(self, words: Words) -> PairMaker:
        nouns = words.single(world.NOUN_WORDS, at_least=8)
        words.single(map(say.yes_no, (True, False)))
        template = Template.of([*english.opening(words), *say.same_sameness(("{W}", "{X}", "{Y}", "{Z}"))])
        labels = cycle((True, False))

        def make(draw: random.Random) -> PromptPair:
            label, first_equal = next(labels), draw.random() < 0.5
            second_equal = first_equal == label
            w, x, y, z = draw.sample(nouns, 4)
            blanks = {"W": w, "X": w if first_equal else x, "Y": y, "Z": y if second_equal else z}
            places, spare = draw.choice(((("W", "X"), x), (("Y", "Z"), z)))
            change = _flip(blanks, places, spare, draw)
            return template.pair(blanks, change, answers=[say.yes_no(label)], foils=[say.yes_no(not label)])

        return make


def _flip(blanks: dict[str, str], places: tuple[str, str], spare: str, draw: random.Random) -> dict[str, str]:
    """A change of one of two places that makes equal words differ, through ``spare``, and different words equal."""
    changed, kept = draw.sample(places, 2)
    return {changed: spare if blanks[changed] == blanks[kept] else blanks[kept]}
