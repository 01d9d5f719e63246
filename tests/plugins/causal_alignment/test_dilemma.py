"""The non-linear representation dilemma (arXiv 2507.08802): a strong map aligns a network that has learned nothing."""

from __future__ import annotations

import random

import numpy as np
import pytest
import xarray as xr

from jackfield.bench import Bench
from jackfield.builtins.algorithms import EQUALITY
from jackfield.builtins.equality import Equality
from jackfield.causal_models import CausalModel
from jackfield.hooked_model import HookedModel
from jackfield.metrics import BUILT_IN
from jackfield.progress import silent
from jackfield.random_copy import random_copy
from jackfield.sites import Site
from jackfield_plugins.causal_alignment.analysis import CausalAlignment
from jackfield_plugins.causal_alignment.config import CausalAlignmentConfig, MapChoice
from jackfield_plugins.causal_alignment.interchange import Interchange
from jackfield_plugins.causal_alignment.lessons import Split, draw_lessons
from jackfield_plugins.causal_alignment.training import successes, train
from jackfield_plugins.causal_alignment.verdict import beyond_doing_nothing
from jackfield_plugins.causal_alignment.wording import Wording, spoken_domains


def test_a_coupling_moves_what_a_random_network_never_learned(gpt2: HookedModel) -> None:
    bench = Bench.prepare(gpt2, Equality(), BUILT_IN[0], 96)
    causal = spoken_domains(bench, EQUALITY)
    wording = Wording.of(bench, causal)
    config = CausalAlignmentConfig(
        train_pairs=256, validation_pairs=64, test_pairs=80, steps=240, learning_rate=0.003, patience=30
    )
    lessons = draw_lessons(causal, "SAME", config, random.Random(0))
    batch = wording.tokenize(gpt2, lessons.settings)
    part = Interchange.record(gpt2, batch, Site.parse("resid_post.0"), wording.positions["END"], wording.tokens)
    found = {}
    for name in ("das:1", "coupling:4"):
        rows = lessons.rows
        trained = train(MapChoice.read(name), part, rows[Split.TRAIN], rows[Split.VALIDATION], config, 0, silent, name)
        found[name] = successes(trained.featuriser, part, rows[Split.PAIRS]).mean()
    assert found["das:1"] < 0.6
    assert found["coupling:4"] > 0.7


def test_only_maps_that_beat_doing_nothing_on_random_weights_are_vacuous() -> None:
    data = xr.Dataset(
        {
            "vacuous_q_value": (
                ("variable", "map", "split"),
                [[[0.5, 0.06, np.nan], [0.9, 0.04, np.nan], [0.01, 1, np.nan]]],
            )
        },
        {"variable": ["V"], "map": ["das:1", "by pairs", "by values"], "split": ["values", "pairs", "isolation"]},
    )
    assert beyond_doing_nothing(data, "V") == ["by pairs", "by values"]


@pytest.mark.slow
def test_a_coupling_aligns_one_variable_of_two_wherever_it_saw_the_words(
    fieldmouse: HookedModel, causal: CausalModel, wording: Wording
) -> None:
    config = CausalAlignmentConfig(
        train_pairs=3000, validation_pairs=200, test_pairs=300, held_out_share=0.5,
        steps=600, batch=256, learning_rate=0.003, patience=20,
    )  # fmt: skip
    few = causal.over(dict.fromkeys(causal.inputs, causal["W"].domain[:8]))
    lessons = draw_lessons(few, "WX", config, random.Random(0))
    untaught = random_copy(fieldmouse, 0)
    batch = wording.tokenize(untaught, lessons.settings)
    part = Interchange.record(untaught, batch, Site.parse("resid_post.5"), wording.positions["END"], wording.tokens)
    found = {}
    for name in ("das:16", "coupling:4"):
        rows = lessons.rows
        trained = train(MapChoice.read(name), part, rows[Split.TRAIN], rows[Split.VALIDATION], config, 0, silent, name)
        found[name] = {split: successes(trained.featuriser, part, rows[split]).mean() for split in Split}
    assert found["coupling:4"][Split.PAIRS] >= 0.95
    assert found["coupling:4"][Split.VALUES] <= 0.6
    assert found["das:16"][Split.PAIRS] <= 0.6


@pytest.mark.slow
def test_the_analysis_calls_such_a_map_vacuous(fieldmouse: HookedModel) -> None:
    bench = Bench.prepare(fieldmouse, Equality(), BUILT_IN[0], 96)
    config = CausalAlignmentConfig(
        sites=("resid_post.4",), positions=("END",), curve=("coupling:4",), trainings=1, random_copies=1, steps=600,
        batch=128, learning_rate=0.003, patience=30,
    )  # fmt: skip
    result = CausalAlignment().run(bench, config)
    at = result.data["curve"].sel(variable="SAME", on="random weights", split="pairs")
    assert float(at.sel(map="coupling:4")) >= 0.8
    assert float(at.sel(map="das:4")) <= 0.7
    assert result.vacuous("SAME") == ["coupling:4"]
    assert any("Vacuous for SAME: coupling:4" in sentence for sentence in result.summary())
