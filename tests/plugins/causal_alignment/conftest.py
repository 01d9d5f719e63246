"""Hierarchical equality on the embedded model."""

from __future__ import annotations

import random

import pytest

from jackfield.bench import Bench
from jackfield.builtins.algorithms import HIERARCHICAL_EQUALITY
from jackfield.builtins.equality import HierarchicalEquality
from jackfield.causal_models import CausalModel
from jackfield.hooked_model import HookedModel
from jackfield.metrics import BUILT_IN
from jackfield_plugins.causal_alignment.config import CausalAlignmentConfig
from jackfield_plugins.causal_alignment.lessons import Lessons, draw_lessons
from jackfield_plugins.causal_alignment.wording import Wording, spoken_domains


@pytest.fixture(scope="session")
def bench(fieldmouse: HookedModel) -> Bench:
    return Bench.prepare(fieldmouse, HierarchicalEquality(), BUILT_IN[0], 96)


@pytest.fixture(scope="session")
def causal(bench: Bench) -> CausalModel:
    return spoken_domains(bench, HIERARCHICAL_EQUALITY)


@pytest.fixture(scope="session")
def wording(bench: Bench, causal: CausalModel) -> Wording:
    return Wording.of(bench, causal)


@pytest.fixture(scope="session")
def config() -> CausalAlignmentConfig:
    return CausalAlignmentConfig(train_pairs=128, validation_pairs=48, test_pairs=60, steps=120, batch=32)


@pytest.fixture(scope="session")
def lessons(causal: CausalModel, config: CausalAlignmentConfig) -> Lessons:
    return draw_lessons(causal, "WX", config, random.Random(0))
