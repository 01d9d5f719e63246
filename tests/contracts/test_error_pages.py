"""Every error has a page that says what it means and what to do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from jackfield import errors

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs" / "errors"
HEADINGS = ["## What it means", "## A typical message", "## What to do"]


@pytest.mark.parametrize("name", errors.__all__)
def test_an_error_has_a_page_with_its_name_and_sections(name: str) -> None:
    lines = (PAGES / f"{name}.md").read_text(encoding="utf-8").splitlines()
    assert lines[0] == f"# {name}"
    assert [line for line in lines if line.startswith("## ")] == HEADINGS


@pytest.mark.parametrize("name", errors.__all__)
def test_a_page_shows_a_message_of_its_own_error(name: str) -> None:
    text = (PAGES / f"{name}.md").read_text(encoding="utf-8")
    shown = re.findall(r"^```text\n(\w+): ", text, flags=re.MULTILINE)
    assert shown
    assert all(issubclass(getattr(errors, error), getattr(errors, name)) for error in shown)


def test_no_page_outlives_its_error() -> None:
    assert {page.stem for page in PAGES.glob("*.md")} == {*errors.__all__, "index"}


def test_the_index_and_the_navigation_list_every_page() -> None:
    index = (PAGES / "index.md").read_text(encoding="utf-8")
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    assert set(re.findall(r"\]\((\w+)\.md\)", index)) == set(errors.__all__)
    assert set(re.findall(r"errors/([A-Z]\w+)\.md", navigation)) == set(errors.__all__)


def test_every_error_is_exported_and_part_of_the_tree() -> None:
    defined = {name for name, value in vars(errors).items() if isinstance(value, type) and name[0] != "_"}
    assert defined == set(errors.__all__)
    assert all(issubclass(getattr(errors, name), (errors.JackfieldError, Warning)) for name in defined)
