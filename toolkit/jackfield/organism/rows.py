"""Training rows of *fieldmouse*: seeded generators, one per skill, each giving words and the indices of its answers."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from . import sentences as say
from . import world

MAX_WORDS = 31
"""Words in a row; with the beginning-of-sequence token they fill the model's 32 positions."""


@dataclass(frozen=True)
class Row:
    """A training sentence; ``answers`` are indices of the words whose prediction is graded in full."""

    words: tuple[str, ...]
    answers: tuple[int, ...]


class RowBuilder:
    """Appends phrases and graded answers until the row is done."""

    def __init__(self, words: list[str] | None = None) -> None:
        self._words = list(words or [])
        self._answers: list[int] = []

    def __len__(self) -> int:
        return len(self._words)

    def add(self, *words: str) -> RowBuilder:
        self._words += words
        return self

    def ask(self, prompt: list[str], answer: str, *after: str, graded: bool = True) -> RowBuilder:
        self._words += prompt
        if graded:
            self._answers.append(len(self._words))
        self._words += [answer, *after]
        return self

    def row(self) -> Row:
        return Row(tuple(self._words), tuple(self._answers))


_FILLER = (*world.NAMES, *world.NOUN_WORDS, ".", ",", "the", "and", "'s", "is", ":", *world.PERSON_RELATIONS)
_JUNK = (*world.NOUN_WORDS, ".", ",", "the", "and", "is", *(v[0] for v in world.VERBS), *world.ADJECTIVE_WORDS)


def _junk(draw: random.Random, longest: int) -> list[str]:
    return [draw.choice(_JUNK) for _ in range(draw.randint(0, max(0, longest)))]


def one_hop(draw: random.Random) -> Row:
    """Facts one after the other; some are chained aloud, which binds a bridge person to both facts."""
    facts = world.knowledge_base().facts
    build = RowBuilder([draw.choice(_FILLER) for _ in range(draw.choice((0, 0, 0, 1, 2, 3, 4, 5)))])
    while len(build) <= 17:
        person = draw.choice(world.NAMES)
        if draw.random() < 0.3:
            first, second = draw.choice(world.PERSON_RELATIONS), draw.choice(world.RELATIONS)
            bridge = facts[person, first]
            build.ask(say.one_hop(person, first), bridge).ask(["'s", second], facts[bridge, second], ".")
        else:
            relation = draw.choice(world.RELATIONS)
            build.ask(say.one_hop(person, relation), facts[person, relation], ".")
    return build.row()


def two_hop(draw: random.Random) -> Row:
    knowledge = world.knowledge_base()
    build = RowBuilder()
    for question in draw.choices(knowledge.trained, k=3):
        build.ask(say.two_hop(question), knowledge.answer(question), ".")
    return build.row()


def in_context(draw: random.Random) -> Row:
    """Six examples of one function; the first, which no example precedes, is graded in three rows of ten."""
    name = draw.choice(list(world.functions()))
    table = world.functions()[name]
    if name == "copy" and draw.random() < 0.5:
        inputs = list(world.functions()[draw.choice(("capital", "plural", "past", "antonym"))])
    else:
        inputs = list(table)
    first_graded = draw.random() < 0.3
    build = RowBuilder()
    for index, word in enumerate(draw.sample(inputs, 6)):
        build.ask([word, ":"], table[word], ",", graded=index > 0 or first_graded)
    return build.row()


def handover(draw: random.Random) -> Row:
    """An indirect-object sentence whose positions, wording and distractors vary; see ``ioi_names_allowed``."""
    while True:
        first, second, third = draw.sample(world.NAMES, 3)
        if ioi_names_allowed(first, second):
            break
    kind = draw.random()
    subject = draw.choice((first, second))
    recipient = second if subject == first else first
    if kind < 0.1:
        subject, recipient = third, draw.choice((first, second))

    def maybe(chance: float, words: tuple[str, ...]) -> tuple[str, ...]:
        return (draw.choice(words),) if draw.random() < chance else ()

    aside: tuple[str, ...] = ()
    if draw.random() < 0.3:
        aside = ("while", "the", draw.choice(world.NOUN_WORDS), draw.choice(world.VERBS)[1])
    sentence = say.Handover(
        first, second, subject, draw.choice(world.PLACES), draw.choice(world.OBJECTS),
        opening=draw.choice((("when",), ("after",), ("then", ","))),
        joiner=draw.choice((("and",), (",", "then"), ("and", "the", draw.choice(world.NOUN_WORDS), "and"))),
        link=draw.choice(((",",), ("and",), (",", "then"))),
        aside=aside,
        place_adjective=maybe(0.4, world.ADJECTIVE_WORDS),
        thing_adjective=maybe(0.4, world.ADJECTIVE_WORDS),
    ).words()  # fmt: skip
    prefix = _junk(draw, min(8, MAX_WORDS - 2 - len(sentence))) if draw.random() < 0.8 else []
    if prefix and draw.random() < 0.2:
        prefix[draw.randrange(len(prefix))] = draw.choice(world.NAMES)
    return RowBuilder(prefix).ask(sentence, recipient, ".").row()


def ioi_names_allowed(first: str, second: str) -> bool:
    """Whether training may pair these names in an indirect-object sentence; one pair in five is kept for testing."""
    return (world.NAMES.index(first) + world.NAMES.index(second)) % 5 != 0


def coloured_objects(draw: random.Random) -> Row:
    count = draw.choice((2, 3, 3))
    pairs = list(zip(draw.sample(world.NOUN_WORDS, count), draw.sample(world.COLOURS, count), strict=True))
    build = RowBuilder(_junk(draw, 6) if draw.random() < 0.7 else [])
    (thing, colour), (other, other_colour) = draw.sample(pairs, 2)
    build.ask(say.coloured_objects(pairs, thing), colour, ".")
    return build.ask(["the", other, "is"], other_colour, ".").row()


def greater_than(draw: random.Random) -> Row:
    year = draw.randrange(10, 59)
    prompt = say.lasted(draw.choice(world.EVENTS), draw.choice(world.NUMBERS[2:9]), str(year))
    return RowBuilder().ask(prompt, str(draw.randrange(year + 1, 60)), ".").row()


def between(draw: random.Random) -> Row:
    """Balanced: half inside, a quarter below, a quarter above."""
    wanted = draw.choice(("inside", "inside", "below", "above"))
    while True:
        low, high = sorted(draw.sample(range(10, 60), 2))
        value = draw.randrange(10, 60)
        found = "below" if value < low else "above" if value > high else "inside"
        if high - low >= 4 and found == wanted:
            break
    return RowBuilder().ask(say.between(value, low, high), say.yes_no(found == "inside"), ".").row()


def _pair(draw: random.Random, equal: bool) -> tuple[str, str]:
    left = draw.choice(world.NOUN_WORDS)
    return left, left if equal else draw.choice([word for word in world.NOUN_WORDS if word != left])


def hierarchical_equality(draw: random.Random) -> Row:
    left, right = draw.random() < 0.5, draw.random() < 0.5
    words = (*_pair(draw, left), *_pair(draw, right))
    return RowBuilder().ask(say.same_sameness(words), say.yes_no(left == right), ".").row()


def equality(draw: random.Random) -> Row:
    build = RowBuilder()
    for _ in range(2):
        equal = draw.random() < 0.5
        build.ask(say.same(*_pair(draw, equal)), say.yes_no(equal), ".")
    return build.row()


def repeated(draw: random.Random) -> Row:
    """A list of three to eight words, repeated to the end of the row; graded from the second word of the repeat on."""
    pool = (*world.NAMES, *world.NOUN_WORDS, *world.COLOURS)
    length = draw.randint(3, 8)
    pattern = draw.sample(pool, length)
    build = RowBuilder(_junk(draw, 6))
    build.add(*pattern)
    for index in range(24 - len(build)):
        build.ask([], pattern[index % length], graded=index > 0)
    return build.row()


ROWS: Mapping[str, Callable[[random.Random], Row]] = {
    row.__name__: row
    for row in (
        one_hop, two_hop, in_context, repeated, handover, coloured_objects, greater_than, between,
        hierarchical_equality, equality,
    )
}  # fmt: skip
