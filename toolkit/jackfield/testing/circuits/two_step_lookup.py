"""Two lookups in a row: an MLP knows who is meant, and a head knows where that person lives."""

from __future__ import annotations

import random
from itertools import cycle
from typing import TYPE_CHECKING

from jackfield.builtins.template import Template
from jackfield.tasks import PairMaker, Task, Words
from jackfield.testing.builder import LOGIT, Builder
from jackfield.testing.known_circuit import KnownCircuit
from jackfield.testing.networks import gpt2
from jackfield.testing.stream import Stream

if TYPE_CHECKING:
    from jackfield.pairs import PromptPair

__all__ = ["build"]

RELATIONS = "mother friend".split()
PERSONS = "ada ben cleo dan".split()
CITIES = "rome oslo lima cairo".split()
MEANT = {(relation, person): f"{relation} of {person}" for relation in RELATIONS for person in PERSONS}
HOME = {
    MEANT[relation, person]: CITIES[(index + step) % len(CITIES)]
    for step, relation in enumerate(RELATIONS)
    for index, person in enumerate(PERSONS)
}
DAYS = "today now still again".split()
VOCABULARY = [*RELATIONS, *PERSONS, *CITIES, *DAYS, "the", "of", "lives", "in"]


class TwoStepLookup(Task):
    """A person named by a relation to another; the corrupted prompt names another relation or person, in turn."""

    name = "known_two_step_lookup"
    description = "whether the model knows where somebody lives who is not named"
    positions = ("RELATION", "PERSON")

    def pair_maker(self, words: Words) -> PairMaker:
        words.single(VOCABULARY, at_least=len(VOCABULARY))
        template = Template("{day} the {RELATION} of {PERSON} lives {again} in")
        changed = cycle([("RELATION", RELATIONS), ("PERSON", PERSONS)])

        def make(draw: random.Random) -> PromptPair:
            blanks = {"RELATION": draw.choice(RELATIONS), "PERSON": draw.choice(PERSONS)}
            blanks |= {"day": draw.choice(DAYS), "again": draw.choice(DAYS)}
            name, kind = next(changed)
            change = {name: draw.choice([word for word in kind if word != blanks[name]])}
            answer, foil = (HOME[MEANT[said["RELATION"], said["PERSON"]]] for said in (blanks, {**blanks, **change}))
            return template.pair(blanks, change, [answer], [foil])

        return make


def build() -> KnownCircuit:
    """Two layers; the second one's MLP is a decoy."""
    people = [*HOME]
    stream = Stream(48, {"word": VOCABULARY, "relation": RELATIONS, "meant": people, "answer": CITIES})
    builder = Builder(stream, VOCABULARY, "the mother of ada lives in", layers=2)
    builder.head(
        0, 1,
        query=stream.one, key=stream.any_of("word", *RELATIONS),
        value=stream("word", *RELATIONS), out=stream("relation"),
    )  # fmt: skip
    for (relation, person), meant in MEANT.items():
        builder.mlp(
            0,
            reads=2 * (stream("relation", relation) + stream("word", person)) - 3 * stream.one,
            writes=stream("meant", meant),
        )
    builder.head(
        1, 2,
        query=stream.one, key=stream.any_of("word", *PERSONS),
        value=stream("meant"), out=LOGIT * stream("answer", *HOME.values()),
    )  # fmt: skip
    builder.unembed(CITIES, stream("answer"))
    return KnownCircuit(
        "two_step_lookup",
        "a0.h1 brings the relation to the person, where a neuron of m0 for each relation and person writes who is "
        "meant. a1.h2 brings that person to the end, and its own weights turn it into the city.",
        builder.hook("known-two-step-lookup", gpt2),
        TwoStepLookup(),
        frozenset("input->a0.h1<v> a0.h1->m0 input->m0 m0->a1.h2<v> a1.h2->logits".split()),
    )
