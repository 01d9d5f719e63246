"""The shipped model is what its card says."""

from __future__ import annotations

from typing import Any

import pytest

from jackfield.files import read_json
from jackfield.hooked_model import HookedModel
from jackfield.organism.batches import digest, step_batches
from jackfield.organism.card import FIELDMOUSE, render
from jackfield.organism.measure import NO_EXAMPLE, SKILLS, measure

MEASURED: dict[str, Any] = read_json(FIELDMOUSE / "measurements.json")


def test_the_card_says_what_was_measured() -> None:
    config, training = (read_json(FIELDMOUSE / name) for name in ("config.json", "training.json"))
    assert (FIELDMOUSE / "README.md").read_text(encoding="utf-8") == render(MEASURED, config, training)


def test_the_training_data_are_still_those_that_the_weights_were_trained_on() -> None:
    training = read_json(FIELDMOUSE / "training.json")
    assert digest(step_batches(training["seed"], 0)) == training["first_batches"]


def test_the_measured_accuracies_are_those_of_the_shipped_weights(fieldmouse: HookedModel) -> None:
    assert fieldmouse.identity.weights == MEASURED["weights"]
    found = measure(fieldmouse)
    assert found.keys() == MEASURED["skills"].keys() == SKILLS.keys()
    for skill, figures in found.items():
        assert figures["n"] == MEASURED["skills"][skill]["n"]
        assert figures["accuracy"] == pytest.approx(MEASURED["skills"][skill]["accuracy"], abs=0.01), skill


@pytest.mark.parametrize(
    "skill",
    [skill for skill in SKILLS if not skill.startswith(NO_EXAMPLE) and not skill.endswith((": next", ": previous"))],
)
def test_the_model_knows_what_later_analyses_rely_on(skill: str) -> None:
    limits = {"two hops: second fact never composed": (0.0, 0.8), "coloured objects": (0.5, 1.0)}
    low, high = limits.get(skill, (0.85, 1.0))
    assert low <= MEASURED["skills"][skill]["accuracy"] <= high


def test_the_shipped_folder_is_small() -> None:
    assert sum(path.stat().st_size for path in FIELDMOUSE.iterdir()) <= 8_000_000
