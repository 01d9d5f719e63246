"""A network whose subspaces are known, since it was built that way: the right one is right without exception."""

from __future__ import annotations

import random
from collections.abc import Mapping

import pytest
import torch
from torch import Tensor

from jackfield.builtins.algorithms import HIERARCHICAL_EQUALITY
from jackfield.causal_models import CausalModel
from jackfield.progress import silent
from jackfield.sites import Site
from jackfield.testing import KnownCircuit, known_circuits
from jackfield.testing.circuits.equality import COMPARED
from jackfield_plugins.causal_alignment.bases import Principal
from jackfield_plugins.causal_alignment.config import CausalAlignmentConfig, MapChoice
from jackfield_plugins.causal_alignment.featuriser import Featuriser, MapClass, make_featuriser
from jackfield_plugins.causal_alignment.gates import Chosen
from jackfield_plugins.causal_alignment.interchange import Interchange
from jackfield_plugins.causal_alignment.lessons import Lessons, Split, draw_lessons
from jackfield_plugins.causal_alignment.training import successes, train
from jackfield_plugins.causal_alignment.wording import Wording, spoken_domains

CONFIG = CausalAlignmentConfig(train_pairs=192, validation_pairs=64, test_pairs=2048, held_out_share=0.5, steps=100)
VARIABLES = {"WX": "YZ", "YZ": "WX"}


@pytest.fixture(scope="module")
def known() -> KnownCircuit:
    return known_circuits()["equality"]()


@pytest.fixture(scope="module")
def causal(known: KnownCircuit) -> CausalModel:
    return spoken_domains(known.bench(64), HIERARCHICAL_EQUALITY)


def interchange(known: KnownCircuit, causal: CausalModel, lessons: Lessons, site: str) -> Interchange:
    wording = Wording.of(known.bench(), causal)
    batch = wording.tokenize(known.model, lessons.settings)
    return Interchange.record(known.model, batch, Site.parse(site), wording.positions["Z"], wording.tokens)


@pytest.fixture(scope="module")
def drawn(causal: CausalModel) -> Mapping[str, Lessons]:
    return {variable: draw_lessons(causal, variable, CONFIG, random.Random(0)) for variable in VARIABLES}


@pytest.fixture(scope="module", params=VARIABLES)
def lessons(request: pytest.FixtureRequest, drawn: Mapping[str, Lessons]) -> Lessons:
    return drawn[request.param]


@pytest.fixture(scope="module", params=["m0", "resid_post.0"])
def part(request: pytest.FixtureRequest, known: KnownCircuit, causal: CausalModel, lessons: Lessons) -> Interchange:
    return interchange(known, causal, lessons, request.param)


def along(directions: Tensor) -> Featuriser:
    return Featuriser(Principal(directions), Chosen(len(directions), range(len(directions))))


def test_the_network_is_always_right(part: Interchange, lessons: Lessons) -> None:
    assert torch.equal(part.plain.argmax(-1), lessons.truth)


@pytest.mark.parametrize("split", [Split.PAIRS, Split.VALUES, Split.ISOLATION])
def test_swaps_of_the_known_subspace_never_fail(
    known: KnownCircuit, part: Interchange, lessons: Lessons, split: Split
) -> None:
    found = successes(along(known.subspaces[lessons.variable]), part, lessons.rows[split])
    assert len(found) == 2048
    assert found.mean() == 1.0


def test_one_direction_of_the_known_subspace_is_enough_and_another_one_is_not(
    known: KnownCircuit, part: Interchange, lessons: Lessons
) -> None:
    rows, directions = lessons.rows[Split.VALUES], known.subspaces[lessons.variable]
    sum_of_all = directions.sum(0, keepdim=True) / len(directions) ** 0.5
    assert successes(along(sum_of_all), part, rows).mean() == 1.0
    assert successes(along(directions[:1]), part, rows).mean() < 1.0


def test_other_subspaces_fail(known: KnownCircuit, part: Interchange, lessons: Lessons) -> None:
    rows = lessons.rows[Split.PAIRS]
    unchanged = successes(along(known.subspaces[lessons.variable]), part, rows)[~rows.changed.numpy()].size / len(rows)
    other = known.subspaces[VARIABLES[lessons.variable]]
    assert successes(along(other), part, rows).mean() < 0.75
    generator = torch.Generator().manual_seed(0)
    random_one = make_featuriser(MapClass.DAS, 4, part.states, generator)
    assert successes(random_one, part, rows).mean() == pytest.approx(unchanged, abs=0.1)


@pytest.mark.parametrize(("seed", "missed"), [(3, 0), (0, 1)])
def test_training_finds_it_as_far_as_the_words_that_it_sees_tell(
    known: KnownCircuit, causal: CausalModel, seed: int, missed: int
) -> None:
    lessons = draw_lessons(causal, "WX", CONFIG.model_copy(update={"test_pairs": 200}), random.Random(seed))
    part = interchange(known, causal, lessons, "m0")
    rows, validation = lessons.rows[Split.TRAIN], lessons.rows[Split.VALIDATION]
    seen = {COMPARED.index(str(lessons.settings[row]["W"])) % 4 for row in rows.base.tolist()}
    assert len(seen) == 4 - missed, "two words share each of the four directions"
    found = train(MapChoice.read("das:1"), part, rows, validation, CONFIG, 0, silent, "das").featuriser
    assert successes(found, part, lessons.rows[Split.PAIRS]).mean() >= 0.99
    for split in (Split.VALUES, Split.ISOLATION):
        assert (successes(found, part, lessons.rows[split]).mean() >= 0.99) == (not missed)
