"""Two-hop questions: the sport of someone's boss, whose answer needs the boss first."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from jackfield.builtins.template import Template
from jackfield.errors import TaskError
from jackfield.organism import sentences as say
from jackfield.organism import world
from jackfield.side_questions import SideQuestion
from jackfield.tasks import PairMaker, Task, Words

if TYPE_CHECKING:
    from jackfield.pairs import PromptPair

__all__ = ["IN_DISTRIBUTION", "OUT_OF_DISTRIBUTION", "TwoHop"]

Split = Literal["trained", "held_out", "out_of_distribution"]

TEMPLATE = Template.of(say.two_hop(world.TwoHop("{START}", "{FIRST}", "{SECOND}")))


class TwoHop(Task):
    """A fact about the person that another fact leads to; the corrupted prompt starts from another person.

    Both questions come from the same splits of *fieldmouse*'s knowledge. As they name the same two relations and their
    answers differ, so do the persons in between.

    Parameters
    ----------
    name, description
        What the task is called, and what it tests.
    splits
        The parts of ``KnowledgeBase`` whose questions are asked.
    """

    positions = ("START", "FIRST", "SECOND")

    def __init__(self, name: str, description: str, splits: Sequence[Split]) -> None:
        self.name, self.description, self.splits = name, description, splits

    def pair_maker(self, words: Words) -> PairMaker:
        if not words.knows((*world.NAMES, *world.RELATIONS)):
            raise TaskError(
                f"task {self.name!r} asks about people whom only fieldmouse knows, and this model's tokenizer does not "
                "spell their names and relations as single tokens; use it with fieldmouse"
            )
        knowledge = world.knowledge_base()
        alike: dict[tuple[str, str], list[world.TwoHop]] = defaultdict(list)
        for split in self.splits:
            for question in getattr(knowledge, split):
                alike[question.first, question.second].append(question)
        contrasts = {
            question: others
            for questions in alike.values()
            for question in questions
            if (others := [other for other in questions if knowledge.answer(other) != knowledge.answer(question)])
        }
        asked = list(contrasts)

        def make(draw: random.Random) -> PromptPair:
            question = draw.choice(asked)
            other = draw.choice(contrasts[question])
            pair = TEMPLATE.pair(
                {"START": question.start, "FIRST": question.first, "SECOND": question.second},
                {"START": other.start},
                answers=[knowledge.answer(question)],
                foils=[knowledge.answer(other)],
            )
            return replace(pair, hops=_hops(knowledge, question), shortcuts=_shortcuts(knowledge, question))

        return make


def _hops(knowledge: world.KnowledgeBase, question: world.TwoHop) -> tuple[SideQuestion, ...]:
    """The two facts by themselves."""
    between = knowledge.bridge(question)
    return (
        _asked("first hop", say.one_hop(question.start, question.first), between),
        _asked("second hop", say.one_hop(between, question.second), knowledge.answer(question)),
    )


def _shortcuts(knowledge: world.KnowledgeBase, question: world.TwoHop) -> tuple[SideQuestion, ...]:
    """The question without its first relation, and without the person that it starts from."""
    answer = knowledge.answer(question)
    return (
        _asked("entity shortcut", say.one_hop(question.start, question.second), answer),
        _asked("relation shortcut", say.two_hop(question)[1:], answer),
    )


def _asked(name: str, words: Sequence[str], answer: str) -> SideQuestion:
    return SideQuestion(name, " ".join(words), (answer,))


IN_DISTRIBUTION = TwoHop(
    "two_hop",
    "whether the model composes two facts, the second of which it has seen composed (fieldmouse only)",
    ("trained", "held_out"),
)
OUT_OF_DISTRIBUTION = TwoHop(
    "two_hop.out_of_distribution",
    "whether the model composes two known facts, the second of which it has never seen composed (fieldmouse only)",
    ("out_of_distribution",),
)
