"""The synthetic world of *fieldmouse*: its words, its facts, and which facts stay out of training compositions.

Everything here is a pure function of the constants in this module, so the world is the same on every machine.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from itertools import chain, pairwise

PAD, BOS, UNK = "<pad>", "<bos>", "<unk>"

NAMES: tuple[str, ...] = tuple(
    (
        "anna ben clara dan ella felix gina hugo iris jonas kira leo maya noah opal paul rosa simon tara ugo "
        "vera walt xenia yann zoe alma boris celia derek edith fred greta hank ida jude karl lena milo nadia otto"
    ).split()
)

NUMBERS: tuple[str, ...] = tuple(str(n) for n in range(10, 60))
PLACES: tuple[str, ...] = ("store", "park", "school", "station", "market", "office", "beach", "museum")
OBJECTS: tuple[str, ...] = ("drink", "book", "ring", "letter", "ball", "gift", "key", "map")
EVENTS: tuple[str, ...] = ("war", "trip", "plan", "trial", "festival")
COLOURS: tuple[str, ...] = ("red", "blue", "green", "yellow", "black", "white", "purple", "pink", "brown", "gray")

_COUNTRIES = """
france paris french europe; germany berlin german europe; italy rome italian europe; spain madrid spanish europe;
poland warsaw polish europe; sweden stockholm swedish europe; greece athens greek europe; norway oslo norwegian europe;
japan tokyo japanese asia; china beijing chinese asia; india delhi hindi asia; russia moscow russian asia;
korea seoul korean asia; egypt cairo arabic africa; kenya nairobi swahili africa; ghana accra english africa;
brazil brasilia portuguese america; canada ottawa english america; cuba havana spanish america;
chile santiago spanish america
"""
_NOUNS = """
apple apples red fruit; banana bananas yellow fruit; cherry cherries red fruit; plum plums purple fruit;
pear pears green fruit; car cars black vehicle; truck trucks white vehicle; bus buses yellow vehicle;
boat boats blue vehicle; cat cats black animal; frog frogs green animal; crow crows black animal;
swan swans white animal; pig pigs pink animal; pen pens blue tool; brush brushes brown tool;
knife knives gray tool; hammer hammers gray tool; leaf leaves green plant; rose roses red plant;
daisy daisies white plant; box boxes brown thing; cup cups white thing; coat coats blue thing
"""
_VERBS = """
walk walked walking; sing sang singing; write wrote writing; run ran running; eat ate eating; speak spoke speaking;
drive drove driving; swim swam swimming; fly flew flying; grow grew growing; buy bought buying; teach taught teaching;
sleep slept sleeping; keep kept keeping; play played playing; jump jumped jumping; cook cooked cooking;
paint painted painting; open opened opening; win won winning
"""
_ADJECTIVES = """
big small bigger smaller; hot cold hotter colder; fast slow faster slower; old young older younger;
tall short taller shorter; rich poor richer poorer; hard soft harder softer; light dark lighter darker;
wide narrow wider narrower; strong weak stronger weaker; loud quiet louder quieter; happy sad happier sadder
"""
_GLUE = (
    ". , : ? = 's when then and went to the a gave is from lasted between yes no after while said that at "
    "who of on in there"
)

PERSON_RELATIONS: tuple[str, ...] = ("boss", "teacher", "doctor", "coach", "landlord", "mentor")
COMPANIES: tuple[str, ...] = tuple(
    "apex nova delta orion vertex zenith quanta helix lumen cobalt atlas titan pioneer summit beacon harbor".split()
)
SPORTS: tuple[str, ...] = tuple("tennis chess golf rugby hockey judo polo fencing rowing boxing skiing cricket".split())
FOODS: tuple[str, ...] = tuple("pizza soup rice bread salad curry pasta sushi steak tofu stew pie".split())


def _table(text: str) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(row.split()) for row in text.strip().split(";"))


COUNTRIES, NOUNS, VERBS, ADJECTIVES = _table(_COUNTRIES), _table(_NOUNS), _table(_VERBS), _table(_ADJECTIVES)
NOUN_WORDS: tuple[str, ...] = tuple(row[0] for row in NOUNS)
ADJECTIVE_WORDS: tuple[str, ...] = tuple(word for row in ADJECTIVES for word in row[:2])
VALUE_RELATIONS: Mapping[str, tuple[str, ...]] = {
    "employer": COMPANIES,
    "city": tuple(row[1] for row in COUNTRIES[:16]),
    "sport": SPORTS,
    "food": FOODS,
}
RELATIONS: tuple[str, ...] = PERSON_RELATIONS + tuple(VALUE_RELATIONS)


@cache
def functions() -> Mapping[str, Mapping[str, str]]:
    """The thirteen functions that the model can infer from examples: name -> {input word: output word}."""
    tables: dict[str, dict[str, str]] = {
        "capital": {row[0]: row[1] for row in COUNTRIES},
        "language": {row[0]: row[2] for row in COUNTRIES},
        "continent": {row[0]: row[3] for row in COUNTRIES},
        "plural": {row[0]: row[1] for row in NOUNS},
        "colour": {row[0]: row[2] for row in NOUNS},
        "category": {row[0]: row[3] for row in NOUNS},
        "past": {row[0]: row[1] for row in VERBS},
        "gerund": {row[0]: row[2] for row in VERBS},
        "antonym": {row[i]: row[1 - i] for row in ADJECTIVES for i in (0, 1)},
        "comparative": {row[i]: row[2 + i] for row in ADJECTIVES for i in (0, 1)},
        "next": dict(pairwise(NUMBERS)),
        "previous": {after: before for before, after in pairwise(NUMBERS)},
    }
    copied = chain.from_iterable(tables[name] for name in ("capital", "plural", "past", "antonym"))
    tables["copy"] = {word: word for word in copied}
    return tables


@cache
def vocabulary() -> tuple[str, ...]:
    """Every word of the world, special tokens first; a word's index is its token id."""
    groups = (
        (PAD, BOS, UNK), _GLUE.split(), NAMES, chain.from_iterable(COUNTRIES), chain.from_iterable(NOUNS), COLOURS,
        chain.from_iterable(VERBS), chain.from_iterable(ADJECTIVES), NUMBERS, COMPANIES, SPORTS, FOODS,
        RELATIONS, PLACES, OBJECTS, EVENTS,
    )  # fmt: skip
    return tuple(dict.fromkeys(chain.from_iterable(groups)))


@dataclass(frozen=True)
class TwoHop:
    """A composed question: ``start 's first 's second``, answered through the bridge person ``start 's first``."""

    start: str
    first: str
    second: str


@dataclass(frozen=True)
class KnowledgeBase:
    """The facts about people, and how compositions of two facts are split.

    ``trained`` compositions are seen in training; ``held_out`` ones are unseen though their second fact was composed
    elsewhere; ``out_of_distribution`` ones rest on a second fact that never serves as a second hop in training.
    """

    facts: Mapping[tuple[str, str], str]
    trained: tuple[TwoHop, ...]
    held_out: tuple[TwoHop, ...]
    out_of_distribution: tuple[TwoHop, ...]

    def bridge(self, question: TwoHop) -> str:
        return self.facts[question.start, question.first]

    def answer(self, question: TwoHop) -> str:
        return self.facts[self.bridge(question), question.second]


@cache
def knowledge_base() -> KnowledgeBase:
    """Facts ``(person, relation) -> value``: relations to people point at fourteen hub people (many to few)."""
    draw = random.Random("fieldmouse/knowledge")
    hubs = sorted(draw.sample(NAMES, 14))
    facts: dict[tuple[str, str], str] = {}
    for relation in PERSON_RELATIONS:
        for name in NAMES:
            facts[name, relation] = draw.choice([hub for hub in hubs if hub != name])
    for relation, values in VALUE_RELATIONS.items():
        for name in NAMES:
            facts[name, relation] = draw.choice(values)

    hub_facts = [(hub, relation) for hub in hubs for relation in RELATIONS]
    second_hops = set(draw.sample(hub_facts, round(0.6 * len(hub_facts))))
    questions = [
        TwoHop(name, first, second)
        for name in NAMES
        for first in PERSON_RELATIONS
        for second in RELATIONS
        if facts[facts[name, first], second] != name
    ]
    composed = [q for q in questions if (facts[q.start, q.first], q.second) in second_hops]
    never_composed = [q for q in questions if (facts[q.start, q.first], q.second) not in second_hops]
    draw.shuffle(composed)
    cut = round(0.85 * len(composed))
    return KnowledgeBase(facts, tuple(composed[:cut]), tuple(composed[cut:]), tuple(never_composed))
