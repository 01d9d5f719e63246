from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from jackfield_circuits import CircuitError, Evidence

STEADY = settings(deadline=None, derandomize=True, max_examples=40)
Fields = dict[str, Any]


def test_a_significant_claim_clear_of_its_control_is_a_finding(finding: Fields) -> None:
    assert Evidence(**finding).is_finding()


@pytest.mark.parametrize(
    "change",
    [
        {"q_value": 0.0501},
        {"q_value": None},
        {"control": None, "control_low": None, "control_high": None},
        {"low": None, "high": None},
        {"low": 0.1},
        {"low": -0.2},
        {"low": -1.5, "high": -0.1, "score": -1.2},
        {"control": 1.0, "control_low": None, "control_high": None},
        {"low": -0.2, "control": -2.0, "control_low": -3.0, "control_high": -1.0},
        {"low": 0.2, "control": 2.0, "control_low": 1.8, "control_high": 3.0},
        {"score": 0.0, "low": 0.0, "high": 0.0, "control": 0.7, "control_low": 0.6, "control_high": 0.8},
        {"score": 0.3, "low": 0.2, "high": 0.4, "control": 0.7, "control_low": 0.6, "control_high": 0.8},
    ],
    ids=str,
)
def test_a_claim_is_no_finding_without_significance_or_control_or_interval(finding: Fields, change: Fields) -> None:
    assert not Evidence(**finding | change).is_finding()


@pytest.mark.parametrize(
    "change",
    [
        {"q_value": 0.05},
        {"low": 0.11},
        {"low": -1.5, "high": -0.11, "score": -1.2},
        {"control_low": None, "control_high": None},
        {"score": 9.0},
        {"high": math.inf},
    ],
    ids=str,
)
def test_a_claim_stays_a_finding_up_to_the_edge(finding: Fields, change: Fields) -> None:
    assert Evidence(**finding | change).is_finding()


def test_alpha_is_the_largest_q_value_that_counts(finding: Fields) -> None:
    claim = Evidence(**finding)
    assert claim.is_finding(alpha=0.003)
    assert not claim.is_finding(alpha=0.0029)


@pytest.mark.parametrize("alpha", [-0.1, 1.1, 5, math.nan])
def test_an_alpha_that_is_no_probability_is_refused(finding: Fields, alpha: float) -> None:
    with pytest.raises(CircuitError, match="alpha is a probability"):
        Evidence(**finding).is_finding(alpha)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"score": math.nan}, "score: NaN is not a measurement"),
        ({"score": None}, "score: Input should be a valid number"),
        ({"score": "1.5"}, "score: a number is needed, found '1.5'"),
        ({"score": True}, "score: a number is needed"),
        ({"score": [1.0]}, "score: a single real number is needed"),
        ({"score": 1j}, "score: a single real number is needed"),
        ({"score": 10**400}, "score: a single real number is needed"),
        ({"low": math.nan}, "low: NaN"),
        ({"control": math.nan}, "control: NaN"),
        ({"low": None}, "low and high come together"),
        ({"high": None}, "low and high come together"),
        ({"low": 1.6}, "low and high are in the wrong order"),
        ({"control_low": None}, "control_low and control_high come together"),
        ({"control_low": 0.2}, "control_low and control_high are in the wrong order"),
        ({"control": None}, "control_low and control_high need the control"),
        ({"level": 0.0}, "level: Input should be greater than 0"),
        ({"level": 1.0}, "level: Input should be less than 1"),
        ({"n": 0}, "n: Input should be greater than or equal to 1"),
        ({"n": 2.0}, "n: a whole number is needed"),
        ({"n": True}, "n: a whole number is needed"),
        ({"q_value": 1.01}, "q_value: Input should be less than or equal to 1"),
        ({"p_value": -0.01}, "p_value: Input should be greater than or equal to 0"),
        ({"plugin": ""}, "plugin: text is needed"),
        ({"plugin": "a,b"}, "plugin: a plugin's name holds no comma"),
        ({"method": b"patching"}, "method: Input should be a valid string"),
        ({"run": ""}, "run: text is needed"),
        ({"unit": "\ud800"}, "unit: text holds a lone surrogate at index 0"),
        ({"colour": "red"}, "colour: Extra inputs are not permitted, found 'red'"),
    ],
    ids=str,
)
def test_what_is_not_valid_is_refused_by_name(finding: Fields, change: Fields, reason: str) -> None:
    with pytest.raises(CircuitError, match=f"^Evidence is not valid: {reason}"):
        Evidence(**finding | change)


def test_a_missing_field_is_named(finding: Fields) -> None:
    del finding["metric"]
    with pytest.raises(CircuitError, match=r"metric: Field required$"):
        Evidence(**finding)


@pytest.mark.parametrize("number", [np.float32(0.5), np.float64(0.5), np.array(0.5), 0.5])
def test_scalars_of_other_libraries_become_python_numbers(finding: Fields, number: Any) -> None:
    claim = Evidence(**finding | {"score": number, "n": np.int64(3)})
    assert (claim.score, claim.n) == (0.5, 3)
    assert type(claim.score) is float
    assert type(claim.n) is int


def test_a_torch_scalar_becomes_a_python_number_and_a_vector_is_refused(finding: Fields) -> None:
    torch = pytest.importorskip("torch")
    claim = Evidence(**finding | {"score": torch.tensor(0.5)})
    assert type(claim.score) is float
    with pytest.raises(CircuitError, match="a single real number is needed"):
        Evidence(**finding | {"score": torch.tensor([0.5, 1.0])})


def test_a_numpy_text_becomes_python_text(finding: Fields) -> None:
    assert type(Evidence(**finding | {"method": np.str_("mean")}).method) is str


def test_negative_zero_and_zero_are_one_score(finding: Fields) -> None:
    negative, positive = Evidence(**finding | {"score": -0.0}), Evidence(**finding | {"score": 0.0})
    assert str(negative.score) == "0.0"
    assert {negative} == {positive}


def test_evidence_cannot_be_changed(finding: Fields) -> None:
    with pytest.raises(ValueError, match="frozen"):
        Evidence(**finding).score = 2.0  # type: ignore[misc]


@STEADY
@given(...)
def test_a_claim_comes_back_from_its_json_form(claim: Evidence) -> None:
    record = claim.model_dump(mode="json", exclude_none=True)
    assert Evidence(**record) == claim
    assert all(math.isfinite(value) for value in record.values() if isinstance(value, float))


@STEADY
@given(...)
def test_the_canonical_order_is_total(one: Evidence, other: Evidence) -> None:
    assert (one == other) == (one.sort_key == other.sort_key)
    assert (one.sort_key < other.sort_key) + (one.sort_key > other.sort_key) + (one == other) == 1
