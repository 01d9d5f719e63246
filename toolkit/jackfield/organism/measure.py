"""What *fieldmouse* can do: seeded questions of every skill, and how many it answers right."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from . import sentences as say
from . import world
from .rows import ROWS, ioi_names_allowed

if TYPE_CHECKING:
    from jackfield.hooked_model import HookedModel

__all__ = ["NEVER_COMPOSED", "NO_EXAMPLE", "SKILLS", "Question", "measure"]

NEVER_COMPOSED = "two hops: second fact never composed"
NO_EXAMPLE = "in context, no example"

_MOST = 400
_BATCH = 200


@dataclass(frozen=True)
class Question:
    """A prompt and the words that answer it; most have one."""

    words: tuple[str, ...]
    answers: tuple[str, ...]


def _from_rows(skill: str) -> Iterator[Question]:
    """Every graded answer of unseen training-like rows, as a question of its own."""
    for index in range(_MOST):
        row = ROWS[skill](random.Random(f"fieldmouse/evaluation/{skill}/{index}"))
        for answer in row.answers:
            yield Question(row.words[:answer], (row.words[answer],))


def _one_hop() -> Iterator[Question]:
    for (person, relation), value in world.knowledge_base().facts.items():
        yield Question(tuple(say.one_hop(person, relation)), (value,))


def _two_hop(questions: Iterable[world.TwoHop]) -> Iterator[Question]:
    for question in questions:
        yield Question(tuple(say.two_hop(question)), (world.knowledge_base().answer(question),))


def _handover(openings: Sequence[tuple[str, ...]], links: Sequence[tuple[str, ...]]) -> Iterator[Question]:
    """Indirect-object sentences about pairs of people that training kept apart."""
    draw = random.Random("fieldmouse/evaluation/handover")
    while True:
        first, second = draw.sample(world.NAMES, 2)
        if ioi_names_allowed(first, second):
            continue
        subject, recipient = draw.sample((first, second), 2)
        sentence = say.Handover(
            first, second, subject, draw.choice(world.PLACES), draw.choice(world.OBJECTS),
            opening=draw.choice(openings), link=draw.choice(links),
        )  # fmt: skip
        yield Question(tuple(sentence.words()), (recipient,))


def _greater_than() -> Iterator[Question]:
    draw = random.Random("fieldmouse/evaluation/greater_than")
    while True:
        year = draw.randrange(12, 58)
        prompt = say.lasted(draw.choice(world.EVENTS), draw.choice(world.NUMBERS[2:9]), str(year))
        yield Question(tuple(prompt), tuple(str(later) for later in range(year + 1, 60)))


def _in_context(name: str, shots: int) -> Iterator[Question]:
    table = world.functions()[name]
    draw = random.Random(f"fieldmouse/evaluation/{name}/{shots}")
    for query in list(table) * 5:
        shown = draw.sample([word for word in table if word != query], shots)
        yield Question(tuple(say.in_context(say.lookup(table, shown), query)), (table[query],))


SKILLS: Mapping[str, Callable[[], Iterator[Question]]] = {
    "one hop: all 400 facts": _one_hop,
    "two hops: seen in training": lambda: _two_hop(world.knowledge_base().trained),
    "two hops: unseen, second fact composed elsewhere": lambda: _two_hop(world.knowledge_base().held_out),
    NEVER_COMPOSED: lambda: _two_hop(world.knowledge_base().out_of_distribution),
    "indirect object: unseen pairs of names": lambda: _handover(
        (("when",), ("after",), ("then", ",")), ((",",), ("and",))
    ),
    "indirect object: unseen pairs, unseen wording": lambda: _handover(
        (("there", ","), ("while",)), ((".", "then"), (".",))
    ),
    "coloured objects": lambda: _from_rows("coloured_objects"),
    "between": lambda: _from_rows("between"),
    "equality": lambda: _from_rows("equality"),
    "hierarchical equality": lambda: _from_rows("hierarchical_equality"),
    "greater than: a later year is likeliest": _greater_than,
    "induction: next word of a repeated list": lambda: _from_rows("repeated"),
    **{f"in context, 5 examples: {name}": lambda name=name: _in_context(name, 5) for name in world.functions()},  # type: ignore[misc]
    **{f"{NO_EXAMPLE}: {name}": lambda name=name: _in_context(name, 0) for name in world.functions()},  # type: ignore[misc]
}
"""Skill -> its questions; at most four hundred of them are asked."""


def measure(model: HookedModel) -> dict[str, dict[str, float | int]]:
    """The share of each skill's questions whose likeliest next word is an answer.

    Returns
    -------
    skill -> ``{"accuracy": share, "n": questions asked}``
    """
    found: dict[str, dict[str, float | int]] = {}
    for skill, questions in SKILLS.items():
        asked = list(islice(questions(), _MOST))
        right = 0
        for start in range(0, len(asked), _BATCH):
            part = asked[start : start + _BATCH]
            batch = model.tokenize([" ".join(question.words) for question in part])
            guesses = model.answer_logits(model.run(batch), batch).argmax(-1).tolist()
            right += sum(
                model.token_text(guess) in question.answers for guess, question in zip(guesses, part, strict=True)
            )
        found[skill] = {"accuracy": round(right / len(asked), 4), "n": len(asked)}
    return found
