"""Between: whether a number lies between two others."""

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

__all__ = ["Between"]

TEMPLATE = Template.of(say.between("{VALUE}", "{LOW}", "{HIGH}"))

_NARROWEST = 4


class Between(Task):
    """A number and two bounds, outside them in every other pair; the corrupted prompt moves it across a bound."""

    name = "between"
    description = "whether the model tells if a number lies between two others"
    positions = ("VALUE", "LOW", "HIGH")

    def pair_maker(self, words: Words) -> PairMaker:
        numbers = words.single(world.NUMBERS, at_least=len(world.NUMBERS) // 2)
        words.single(map(say.yes_no, (True, False)))
        labels = cycle((True, False))

        def make(draw: random.Random) -> PromptPair:
            inside = next(labels)
            low = draw.randrange(1, len(numbers) - 1 - _NARROWEST)
            high = draw.randrange(low + _NARROWEST, len(numbers) - 1)
            within, without = draw.choice(numbers[low : high + 1]), draw.choice(numbers[:low] + numbers[high + 1 :])
            value, moved = (within, without) if inside else (without, within)
            return TEMPLATE.pair(
                {"VALUE": value, "LOW": numbers[low], "HIGH": numbers[high]},
                {"VALUE": moved},
                answers=[say.yes_no(inside)],
                foils=[say.yes_no(not inside)],
            )

        return make
