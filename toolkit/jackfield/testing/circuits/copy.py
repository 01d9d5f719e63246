"""Copying: one head finds the marked word, wherever it stands, and copies it to the logits."""

from __future__ import annotations

import random
from itertools import cycle
from typing import TYPE_CHECKING, ClassVar

from jackfield.builtins.template import Template
from jackfield.tasks import PairMaker, Task, Words
from jackfield.testing.builder import LOGIT, Builder
from jackfield.testing.known_circuit import KnownCircuit
from jackfield.testing.networks import gpt2
from jackfield.testing.stream import Stream

if TYPE_CHECKING:
    from jackfield.pairs import PromptPair

__all__ = ["build"]

FRUITS = "apple cherry grape lemon mango peach plum quince".split()
MARKED = [f"{fruit}!" for fruit in FRUITS]
VOCABULARY = [*FRUITS, *MARKED, "we", "saw", "and", "then", "so", "say"]


class Copy(Task):
    """Two fruits, one of them marked; in turn, the corrupted prompt marks the other one or another one instead."""

    name = "known_copy"
    description = "whether the model says the word that bears a mark"
    positions = ("FIRST", "SECOND")
    corruptions: ClassVar[tuple[str, ...]] = ("mark", "fruit")
    """What is changed, pair by pair in turn: where the mark is, which fruit bears it, or both."""

    def pair_maker(self, words: Words) -> PairMaker:
        words.single(VOCABULARY, at_least=len(VOCABULARY))
        template = Template("we saw {FIRST} and then {SECOND} so say")
        turn = cycle(self.corruptions)

        def make(draw: random.Random) -> PromptPair:
            answer, beside, new = draw.sample(FRUITS, 3)
            marked, plain = draw.sample(["FIRST", "SECOND"], 2)
            change, foil = {
                "mark": ({marked: answer, plain: f"{beside}!"}, beside),
                "fruit": ({marked: f"{new}!"}, new),
                "both": ({marked: new, plain: f"{beside}!"}, beside),
            }[next(turn)]
            return template.pair({marked: f"{answer}!", plain: beside}, change, [answer], [foil])

        return make


def build() -> KnownCircuit:
    """One layer, one head."""
    stream = Stream(48, {"word": VOCABULARY, "answer": FRUITS})
    builder = Builder(stream, VOCABULARY, "cherry and apple! then grape say", layers=1)
    builder.head(
        0, 1,
        query=stream.one, key=stream.any_of("word", *MARKED),
        value=stream("word", *FRUITS) + stream("word", *MARKED), out=LOGIT * stream("answer"),
    )  # fmt: skip
    builder.unembed(FRUITS, stream("answer"))
    return KnownCircuit(
        "copy",
        "The marked word draws the attention of a0.h1 from everywhere, which copies the fruit that it names to the "
        "logits. Its key says where the mark is, and its value which fruit.",
        builder.hook("known-copy", gpt2),
        Copy(),
        frozenset({"input->a0.h1<k>", "input->a0.h1<v>", "a0.h1->logits"}),
    )
