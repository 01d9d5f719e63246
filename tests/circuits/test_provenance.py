from __future__ import annotations

import math
from typing import Any

import pytest

from jackfield_circuits import CircuitError, Provenance


def test_a_run_is_looked_up_by_its_digest() -> None:
    runs = Provenance({"b": {"seed": 1}, "a": {"seed": 0, "versions": {"torch": "2.13"}}})
    assert list(runs) == ["a", "b"]
    assert runs["a"] == {"seed": 0, "versions": {"torch": "2.13"}}
    assert "c" not in runs


def test_what_is_looked_up_or_given_can_be_changed_without_changing_the_provenance() -> None:
    given = {"a": {"seeds": [0]}}
    runs = Provenance(given)
    given["a"]["seeds"].append(1)
    runs["a"]["seeds"].append(2)
    assert runs["a"] == {"seeds": [0]}


def test_provenance_is_equal_where_its_json_is() -> None:
    assert Provenance({"a": {"x": 1, "y": 2}}) == Provenance({"a": {"y": 2, "x": 1}})
    assert Provenance({"a": {"x": 1}}) != Provenance({"a": {"x": 1.0}})
    assert Provenance({"a": {"x": 1}}) != Provenance({"a": {"x": True}})
    assert Provenance({"a": {}}) != {"a": {}}
    assert len({Provenance({"a": {"x": 1, "y": 2}}), Provenance({"a": {"y": 2, "x": 1}})}) == 1


def nested(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(depth):
        value = {"inside": value}
    return value


@pytest.mark.parametrize(
    ("run", "reason"),
    [
        ({"x": math.nan}, "cannot be written as JSON"),
        ({"x": math.inf}, "cannot be written as JSON"),
        ({"x": object()}, "cannot be written as JSON: Object of type object"),
        ({"x": {1, 2}}, "cannot be written as JSON: Object of type set"),
        ({"x": "\ud800"}, "surrogates not allowed"),
        ({"x": (1, 2)}, "make every key a string and every sequence a list"),
        ({"x": {1: 2}}, "make every key a string and every sequence a list"),
        ({1: 2, "x": 3}, "cannot be written as JSON"),
        (nested(100_000), "cannot be written as JSON"),
        ("seed 0", "a run is kept as a mapping under a digest"),
        (None, "a run is kept as a mapping under a digest"),
    ],
    ids=range(11),
)
def test_what_json_cannot_keep_is_refused(run: Any, reason: str) -> None:
    with pytest.raises(CircuitError, match=reason):
        Provenance({"5f2c": run})


@pytest.mark.parametrize("digest", ["", 7, None])
def test_a_digest_is_a_text(digest: Any) -> None:
    with pytest.raises(CircuitError, match="a run is kept as a mapping under a digest"):
        Provenance({digest: {}})


def test_merging_names_what_two_tellings_of_one_run_differ_in() -> None:
    one = Provenance({"5f2c": {"task": "ioi", "seed": 0, "deep": {"x": 1}, "gone": None}})
    other = Provenance({"5f2c": {"task": "ioi", "seed": 1, "deep": {"x": 1.0}}})
    with pytest.raises(CircuitError, match="run '5f2c' has two provenances, which differ in deep, gone, seed;"):
        one.merge(other)
