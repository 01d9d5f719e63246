"""How the world's facts are put into words; training rows and evaluation tasks both speak through these functions.

A sentence is a list of words. Where a sentence asks something, it stops just before the answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .world import TwoHop

Words = list[str]


def one_hop(person: str, relation: str) -> Words:
    return [person, "'s", relation]


def two_hop(question: TwoHop) -> Words:
    return [question.start, "'s", question.first, "'s", question.second]


def in_context(examples: Sequence[tuple[str, str]], query: str) -> Words:
    """``x1 : y1 , x2 : y2 , query :``."""
    words: Words = []
    for given, wanted in examples:
        words += [given, ":", wanted, ","]
    return [*words, query, ":"]


@dataclass(frozen=True)
class Handover:
    """The parts of an indirect-object sentence: two people go somewhere, then the subject gives something away."""

    first: str
    second: str
    subject: str
    place: str
    thing: str
    opening: tuple[str, ...] = ("when",)
    joiner: tuple[str, ...] = ("and",)
    link: tuple[str, ...] = (",",)
    aside: tuple[str, ...] = ()
    place_adjective: tuple[str, ...] = ()
    thing_adjective: tuple[str, ...] = ()

    def words(self) -> Words:
        """The sentence up to ``to``, after which the recipient's name follows."""
        return [
            *self.opening, self.first, *self.joiner, self.second, "went", "to", "the", *self.place_adjective,
            self.place, *self.aside, *self.link, self.subject, "gave", "a", *self.thing_adjective, self.thing, "to",
        ]  # fmt: skip


def coloured_objects(pairs: Sequence[tuple[str, str]], asked: str) -> Words:
    """``a red cat , a blue box and a pink pen . the box is`` for (object, colour) pairs."""
    words: Words = []
    for index, (thing, colour) in enumerate(pairs):
        if index:
            words.append("and" if index == len(pairs) - 1 else ",")
        words += ["a", colour, thing]
    return [*words, ".", "the", asked, "is"]


def lasted(event: str, century: str, year: str) -> Words:
    """``the war lasted from 17 32 to 17``: any later year of the century completes it."""
    return ["the", event, "lasted", "from", century, year, "to", century]


def between(value: int | str, low: int | str, high: int | str) -> Words:
    return ["is", str(value), "between", str(low), "and", str(high), "?"]


def same(left: str, right: str) -> Words:
    return [left, right, "="]


def same_sameness(pairs: tuple[str, str, str, str]) -> Words:
    """``a b , c d =``: yes if both pairs are equal or both differ."""
    return [pairs[0], pairs[1], ",", pairs[2], pairs[3], "="]


def yes_no(truth: bool) -> str:
    return "yes" if truth else "no"


def lookup(table: Mapping[str, str], words: Sequence[str]) -> list[tuple[str, str]]:
    return [(word, table[word]) for word in words]
