"""Directions are found where they are, on words never seen, and not in a network that learned nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from jackfield.errors import ConfigError, UndefinedMetricError
from jackfield.hooked_model import HookedModel
from jackfield.progress import silent
from jackfield.random_copy import random_copy
from jackfield.sites import Site
from jackfield_plugins.causal_alignment.config import CausalAlignmentConfig, MapChoice
from jackfield_plugins.causal_alignment.interchange import Interchange
from jackfield_plugins.causal_alignment.lessons import Lessons, Split
from jackfield_plugins.causal_alignment.training import Trained, successes, train
from jackfield_plugins.causal_alignment.wording import Wording

SITE = Site.parse("resid_post.0")


def interchange(model: HookedModel, wording: Wording, lessons: Lessons, position: str = "X") -> Interchange:
    batch = wording.tokenize(model, lessons.settings)
    return Interchange.record(model, batch, SITE, wording.positions[position], wording.tokens)


@pytest.fixture(scope="module")
def part(fieldmouse: HookedModel, wording: Wording, lessons: Lessons) -> Interchange:
    return interchange(fieldmouse, wording, lessons)


def taught(choice: str, part: Interchange, lessons: Lessons, config: CausalAlignmentConfig, seed: int = 0) -> Trained:
    rows, validation = lessons.rows[Split.TRAIN], lessons.rows[Split.VALIDATION]
    return train(MapChoice.read(choice), part, rows, validation, config, seed, silent, choice)


def accuracy(found: Trained, part: Interchange, lessons: Lessons, split: Split) -> float:
    return float(successes(found.featuriser, part, lessons.rows[split]).mean())


def test_one_direction_carries_the_variable_and_random_weights_have_none(
    fieldmouse: HookedModel, wording: Wording, lessons: Lessons, part: Interchange, config: CausalAlignmentConfig
) -> None:
    assert float((part.plain.argmax(-1) == lessons.truth).float().mean()) > 0.95
    found = taught("das:1", part, lessons, config)
    held_out = accuracy(found, part, lessons, Split.VALUES)
    assert held_out >= 0.9
    assert accuracy(found, part, lessons, Split.ISOLATION) >= 0.9
    untaught = interchange(random_copy(fieldmouse, 0), wording, lessons)
    control = taught("das:1", untaught, lessons, config)
    assert held_out - accuracy(control, untaught, lessons, Split.VALUES) >= 0.3


def test_swapping_with_oneself_leaves_every_answer(
    part: Interchange, lessons: Lessons, config: CausalAlignmentConfig
) -> None:
    rows = lessons.rows[Split.VALUES]
    assert rows.changed.double().mean() == 0.5
    unmoved = successes(taught("identity", part, lessons, config).featuriser, part, replace(rows, source=rows.base))
    unchanged = part.plain[rows.base].argmax(-1) == rows.label
    assert unmoved.tolist() == unchanged.double().tolist()


def test_training_repeats_under_a_seed_and_reports_every_step(
    part: Interchange, lessons: Lessons, config: CausalAlignmentConfig
) -> None:
    short, seen = config.model_copy(update={"steps": 12}), list[tuple[int, int]]()
    rows, validation = lessons.rows[Split.TRAIN], lessons.rows[Split.VALIDATION]
    choice = MapChoice.read("das:2")
    first = train(choice, part, rows, validation, short, 3, lambda _, done, total: seen.append((done, total)), "x")
    second = taught("das:2", part, lessons, short, seed=3)
    assert torch.equal(first.featuriser.basis.directions, second.featuriser.basis.directions)  # type: ignore[union-attr]
    assert seen[0] == (0, 12)
    assert seen[-1] == (12, 12)
    assert first.validation == second.validation


def test_a_boundary_is_trained_to_the_end(part: Interchange, lessons: Lessons, config: CausalAlignmentConfig) -> None:
    short = config.model_copy(update={"steps": 20, "patience": 1})
    found = taught("boundless_das", part, lessons, short)
    assert found.steps == 20
    for soft in (True, False):
        assert set(successes(found.featuriser, part, lessons.rows[Split.PAIRS], soft=soft)) <= {0.0, 1.0}


def test_splits_share_nothing_that_they_must_not(lessons: Lessons) -> None:
    def words(split: Split) -> set[object]:
        rows = lessons.rows[split]
        prompts = torch.cat([rows.base, rows.source]).tolist()
        return {word for prompt in prompts for word in lessons.settings[prompt].values()}

    def pairs(split: Split) -> set[tuple[int, int]]:
        return set(zip(lessons.rows[split].base.tolist(), lessons.rows[split].source.tolist(), strict=True))

    for tested in (Split.VALUES, Split.ISOLATION):
        assert not words(tested) & (words(Split.TRAIN) | words(Split.VALIDATION))
    for other in (Split.VALIDATION, Split.PAIRS):
        assert not pairs(Split.TRAIN) & pairs(other)


def test_permuted_labels_are_the_same_labels_elsewhere(lessons: Lessons) -> None:
    rows = lessons.rows[Split.TRAIN]
    permuted = rows.permuted(torch.Generator().manual_seed(0))
    assert not torch.equal(rows.label, permuted.label)
    assert torch.equal(rows.label.sort().values, permuted.label.sort().values)
    assert torch.equal(rows.base, permuted.base)


def test_a_loss_that_is_not_finite_is_refused(
    part: Interchange, lessons: Lessons, config: CausalAlignmentConfig
) -> None:
    broken = replace(part, states=part.states * float("nan"))
    with pytest.raises(UndefinedMetricError, match="not finite"):
        taught("das:1", broken, lessons, config)


def test_what_cannot_be_is_refused(part: Interchange, lessons: Lessons, config: CausalAlignmentConfig) -> None:
    with pytest.raises(ConfigError, match="129 directions were asked of an activation of 128"):
        taught("das:129", part, lessons, config)
    for text in ("das:0", "tsne", "das:x", ""):
        with pytest.raises(ConfigError, match="is no map"):
            MapChoice.read(text)
    with pytest.raises(ConfigError, match="cannot be filled"):
        CausalAlignmentConfig.parse({"train_pairs": 16, "batch": 32})
    assert [str(MapChoice.read(text)) for text in ("das:4", "dbm", "coupling", "identity")] == [
        "das:4", "dbm", "coupling:1", "identity",
    ]  # fmt: skip
