"""Judges of what is said in the world of *fieldmouse*, written apart from the code that says it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

import pytest

from jackfield.organism import world

Oracle = Callable[[Sequence[str]], set[str]]


def _yes(truth: bool) -> set[str]:
    return {"yes"} if truth else {"no"}


def _fact(words: Sequence[str]) -> set[str]:
    return {world.knowledge_base().facts[words[-3], words[-1]]}


def _two_hop(words: Sequence[str]) -> set[str]:
    start, _, first, _, second = words[-5:]
    facts = world.knowledge_base().facts
    return {facts[facts[start, first], second]}


def _in_context(words: Sequence[str]) -> set[str]:
    """What the functions that fit all examples make of the query."""
    query, shown = words[-2], [(words[i], words[i + 2]) for i in range(0, len(words) - 2, 4)]
    tables = [table for table in world.functions().values() if query in table]
    return {table[query] for table in tables if all(table.get(given) == wanted for given, wanted in shown)}


def _handover(words: Sequence[str]) -> set[str]:
    went, gave = words.index("went"), words.index("gave")
    second, giver = words[went - 1], words[gave - 1]
    first = [word for word in words[: went - 1] if word in world.NAMES][-1]
    return {first, second} - {giver}


def _repeated(words: Sequence[str]) -> set[str]:
    return {after for word, after in pairwise(words) if word == words[-1]}


def _coloured_objects(words: Sequence[str]) -> set[str]:
    triples = zip(words, words[1:], words[2:], strict=False)
    return {colour for article, colour, thing in triples if article == "a" and thing == words[-2]}


def _greater_than(words: Sequence[str]) -> set[str]:
    return {str(year) for year in range(int(words[-3]) + 1, 60)}


def _between(words: Sequence[str]) -> set[str]:
    value, low, high = (int(words[index]) for index in (-6, -4, -2))
    return _yes(low <= value <= high)


def _equality(words: Sequence[str]) -> set[str]:
    return _yes(words[-3] == words[-2])


def _hierarchical_equality(words: Sequence[str]) -> set[str]:
    return _yes((words[-6] == words[-5]) == (words[-3] == words[-2]))


@pytest.fixture(scope="session")
def oracles() -> Mapping[str, Oracle]:
    """Skill -> what may rightly follow some words; where several functions or persons fit, all of theirs."""
    return {
        "one_hop": _fact, "two_hop": _two_hop, "in_context": _in_context, "handover": _handover, "repeated": _repeated,
        "coloured_objects": _coloured_objects, "greater_than": _greater_than, "between": _between,
        "equality": _equality, "hierarchical_equality": _hierarchical_equality,
    }  # fmt: skip
