"""The built-in tasks on models that speak English, and on models that lack words."""

from __future__ import annotations

from collections.abc import Callable, Collection

import pytest

from jackfield.builtins import english, register_tasks
from jackfield.errors import TaskError
from jackfield.hooked_model import HookedModel
from jackfield.organism import world
from jackfield.pairs import PairBatch

TASKS = {task.name: task for task in register_tasks()}

MuteMouse = Callable[[Collection[str]], HookedModel]


def spelled_at(model: HookedModel, batch: PairBatch, name: str) -> list[str]:
    tokens = batch.clean.tokens[range(len(batch)), batch.clean.columns(batch.positions[name])]
    return [model.token_text(token) for token in tokens.tolist()]


def test_ioi_speaks_english_to_a_model_of_english(pairs_of_digits: HookedModel) -> None:
    batch = TASKS["ioi"].pairs(pairs_of_digits, 16, seed=0)
    assert {pair.clean.split()[0] for pair in batch.pairs} == {"When", "After", "Then,", "While"}
    for pair in batch.pairs:
        said, swapped = (
            [word for word in prompt.split() if word in english.NAMES] for prompt in (pair.clean, pair.corrupted)
        )
        (once,) = (name for name in said if said.count(name) == 1)
        (twice,) = {name for name in said if said.count(name) == 2}
        assert (pair.answers, pair.foils) == ((once,), (twice,))
        assert sorted(swapped) == sorted([once, once, twice])
    for name, who in (("IO", "answers"), ("S1", "foils"), ("S2", "foils")):
        assert spelled_at(pairs_of_digits, batch, name) == [f" {getattr(pair, who)[0]}" for pair in batch.pairs]


def test_pairs_of_one_template_have_one_length_in_english(pairs_of_digits: HookedModel) -> None:
    for name in ("ioi", "induction", "greater_than"):
        batch = TASKS[name].pairs(pairs_of_digits, 24, seed=0)
        lengths: dict[str, set[int]] = {}
        for pair, length in zip(batch.pairs, batch.clean.lengths.tolist(), strict=True):
            lengths.setdefault(pair.template, set()).add(length)
        assert all(len(found) == 1 for found in lengths.values())


def test_years_are_completed_by_two_digits_where_these_are_one_token(pairs_of_digits: HookedModel) -> None:
    batch = TASKS["greater_than"].pairs(pairs_of_digits, 16, seed=0)
    years = spelled_at(pairs_of_digits, batch, "YEAR")
    for row, (pair, spelled) in enumerate(zip(batch.pairs, years, strict=True)):
        began = pair.clean.split()[pair.positions["YEAR"]]
        century, year = began[:2], int(began[2:])
        assert pair.clean.endswith(f"to the year {century}")
        assert set(map(int, pair.answers)) == set(range(year + 1, 99))
        assert set(map(int, pair.foils)) == set(range(2, year + 1))
        assert spelled == f"{year:02}"
        assert batch.answers[row].sum() == len(pair.answers)


def test_years_are_completed_by_one_digit_where_only_digits_are_tokens(single_digits: HookedModel) -> None:
    batch = TASKS["greater_than"].pairs(single_digits, 16, seed=0)
    assert spelled_at(single_digits, batch, "YEAR") == [
        pair.clean.split()[pair.positions["YEAR"]][3] for pair in batch.pairs
    ]
    for pair in batch.pairs:
        began = pair.clean.split()[pair.positions["YEAR"]]
        assert pair.clean.endswith(f"to the year {began[:3]}")
        assert [int(began[:3] + digit) for digit in pair.answers] == list(
            range(int(began) + 1, int(began[:3] + "9") + 1)
        )
        assert sorted(pair.answers + pair.foils) == list("0123456789")
        assert pair.corrupted.split()[pair.positions["YEAR"]] < began


def test_induction_lists_english_nouns_after_an_opening(pairs_of_digits: HookedModel) -> None:
    batch = TASKS["induction"].pairs(pairs_of_digits, 16, seed=0)
    assert spelled_at(pairs_of_digits, batch, "TARGET") == [f" {pair.answers[0]}" for pair in batch.pairs]
    for pair in batch.pairs:
        assert pair.clean.startswith("For example , ")
        assert set(pair.clean.split()[3:]) <= set(english.NOUNS)


def test_countries_begin_with_a_capital_and_adjectives_do_not(pairs_of_digits: HookedModel) -> None:
    capital, antonym = (
        TASKS[f"in_context.{name}"].pairs(pairs_of_digits, 8, seed=0).pairs[0] for name in ("capital", "antonym")
    )
    assert world.functions()["capital"][capital.clean.split()[-2].lower()].capitalize() == capital.answers[0]
    assert world.functions()["antonym"][antonym.clean.split()[-2]] == antonym.answers[0]


def test_words_that_a_model_lacks_are_left_out_and_reported(mute_mouse: MuteMouse) -> None:
    batch = TASKS["ioi"].pairs(mute_mouse({"anna", "walt", "park"}), 32, seed=0)
    assert sorted(batch.dropped_words) == ["anna", "park", "walt"]
    said = {word for pair in batch.pairs for word in pair.clean.split()}
    assert said.isdisjoint(batch.dropped_words)


@pytest.mark.parametrize(
    ("task", "lacking", "complaint"),
    [
        ("ioi", world.NAMES[:25], "needs 20 single-token words of mute mouse, found 15"),
        ("ioi", world.PLACES[:7], "needs 2 single-token words"),
        ("greater_than", world.NUMBERS, "compares years"),
        ("induction", (*world.NAMES, *world.NOUN_WORDS, *world.COLOURS[3:]), "needs 12 single-token words"),
        ("two_hop", ["boss"], "whom only fieldmouse knows"),
        ("in_context.capital", [row[0] for row in world.COUNTRIES[:13]], "needs 8 words"),
        ("equality", ["no"], "needs 2 single-token words"),
        ("hierarchical_equality", world.NOUN_WORDS[:20], "needs 8 single-token words"),
        ("coloured_objects", world.COLOURS[3:], "needs 4 single-token words"),
        ("between", ["yes"], "needs 2 single-token words"),
    ],
)
def test_a_task_says_which_words_it_misses(
    task: str, lacking: Collection[str], complaint: str, mute_mouse: MuteMouse
) -> None:
    with pytest.raises(TaskError, match=complaint) as refused:
        TASKS[task].pairs(mute_mouse(lacking), 8, seed=0)
    assert task in str(refused.value)


@pytest.mark.parametrize("name", ["two_hop", "two_hop.out_of_distribution"])
def test_questions_about_the_world_are_for_fieldmouse_only(name: str, pairs_of_digits: HookedModel) -> None:
    with pytest.raises(TaskError, match="use it with fieldmouse"):
        TASKS[name].pairs(pairs_of_digits, 8, seed=0)
