"""Hierarchical equality: four heads fetch the words, and neurons compare two pairs, and then the comparisons."""

from __future__ import annotations

import random
from itertools import cycle, product
from typing import TYPE_CHECKING

import torch

from jackfield.builtins.template import Template
from jackfield.tasks import PairMaker, Task, Words
from jackfield.testing.builder import LOGIT, Builder
from jackfield.testing.known_circuit import KnownCircuit
from jackfield.testing.networks import gpt2
from jackfield.testing.stream import Stream

if TYPE_CHECKING:
    from jackfield.pairs import PromptPair

__all__ = ["build"]

COMPARED = "bell coin drum fork gate hook lamp nail".split()
VOCABULARY = [*COMPARED, "so", "say", "yes", "no"]
LONGEST = 8
PAIRS = {"WX": ("W", "X"), "YZ": ("Y", "Z")}


class Equality(Task):
    """Two pairs of words: yes if both are equal or both differ. The corrupted prompt changes each word in turn."""

    name = "known_equality"
    description = "whether the model compares two comparisons"
    positions = ("W", "X", "Y", "Z")

    def pair_maker(self, words: Words) -> PairMaker:
        words.single(VOCABULARY, at_least=len(VOCABULARY))
        template = Template("{W} {X} {Y} {Z} so say")
        turn = cycle(product((True, False), (True, False), PAIRS.values(), (0, 1)))

        def make(draw: random.Random) -> PromptPair:
            label, equal, changed, side = next(turn)
            (kept,) = (pair for pair in PAIRS.values() if pair != changed)
            first, spare, second, other = draw.sample(COMPARED, 4)
            blanks = {changed[side]: first, changed[1 - side]: first if equal else spare}
            blanks |= {kept[0]: second, kept[1]: second if equal == label else other}
            change = {changed[side]: spare}
            answer, foil = ("yes", "no") if label else ("no", "yes")
            return template.pair(blanks, change, [answer], [foil])

        return make


def build() -> KnownCircuit:
    """Three layers; the MLP of the last one is a decoy."""
    places = [str(place) for place in range(LONGEST)]
    halves = [str(index) for index in range(len(COMPARED) // 2)]
    stream = Stream(
        64,
        {
            "word": VOCABULARY, "place": places, "WX gap": COMPARED, "YZ gap": COMPARED,
            "WX": halves, "YZ": halves, "difference": ["WX - YZ"], "verdict": ["no"], "answer": ["no"],
        },
    )  # fmt: skip
    builder = Builder(stream, VOCABULARY, "bell coin drum fork so say", layers=3, n_ctx=LONGEST)
    builder.positions(stream("place"))
    for head, (pair, sign) in enumerate(product(PAIRS, (1, -1))):
        builder.head(
            0, head,
            query=stream.one, key=stream("place", places[1 + head]),
            value=stream("word", *COMPARED), out=sign * stream(f"{pair} gap"),
        )  # fmt: skip
    for pair in PAIRS:
        builder.mlp(0, reads=stream(f"{pair} gap"), writes=stream(pair).repeat(2, 1))
    builder.head(
        1, 1,
        query=stream.one, key=stream("place", places[4]),
        value=stream.any_of("WX") - stream.any_of("YZ"), out=stream("difference"),
    )  # fmt: skip
    more = stream("difference")
    builder.mlp(1, reads=torch.cat([more, -more]), writes=stream("verdict").repeat(2, 1))
    builder.head(
        2, 3,
        query=stream.one, key=stream("word", "so"),
        value=stream("verdict"), out=2 * LOGIT * stream("answer"),
    )  # fmt: skip
    builder.unembed(["no"], stream("answer"))
    builder.unembed(["yes"], LOGIT * stream.one)
    return KnownCircuit(
        "equality",
        "Heads of layer 0 fetch the four words, W and Y with one sign, X and Z with the other, so that equal words "
        "cancel. Neurons of m0 fire if the words of a pair differ, and write that in four directions for each pair, at "
        "the fourth word and behind it. a1.h1 brings from the fourth word whether more of the first or of the second "
        "pair differs, neurons of m1 fire if either is so, and a2.h3 brings that from the word before the last to the "
        "logit of no, against a constant logit of yes.",
        builder.hook("known-equality", gpt2),
        Equality(),
        frozenset(
            [f"{edge}{head}{end}" for head in range(4) for edge, end in (("input->a0.h", "<v>"), ("a0.h", "->m0"))]
            + ["m0->a1.h1<v>", "a1.h1->m1", "m1->a2.h3<v>", "a2.h3->logits"]
        ),
        {pair: stream(pair) for pair in PAIRS},
    )
