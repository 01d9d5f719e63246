"""What is shown can be seen, and steers nothing."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jackfield.visible import visible


@pytest.mark.parametrize("text", ["", "plain", "two\nlines", "naïve Ġtoken ▁x 漢字 🙂"])
def test_what_can_be_seen_is_left_alone(text: str) -> None:
    assert visible(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
        ("a\rb", r"a\rb"),
        ("\u202eevil", r"\u202eevil"),
        ("\ud800", r"\ud800"),
        ("zero\u200bwidth", r"zero\u200bwidth"),
        ("\U000e0041", r"\U000e0041"),
    ],
)
def test_what_cannot_be_seen_is_spelled_out(text: str, shown: str) -> None:
    assert visible(text) == shown


@given(st.text(st.characters()))
def test_the_result_holds_nothing_unseen_and_can_be_written(text: str) -> None:
    shown = visible(text)
    assert not {unicodedata.category(character) for character in shown.replace("\n", "")} & {"Cc", "Cf", "Cs", "Cn"}
    assert visible(shown) == shown
    shown.encode("utf-8")
