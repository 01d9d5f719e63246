"""Coloured objects: which colour an object had that was named before."""

from __future__ import annotations

import random
from itertools import cycle
from typing import TYPE_CHECKING

from jackfield.builtins.template import Template
from jackfield.organism import sentences as say
from jackfield.organism import world
from jackfield.tasks import PairMaker, Task, Words

if TYPE_CHECKING:
    from jackfield.pairs import PromptPair

__all__ = ["ColouredObjects"]

_TOLD, _OTHER, _THIRD = ("{THING}", "{COLOUR}"), ("{other}", "{other_colour}"), ("{third}", "{third_colour}")

TEMPLATES: tuple[Template, ...] = tuple(
    Template.of(say.coloured_objects(things, "{ASKED}"))
    for things in ((_TOLD, _OTHER), (_OTHER, _TOLD), (_TOLD, _OTHER, _THIRD), (_THIRD, _OTHER, _TOLD))
)


class ColouredObjects(Task):
    """Two or three objects of different colours and a question about one; the corrupted prompt asks about another."""

    name = "coloured_objects"
    description = "whether the model recalls which of several named objects had which colour"
    positions = ("COLOUR", "THING", "ASKED")

    def pair_maker(self, words: Words) -> PairMaker:
        nouns, colours = words.single(world.NOUN_WORDS, at_least=6), words.single(world.COLOURS, at_least=4)
        templates = cycle(TEMPLATES)

        def make(draw: random.Random) -> PromptPair:
            things, hues = draw.sample(nouns, 3), draw.sample(colours, 3)
            blanks = dict(zip(("THING", "other", "third"), things, strict=True))
            blanks |= dict(zip(("COLOUR", "other_colour", "third_colour"), hues, strict=True))
            return next(templates).pair(
                {**blanks, "ASKED": things[0]}, {"ASKED": things[1]}, answers=[hues[0]], foils=[hues[1]]
            )

        return make
