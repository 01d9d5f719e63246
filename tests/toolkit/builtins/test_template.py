"""Templates become pairs of prompts."""

from __future__ import annotations

import pytest

from jackfield.builtins.template import Template


def test_only_blanks_with_a_capital_are_positions() -> None:
    template = Template("when {IO} went to the {place} , {S2} left the {place}")
    assert dict(template.positions) == {"IO": 1, "S2": 7}


def test_a_blank_that_recurs_is_placed_at_its_first_mention() -> None:
    assert Template.of(["{A}", "{B}", "{A}"]).positions == {"A": 0, "B": 1}


def test_a_position_may_end_a_longer_word() -> None:
    assert Template("the year {stem}{YEAR} and {stem}").positions == {"YEAR": 2}


def test_the_change_touches_the_corrupted_prompt_only() -> None:
    pair = Template("{A} {b} {A}").pair({"A": "x", "b": "y"}, {"b": "z"}, ["p"], ["q", "r"], glue="")
    assert (pair.clean, pair.corrupted) == ("x y x", "x z x")
    assert (pair.answers, pair.foils, pair.glue) == (("p",), ("q", "r"), "")
    assert pair.template == "{A} {b} {A}"


def test_a_blank_that_nothing_fills_is_an_error() -> None:
    with pytest.raises(KeyError, match="S2"):
        Template("{S1} {S2}").pair({"S1": "x"}, {}, ["p"], ["q"])
