"""The names that the package offers: few, lazy, and the same for people and type checkers."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import jackfield


def names_for_type_checkers() -> set[str]:
    tree = ast.parse(Path(str(jackfield.__file__)).read_text(encoding="utf-8"))
    [block] = [node for node in tree.body if isinstance(node, ast.If)]
    imported = {alias.name for node in ast.walk(block) if isinstance(node, ast.ImportFrom) for alias in node.names}
    return imported - {"version"} | {"__version__"}


@pytest.mark.parametrize("name", jackfield.__all__)
def test_every_name_can_be_had(name: str) -> None:
    assert getattr(jackfield, name) is not None


def test_type_checkers_see_the_same_names() -> None:
    assert names_for_type_checkers() == set(jackfield.__all__) == set(dir(jackfield))
    assert len(jackfield.__all__) <= 30


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'jackfield' has no attribute 'Cicruit'"):
        _ = jackfield.Cicruit  # type: ignore[attr-defined]
