"""Two lookups side by side on parallel blocks: a chain of MLPs and a chain of heads, which add up."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from jackfield.builtins.template import Template
from jackfield.tasks import PairMaker, Task, Words
from jackfield.testing.builder import LOGIT, Builder
from jackfield.testing.known_circuit import KnownCircuit
from jackfield.testing.networks import gpt_neox
from jackfield.testing.stream import Stream

if TYPE_CHECKING:
    from jackfield.pairs import PromptPair

__all__ = ["build"]

FLAGS = "lily lion star moon".split()
COUNTRIES = "france norway chile ghana".split()
CAPITALS = "paris oslo santiago accra".split()
LANGUAGES = "french norse spanish akan".split()
PLACES = "port road hill lake shore".split()
VOCABULARY = [*FLAGS, *COUNTRIES, *LANGUAGES, *PLACES, "then", "so"]


class ParallelLookup(Task):
    """A flag and a country that speak for the same language; the corrupted prompt has those of another language."""

    name = "known_parallel_lookup"
    description = "whether the model names the language that both flag and country speak for"
    positions = ("FLAG", "COUNTRY")

    def pair_maker(self, words: Words) -> PairMaker:
        words.single(VOCABULARY, at_least=len(VOCABULARY))
        template = Template("{FLAG} {w0} then {w1} so {COUNTRY}")

        def make(draw: random.Random) -> PromptPair:
            clean, corrupted = draw.sample(range(len(LANGUAGES)), 2)
            first, second = draw.sample(PLACES, 2)
            return template.pair(
                {"FLAG": FLAGS[clean], "COUNTRY": COUNTRIES[clean], "w0": first, "w1": second},
                {"FLAG": FLAGS[corrupted], "COUNTRY": COUNTRIES[corrupted]},
                [LANGUAGES[clean]],
                [LANGUAGES[corrupted]],
            )

        return make


def build() -> KnownCircuit:
    """Three layers; the MLP of the middle one is a decoy."""
    stream = Stream(
        64,
        {"word": VOCABULARY, "carried": FLAGS, "passed on": FLAGS, "capital": CAPITALS, "answer": LANGUAGES},
    )  # fmt: skip
    builder = Builder(stream, VOCABULARY, "lily port then so france road", layers=3)
    half = LOGIT / 2 * stream("answer")
    links = (
        (2, stream.any_of("word", *FLAGS), stream("word", *FLAGS), stream("carried")),
        (1, stream("word", "then"), stream("carried"), stream("passed on")),
        (3, stream("word", "so"), stream("passed on"), half),
    )
    for layer, (head, key, value, out) in enumerate(links):
        builder.head(layer, head, query=stream.one, key=key, value=value, out=out)
    builder.mlp(0, reads=stream("word", *COUNTRIES), writes=stream("capital"))
    builder.mlp(2, reads=stream("capital"), writes=half)
    builder.unembed(LANGUAGES, stream("answer"))
    return KnownCircuit(
        "parallel_lookup",
        "Attention and MLP of a layer read the same stream. m0 turns the country into its capital and m2 the capital "
        "into a language; a0.h2, a1.h1 and a2.h3 hand the flag on from word to word, and the last one turns it into "
        "the same language. Each chain gives half of the logit.",
        builder.hook("known-parallel-lookup", gpt_neox),
        ParallelLookup(),
        frozenset("input->a0.h2<v> a0.h2->a1.h1<v> a1.h1->a2.h3<v> a2.h3->logits input->m0 m0->m2 m2->logits".split()),
    )
