"""The embedded and the pulled model can do what the tasks ask of them."""

from __future__ import annotations

import pytest

from jackfield.builtins import models, pull, register_tasks
from jackfield.hooked_model import HookedModel
from jackfield.loading import LoadRequest
from jackfield.tasks import Task

TASKS = {task.name: task for task in register_tasks()}
LEXICAL = (
    "capital", "language", "continent", "plural", "colour", "category", "past", "gerund", "antonym", "comparative",
)  # fmt: skip
SURE = [
    "ioi", "greater_than", "induction", "two_hop", "equality", "hierarchical_equality", "between",
    *(f"in_context.{name}" for name in LEXICAL),
]  # fmt: skip
"""What *fieldmouse* is trained for and learns well; numbers, copies and colours it knows less surely."""


def share_right(model: HookedModel, task: Task) -> float:
    """The share of clean prompts after which the likeliest answer is above the likeliest foil."""
    pairs = task.pairs(model, 32, seed=0)
    logits = model.answer_logits(model.run(pairs.clean), pairs.clean)
    best = (logits.masked_fill(~mask, -float("inf")).amax(-1) for mask in (pairs.answers, pairs.foils))
    return (next(best) > next(best)).float().mean().item()


@pytest.mark.parametrize("name", SURE)
def test_fieldmouse_is_right_on_its_tasks(name: str, fieldmouse: HookedModel) -> None:
    assert share_right(fieldmouse, TASKS[name]) >= 0.9


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ioi", "greater_than", "induction", "in_context.capital", "in_context.antonym"])
def test_smollm2_is_right_on_the_tasks_in_english(name: str, smollm2: HookedModel) -> None:
    assert share_right(smollm2, TASKS[name]) >= 0.9


@pytest.fixture(scope="module")
def smollm2() -> HookedModel:
    if not pull.cached_path("smollm2-135m").is_file():
        pytest.skip("needs `jackfield models pull smollm2-135m`")
    model = models.load(LoadRequest("smollm2-135m"))
    assert model is not None
    return model
