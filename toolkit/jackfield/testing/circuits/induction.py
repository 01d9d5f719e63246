"""Induction: a head that looks for what followed a word before, by what a previous-token head has written there."""

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

VOCABULARY = "bell coin drum fork gate hook lamp nail pipe rope sail tent".split()
LONGEST = 12


class Induction(Task):
    """A list of words, one of which comes again; the corrupted prompt changes the words that matter.

    In turn, it asks for another word, has another word after the one that is asked for, or exchanges that one and
    another word of the list.
    """

    name = "known_induction"
    description = "whether the model goes on as it did the first time"
    positions = ("PREVIOUS", "TARGET", "RIVAL", "RIVAL_TARGET", "ASKED")

    def pair_maker(self, words: Words) -> PairMaker:
        words.single(VOCABULARY, at_least=len(VOCABULARY))
        template = Template("{w0} {PREVIOUS} {TARGET} {RIVAL} {RIVAL_TARGET} {w1} {ASKED}")
        turn = cycle(range(3))

        def make(draw: random.Random) -> PromptPair:
            previous, target, rival, rival_target, new, *rest = draw.sample(VOCABULARY, 7)
            blanks = {
                "PREVIOUS": previous, "TARGET": target, "RIVAL": rival, "RIVAL_TARGET": rival_target,
                "ASKED": previous, "w0": rest[0], "w1": rest[1],
            }  # fmt: skip
            change, foil = (
                ({"ASKED": rival}, rival_target),
                ({"TARGET": new}, new),
                ({"PREVIOUS": rival, "RIVAL": previous}, rival_target),
            )[next(turn)]
            return template.pair(blanks, change, [target], [foil])

        return make


def build() -> KnownCircuit:
    """Two layers, a head in each."""
    places = [str(place) for place in range(LONGEST)]
    stream = Stream(64, {"word": VOCABULARY, "previous": VOCABULARY, "answer": VOCABULARY, "place": places})
    builder = Builder(stream, VOCABULARY, "bell coin drum fork gate hook", layers=2, n_ctx=LONGEST)
    builder.positions(stream("place"))
    builder.head(
        0, 0,
        query=stream("place", *places[1:]), key=stream("place", *places[:-1]),
        value=stream("word"), out=stream("previous"),
    )  # fmt: skip
    builder.head(
        1, 2,
        query=stream("word"), key=stream("previous"),
        value=stream("word"), out=LOGIT * stream("answer"),
    )  # fmt: skip
    builder.unembed(VOCABULARY, stream("answer"))
    return KnownCircuit(
        "induction",
        "a0.h0 writes to each token which word came before it. a1.h2 looks for a token before which there was the last "
        "word (K-composition), and copies that token to the logits.",
        builder.hook("known-induction", gpt2),
        Induction(),
        frozenset("input->a0.h0<v> a0.h0->a1.h2<k> input->a1.h2<q> input->a1.h2<v> a1.h2->logits".split()),
    )
