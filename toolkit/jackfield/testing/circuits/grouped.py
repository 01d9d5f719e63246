"""Grouped queries: two heads share keys and values and look for different words, and the logits hear of both."""

from __future__ import annotations

import random
from itertools import cycle, product
from typing import TYPE_CHECKING

import torch

from jackfield.builtins.template import Template
from jackfield.tasks import PairMaker, Task, Words
from jackfield.testing.builder import LOGIT, Builder
from jackfield.testing.known_circuit import KnownCircuit
from jackfield.testing.networks import llama
from jackfield.testing.stream import Stream

if TYPE_CHECKING:
    from jackfield.pairs import PromptPair

__all__ = ["build"]

COLOURS, THINGS = "red blue green".split(), "flag lamp horn".split()
SIGNALS = {
    (colour, thing): order
    for (colour, thing), order in zip(
        product(COLOURS, THINGS), "go stop wait turn climb dive land hide signal".split(), strict=True
    )
}
PLACES = "here there ahead aft below".split()
VOCABULARY = [*COLOURS, *THINGS, *SIGNALS.values(), *PLACES, "show", "a", "hence", "say"]


class Signals(Task):
    """A signal of a colour and a thing; the corrupted prompt has another colour or thing, in turn."""

    name = "known_grouped"
    description = "whether the model says what a signal of two parts means"
    positions = ("COLOUR", "THING")

    def pair_maker(self, words: Words) -> PairMaker:
        words.single(VOCABULARY, at_least=len(VOCABULARY))
        template = Template("{w0} show a {COLOUR} {THING} {w1} hence say")
        changed = cycle([("COLOUR", COLOURS), ("THING", THINGS)])

        def make(draw: random.Random) -> PromptPair:
            blanks = {"COLOUR": draw.choice(COLOURS), "THING": draw.choice(THINGS)}
            blanks |= {"w0": draw.choice(PLACES), "w1": draw.choice(PLACES)}
            name, kind = next(changed)
            change = {name: draw.choice([word for word in kind if word != blanks[name]])}
            answer, foil = (SIGNALS[said["COLOUR"], said["THING"]] for said in (blanks, {**blanks, **change}))
            return template.pair(blanks, change, [answer], [foil])

        return make


def build() -> KnownCircuit:
    """Two layers of four heads that share two sets of keys and values; the second layer's MLP is a decoy."""
    orders = [*SIGNALS.values()]
    parts = [*COLOURS, *THINGS]
    stream = Stream(64, {"word": VOCABULARY, "part": parts, "meaning": orders, "answer": orders})
    builder = Builder(stream, VOCABULARY, "a red lamp here hence say", layers=2, groups=2)
    nothing = torch.zeros_like(stream.one)
    for head, query, seen in ((0, [stream.one, nothing], COLOURS), (1, [nothing, stream.one], THINGS)):
        builder.head(
            0, head,
            query=torch.cat(query), key=torch.cat([stream.any_of("word", *COLOURS), stream.any_of("word", *THINGS)]),
            value=stream("word", *parts),
            out=torch.cat([stream("part", part) if part in seen else nothing for part in parts]),
        )  # fmt: skip
    for (colour, thing), order in SIGNALS.items():
        builder.mlp(0, reads=2 * stream.any_of("part", colour, thing) - 3 * stream.one, writes=stream("meaning", order))
    builder.head(
        1, 2,
        query=stream.one, key=stream("word", "hence"),
        value=stream("meaning"), out=LOGIT * stream("answer"),
    )  # fmt: skip
    builder.unembed(orders, stream("answer"))
    return KnownCircuit(
        "grouped",
        "a0.h0 looks for the colour and a0.h1 for the thing, with the keys and values that they share. A neuron of m0 "
        "for each colour and thing writes what the signal means, and a1.h2, with the second set of keys and values, "
        "brings that to the logits.",
        builder.hook("known-grouped", llama),
        Signals(),
        frozenset("input->a0.h0<v> a0.h0->m0 a0.h1->m0 m0->a1.h1<v> a1.h2->logits".split()),
    )
