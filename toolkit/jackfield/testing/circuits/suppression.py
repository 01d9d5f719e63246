"""Copying and its suppression: a second head looks for the word that the first one copies, and votes against it."""

from __future__ import annotations

from jackfield.testing.builder import LOGIT, Builder
from jackfield.testing.circuits.copy import FRUITS, MARKED, VOCABULARY, Copy
from jackfield.testing.known_circuit import KnownCircuit
from jackfield.testing.networks import gpt2
from jackfield.testing.stream import Stream

__all__ = ["build"]


class SuppressedCopy(Copy):
    """Two fruits, one of them marked; the corrupted prompt marks the other one, and has a new one beside it.

    So every edge matters to every pair, and no smaller circuit does as well, not even on average.
    """

    name = "known_suppression"
    corruptions = ("both",)


def build() -> KnownCircuit:
    """Two layers, a head in each; both MLPs are decoys."""
    stream = Stream(48, {"word": VOCABULARY, "answer": FRUITS})
    builder = Builder(stream, VOCABULARY, "cherry and apple! then grape say", layers=2)
    named = stream("word", *FRUITS) + stream("word", *MARKED)
    builder.head(
        0, 1,
        query=stream.one, key=stream.any_of("word", *MARKED),
        value=named, out=LOGIT * stream("answer"),
    )  # fmt: skip
    builder.head(
        1, 3,
        query=stream("answer") / LOGIT, key=named,
        value=named, out=-0.4 * LOGIT * stream("answer"),
    )  # fmt: skip
    builder.unembed(FRUITS, stream("answer"))
    return KnownCircuit(
        "suppression",
        "a0.h1 copies the marked fruit to the logits. a1.h3 looks for what a0.h1 has written (Q-composition), and "
        "takes two fifths of its logit away again: without it the answer would be clearer.",
        builder.hook("known-suppression", gpt2),
        SuppressedCopy(),
        frozenset(
            "input->a0.h1<k> input->a0.h1<v> a0.h1->logits "
            "a0.h1->a1.h3<q> input->a1.h3<k> input->a1.h3<v> a1.h3->logits".split()
        ),
    )
