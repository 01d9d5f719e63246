"""Conjunction: two heads detect one condition each, and a neuron fires if both hold."""

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

LIT, DARK = "lit bright glowing".split(), "dark dim unlit".split()
OPEN, SHUT = "open ajar unlocked".split(), "shut closed locked".split()
DAYS = "today monday tuesday friday sunday tonight".split()
VOCABULARY = [*LIT, *DARK, *OPEN, *SHUT, *DAYS, "lamp", "door", "so", "enter", "yes", "no"]


class Conjunction(Task):
    """Two conditions, of which each in turn fails in one prompt of a pair, the clean or the corrupted one."""

    name = "known_and"
    description = "whether the model says yes exactly if both conditions hold"
    positions = ("LAMP", "DOOR")

    def pair_maker(self, words: Words) -> PairMaker:
        words.single(VOCABULARY, at_least=len(VOCABULARY))
        template = Template("{day} lamp {LAMP} door {DOOR} so enter")
        failing = cycle([("LAMP", DARK), ("DOOR", SHUT)])

        def make(draw: random.Random) -> PromptPair:
            blanks = {"day": draw.choice(DAYS), "LAMP": draw.choice(LIT), "DOOR": draw.choice(OPEN)}
            name, states = next(failing)
            failed = {name: draw.choice(states)}
            if draw.random() < 0.5:
                return template.pair(blanks, failed, ["yes"], ["no"])
            return template.pair({**blanks, **failed}, {name: blanks[name]}, ["no"], ["yes"])

        return make


def build() -> KnownCircuit:
    """Two layers; the second one's MLP is a decoy."""
    stream = Stream(48, {"word": VOCABULARY, "condition": ["lit", "open", "both"], "answer": ["yes"]})
    builder = Builder(stream, VOCABULARY, "lamp lit door open so enter", layers=2)
    for head, condition, met, failed in ((0, "lit", LIT, DARK), (3, "open", OPEN, SHUT)):
        builder.head(
            0, head,
            query=stream.one, key=stream.any_of("word", *met, *failed),
            value=stream.any_of("word", *met), out=stream("condition", condition),
        )  # fmt: skip
    builder.mlp(
        0, reads=2 * stream.any_of("condition", "lit", "open") - 3 * stream.one, writes=stream("condition", "both")
    )
    builder.head(
        1, 1,
        query=stream.one, key=stream("word", "so"),
        value=stream("condition", "both"), out=2 * LOGIT * stream("answer"),
    )  # fmt: skip
    builder.unembed(["yes"], stream("answer"))
    builder.unembed(["no"], LOGIT * stream.one)
    return KnownCircuit(
        "and",
        "a0.h0 sees whether the lamp is lit and a0.h3 whether the door is open. A neuron of m0 fires if both are, and "
        "a1.h1 brings that from the word before the last to the logit of yes, against a constant logit of no.",
        builder.hook("known-and", gpt2),
        Conjunction(),
        frozenset(
            "input->a0.h0<v> input->a0.h3<v> a0.h0->m0 a0.h3->m0 m0->a1.h1<v> a1.h1->logits".split(),
        ),
    )
