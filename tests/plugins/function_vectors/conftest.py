"""A small run on fieldmouse that several tests look at."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from jackfield.bench import Bench
from jackfield.hooked_model import HookedModel
from jackfield.registry import Registry
from jackfield_plugins.function_vectors.analysis import FunctionVectors
from jackfield_plugins.function_vectors.result import FunctionVectorsResult

FUNCTIONS = [f"in_context.{name}" for name in ("capital", "continent", "plural", "colour", "category", "past")]
SETTINGS: dict[str, Any] = {
    "functions": FUNCTIONS, "corruptions": ["random_words"], "mean_prompts": 48, "corrupted_prompts": 16,
    "contexts": ["spoilt_examples"], "strengths": [2, 3],
}  # fmt: skip

Extract = Callable[..., FunctionVectorsResult]


@pytest.fixture(scope="session")
def bench(fieldmouse: HookedModel) -> Bench:
    registry = Registry.discover()
    task, metric = registry.task("in_context.capital"), registry.metric("logit_difference")
    return Bench.prepare(fieldmouse, task, metric, pairs=4)


@pytest.fixture(scope="session")
def extract() -> Extract:
    """Runs the analysis with some settings."""

    def run(bench: Bench, **settings: Any) -> FunctionVectorsResult:
        return FunctionVectors().run(bench, FunctionVectors.Config.parse(settings))  # type: ignore[arg-type]

    return run


@pytest.fixture(scope="session")
def six(bench: Bench, extract: Extract) -> FunctionVectorsResult:
    """Vectors of six functions."""
    return extract(bench, **SETTINGS)
