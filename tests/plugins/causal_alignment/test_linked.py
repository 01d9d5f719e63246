"""One rotation stands for several variables, each of which comes from a source of its own."""

from __future__ import annotations

import random

import pytest
import torch
from torch import Tensor

from jackfield.builtins.algorithms import EQUALITY, HIERARCHICAL_EQUALITY
from jackfield.causal_models import CausalModel
from jackfield.errors import CausalModelError, ConfigError
from jackfield.progress import silent
from jackfield.sites import Site
from jackfield.testing import KnownCircuit, known_circuits
from jackfield_plugins.causal_alignment.bases import Principal, Rotation, Standard
from jackfield_plugins.causal_alignment.config import CausalAlignmentConfig
from jackfield_plugins.causal_alignment.interchange import Interchange
from jackfield_plugins.causal_alignment.lessons import Lessons, Split
from jackfield_plugins.causal_alignment.linked import Linked
from jackfield_plugins.causal_alignment.linked_lessons import draw_linked_lessons
from jackfield_plugins.causal_alignment.training import fit, successes
from jackfield_plugins.causal_alignment.wording import Wording, spoken_domains

VARIABLES = ("WX", "YZ")
CONFIG = CausalAlignmentConfig(
    train_pairs=600, validation_pairs=150, test_pairs=300, held_out_share=0.5,
    steps=150, batch=128, learning_rate=0.02, patience=15,
)  # fmt: skip


@pytest.fixture(scope="module")
def known() -> KnownCircuit:
    return known_circuits()["equality"]()


@pytest.fixture(scope="module")
def causal(known: KnownCircuit) -> CausalModel:
    return spoken_domains(known.bench(64), HIERARCHICAL_EQUALITY)


@pytest.fixture(scope="module")
def lessons(causal: CausalModel) -> Lessons:
    return draw_linked_lessons(causal, VARIABLES, CONFIG, random.Random(3))


@pytest.fixture(scope="module")
def part(known: KnownCircuit, causal: CausalModel, lessons: Lessons) -> Interchange:
    wording = Wording.of(known.bench(), causal)
    batch = wording.tokenize(known.model, lessons.settings)
    return Interchange.record(known.model, batch, Site.parse("m0"), wording.positions["Z"], wording.tokens)


def subspaces(known: KnownCircuit, *order: str) -> Linked:
    basis = Principal(torch.cat([known.subspaces[name] for name in order]))
    return Linked(basis, dict.fromkeys(VARIABLES, 4))


def moved(lessons: Lessons, split: Split) -> Tensor:
    """How many variables of each row come from a source of their own, ``[row]``."""
    rows = lessons.rows[split]
    return (rows.source != rows.base[:, None]).sum(1)


def test_variables_come_from_their_own_sources_or_stay(causal: CausalModel, lessons: Lessons) -> None:
    for split in (Split.TRAIN, Split.VALUES):
        rows = lessons.rows[split]
        assert set(moved(lessons, split).tolist()) == {1, 2}
        assert float(rows.changed.double().mean()) == pytest.approx(0.5, abs=0.05)
        for base, sources, label in zip(
            rows.base[:50].tolist(), rows.source.tolist(), rows.label.tolist(), strict=False
        ):
            named = {name: lessons.settings[source] for name, source in zip(VARIABLES, sources, strict=True)}
            found = causal.run_interchange(lessons.settings[base], named)["ANSWER"]
            assert causal["ANSWER"].domain[label] == found
    assert float(lessons.rows[Split.VALUES].changed.double().mean()) == 0.5
    words = {
        split: {str(lessons.settings[row]["W"]) for row in lessons.rows[split].base.tolist()}
        for split in (Split.TRAIN, Split.VALUES)
    }
    assert not words[Split.TRAIN] & words[Split.VALUES]


@pytest.mark.parametrize("split", [Split.PAIRS, Split.VALUES])
def test_the_known_blocks_never_fail_and_exchanged_ones_do(
    known: KnownCircuit, part: Interchange, lessons: Lessons, split: Split
) -> None:
    rows = lessons.rows[split]
    assert successes(subspaces(known, "WX", "YZ"), part, rows).mean() == 1.0
    assert successes(subspaces(known, "YZ", "WX"), part, rows).mean() < 0.8


def test_a_block_alone_is_what_the_others_leave_when_they_stay(
    known: KnownCircuit, part: Interchange, lessons: Lessons
) -> None:
    linked = subspaces(known, "WX", "YZ")
    base, source = part.states[:20], part.states[20:40]
    for index, name in enumerate(VARIABLES):
        sources = torch.stack([source if index == place else base for place in range(2)], 1)
        torch.testing.assert_close(linked.alone(name).swap(base, source), linked.swap(base, sources))
    both = linked.alone("YZ").swap(linked.alone("WX").swap(base, source), source)
    torch.testing.assert_close(linked.swap(base, torch.stack([source, source], 1)), both)
    assert linked.taken == 8


def test_training_finds_both_blocks_of_one_rotation(part: Interchange, lessons: Lessons) -> None:
    generator = torch.Generator().manual_seed(0)
    begun = Linked(Rotation(part.states.shape[1], 8, generator), dict.fromkeys(VARIABLES, 4))
    rows, validation = lessons.rows[Split.TRAIN], lessons.rows[Split.VALIDATION]
    before = successes(begun, part, lessons.rows[Split.PAIRS]).mean()
    found = fit(begun, part, rows, validation, CONFIG, generator, silent, "linked").featuriser
    assert before < 0.7
    assert successes(found, part, lessons.rows[Split.PAIRS]).mean() >= 0.99
    assert successes(found, part, lessons.rows[Split.VALUES]).mean() >= 0.9
    directions = found.basis.directions  # type: ignore[union-attr]
    torch.testing.assert_close(directions @ directions.T, torch.eye(8), rtol=0, atol=1e-5)


def test_what_cannot_be_is_refused(causal: CausalModel) -> None:
    for sizes in ({"WX": 2, "YZ": 3}, {"WX": 0, "YZ": 1}, {}):
        with pytest.raises(ConfigError, match="and there are 4 in all"):
            Linked(Standard(4), sizes)
    with pytest.raises(ConfigError, match="no block stands for 'Q'"):
        Linked(Standard(4), {"WX": 2, "YZ": 2}).alone("Q")
    few = EQUALITY.over(dict.fromkeys(("LEFT", "RIGHT"), tuple("abcd")))
    with pytest.raises(CausalModelError, match="no other interchange of SAME"):
        draw_linked_lessons(few, ["SAME"], CONFIG, random.Random(0))
