"""Training rows are right, fit the model, keep what is held out, and repeat under their seed."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import pytest

from jackfield.organism import world
from jackfield.organism.rows import MAX_WORDS, ROWS, Row, ioi_names_allowed

every_skill = pytest.mark.parametrize("skill", ROWS)


def rows(skill: str, count: int = 150) -> list[Row]:
    return [ROWS[skill](random.Random(seed)) for seed in range(count)]


@every_skill
def test_graded_words_are_right(skill: str, oracles: Mapping[str, Callable[[Sequence[str]], set[str]]]) -> None:
    for row in rows(skill):
        for answer in row.answers:
            assert row.words[answer] in oracles[skill](row.words[:answer]), row


@every_skill
def test_rows_fit_the_model_and_ask_something(skill: str) -> None:
    for row in rows(skill):
        assert row.answers
        assert list(row.answers) == sorted(set(row.answers))
        assert max(row.answers) < len(row.words) <= MAX_WORDS


@every_skill
def test_rows_use_only_words_of_the_world(skill: str) -> None:
    assert {word for row in rows(skill) for word in row.words} <= set(world.vocabulary()[3:])


@every_skill
def test_a_row_repeats_under_its_seed_and_differs_under_others(skill: str) -> None:
    assert rows(skill, 20) == rows(skill, 20)
    assert len(set(rows(skill, 20))) > 15


def test_two_hop_rows_ask_trained_compositions_only() -> None:
    trained = set(world.knowledge_base().trained)
    for row in rows("two_hop"):
        asked = [row.words[answer - 5 : answer] for answer in row.answers]
        assert len(asked) == 3
        assert all(world.TwoHop(*words[::2]) in trained for words in asked)


def test_handover_rows_never_bring_held_out_couples_together() -> None:
    for row in rows("handover"):
        went = row.words.index("went")
        first, second = [word for word in row.words[:went] if word in world.NAMES][-2:]
        assert ioi_names_allowed(first, second)


def test_one_couple_in_five_is_held_out_whoever_comes_first() -> None:
    couples = [(first, second) for first in world.NAMES for second in world.NAMES]
    assert sum(not ioi_names_allowed(*couple) for couple in couples) * 5 == len(couples)
    assert all(ioi_names_allowed(first, second) == ioi_names_allowed(second, first) for first, second in couples)


def test_the_giver_is_sometimes_a_third_person() -> None:
    givers = Counter(
        row.words[row.words.index("gave") - 1] in row.words[: row.words.index("went")] for row in rows("handover", 400)
    )
    assert 0.05 < givers[False] / 400 < 0.15


@pytest.mark.parametrize("skill", ["between", "equality", "hierarchical_equality"])
def test_labels_are_balanced(skill: str) -> None:
    labels = Counter(row.words[answer] for row in rows(skill, 400) for answer in row.answers)
    assert labels.keys() == {"yes", "no"}
    assert 0.42 < labels["yes"] / labels.total() < 0.58


def test_the_first_example_of_a_function_is_seldom_graded() -> None:
    counts = Counter(len(row.answers) for row in rows("in_context", 400))
    assert counts.keys() == {5, 6}
    assert 0.2 < counts[6] / 400 < 0.4
