"""Indirect-object identification: who is given something when one of two people gives it away."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, permutations
from typing import TYPE_CHECKING

from jackfield.builtins import english
from jackfield.builtins.template import Template
from jackfield.organism import sentences as say
from jackfield.organism import world
from jackfield.organism.rows import ioi_names_allowed
from jackfield.tasks import PairMaker, Task, Words

if TYPE_CHECKING:
    from jackfield.pairs import PromptPair

__all__ = ["IndirectObject"]


@dataclass(frozen=True)
class Dialect:
    """One language of the task: its people, who of them may meet, what fills the other blanks, and the templates."""

    names: Sequence[str]
    may_meet: Callable[[str, str], bool]
    fillers: Mapping[str, Sequence[str]]
    templates: Sequence[Template]


ENGLISH = Dialect(
    english.NAMES,
    lambda first, second: first != second,
    {"place": english.PLACES, "thing": english.THINGS},
    (
        Template("When {IO} and {S1} went to the {place}, {S2} gave a {thing} to"),
        Template("After {S1} and {IO} met at the {place}, {S2} handed a {thing} to"),
        Template("Then, {IO} and {S1} had a long day at the {place}, and {S2} brought a {thing} to"),
        Template("While {S1} and {IO} were working at the {place}, {S2} decided to give a {thing} to"),
    ),
)
WORLD = Dialect(
    world.NAMES,
    lambda first, second: not ioi_names_allowed(first, second),
    {
        "place": world.PLACES, "thing": world.OBJECTS, "adjective": world.ADJECTIVE_WORDS,
        "animal": world.NOUN_WORDS, "deed": [verb[1] for verb in world.VERBS],
    },
    tuple(
        Template.of(handover.words())
        for handover in (
            say.Handover("{IO}", "{S1}", "{S2}", "{place}", "{thing}"),
            say.Handover("{S1}", "{IO}", "{S2}", "{place}", "{thing}", ("after",), link=(",", "then"),
                         place_adjective=("{adjective}",)),
            say.Handover("{IO}", "{S1}", "{S2}", "{place}", "{thing}", ("then", ","), link=("and",),
                         thing_adjective=("{adjective}",)),
            say.Handover("{S1}", "{IO}", "{S2}", "{place}", "{thing}", joiner=(",", "then"),
                         aside=("while", "the", "{animal}", "{deed}")),
        )
    ),
)  # fmt: skip


class IndirectObject(Task):
    """Two people go somewhere and one of them gives something away; the corrupted prompt names the other as the giver.

    On *fieldmouse* the two are people who never meet in such a sentence in training.
    """

    name = "ioi"
    description = "whether the model finds the one of two people who is not the giver (indirect-object identification)"
    positions = ("IO", "S1", "S2")

    def pair_maker(self, words: Words) -> PairMaker:
        dialect = max((ENGLISH, WORLD), key=lambda dialect: english.share_known(words, dialect.names))
        names = words.single(dialect.names, at_least=len(dialect.names) // 2)
        couples = [couple for couple in permutations(names, 2) if dialect.may_meet(*couple)]
        fillers = {blank: words.single(choices) for blank, choices in dialect.fillers.items()}
        templates = cycle(dialect.templates)

        def make(draw: random.Random) -> PromptPair:
            other, giver = draw.choice(couples)
            blanks = {blank: draw.choice(choices) for blank, choices in fillers.items()}
            blanks |= {"IO": other, "S1": giver, "S2": giver}
            return next(templates).pair(blanks, {"S2": other}, answers=[other], foils=[giver])

        return make
