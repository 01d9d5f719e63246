"""Greater-than: something that began in one year can only end in a later one."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jackfield.builtins import english
from jackfield.builtins.template import Template
from jackfield.errors import TaskError
from jackfield.organism import sentences as say
from jackfield.organism import world
from jackfield.tasks import PairMaker, Task, Words

if TYPE_CHECKING:
    from jackfield.pairs import PromptPair

__all__ = ["GreaterThan"]


@dataclass(frozen=True)
class Scale:
    """How a tokenizer may break a year: a ``{stem}`` that is said twice, and an ending that the model completes.

    Parameters
    ----------
    template, events
        The prompt, which ends with the stem, and what may have lasted.
    stems, endings
        What fills it; the endings ascend.
    glue
        What stands between a stem and an ending.
    """

    template: Template
    events: Sequence[str]
    stems: Sequence[str]
    endings: Sequence[str]
    glue: str

    def sayable(self, words: Words) -> dict[str, list[str]]:
        """The endings that are single tokens after each stem, where these are at least half of all."""
        known = {
            stem: [end for end in self.endings if words.knows([end], after=f"the year {stem}", glue=self.glue)]
            for stem in self.stems
        }
        return {stem: endings for stem, endings in known.items() if 2 * len(endings) >= len(self.endings)}


_ENGLISH = Template("The {event} lasted from the year {stem}{YEAR} to the year {stem}")
_CENTURIES = tuple(map(str, range(11, 19)))

SCALES: tuple[Scale, ...] = (
    Scale(_ENGLISH, english.EVENTS, _CENTURIES, [f"{year:02}" for year in range(2, 99)], ""),
    Scale(
        _ENGLISH, english.EVENTS, [f"{century}{decade}" for century in _CENTURIES for decade in range(1, 10)],
        [str(digit) for digit in range(10)], "",
    ),
    Scale(
        Template.of(say.lasted("{event}", "{stem}", "{YEAR}")), world.EVENTS, world.NUMBERS[2:9], world.NUMBERS, " ",
    ),
)  # fmt: skip
"""Years as a century and two digits, as a decade and one digit, and as *fieldmouse* writes them."""


class GreaterThan(Task):
    """Something lasted from one year to another, whose ending is asked for; the corrupted prompt has it begin earlier.

    Answers are the endings of later years, foils all others; the two beginnings are at least a fifth of the scale
    apart. Where a tokenizer splits years into single digits, the years of one decade are compared instead of those of
    one century.
    """

    name = "greater_than"
    description = "whether the model ends a span of years in a year later than the one it began in"
    positions = ("YEAR",)

    def pair_maker(self, words: Words) -> PairMaker:
        scale, sayable = next(((scale, found) for scale in SCALES if (found := scale.sayable(words))), (SCALES[-1], {}))
        if not sayable:
            raise TaskError(
                f"task {self.name!r} compares years such as 1732, and the model's tokenizer breaks none of them into a "
                "century or decade and an ending that is a single token"
            )
        events, stems = words.single(scale.events), list(sayable)

        def make(draw: random.Random) -> PromptPair:
            stem = draw.choice(stems)
            endings = sayable[stem]
            gap = len(endings) // 5
            start = draw.randrange(gap, len(endings) - 1)
            earlier = draw.randrange(start - gap + 1)
            return scale.template.pair(
                {"event": draw.choice(events), "stem": stem, "YEAR": endings[start]},
                {"YEAR": endings[earlier]},
                answers=endings[start + 1 :],
                foils=endings[: start + 1],
                glue=scale.glue,
            )

        return make
