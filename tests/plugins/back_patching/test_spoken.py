"""What is said after a patch is what the patched model says, and only whole answers in it count."""

from __future__ import annotations

from dataclasses import replace as with_fields

import numpy as np
import pytest

from jackfield.bench import Bench
from jackfield.generation import generate
from jackfield.hooked_model import HookedModel
from jackfield.pairs import PairBatch
from jackfield.registry import Registry
from jackfield_plugins.back_patching.analysis import BackPatching
from jackfield_plugins.back_patching.config import BackPatchingConfig
from jackfield_plugins.back_patching.routes import cells
from jackfield_plugins.back_patching.spoken import continuations, mention, sayings
from jackfield_plugins.back_patching.states import patch, states


@pytest.fixture(scope="module")
def bench(fieldmouse: HookedModel) -> Bench:
    registry = Registry.discover()
    task = registry.task("two_hop.out_of_distribution")
    return Bench(fieldmouse, task.pairs(fieldmouse, 200, 1), registry.metric("rank"), task.name)


def test_a_continuation_of_some_rows_is_that_of_each_alone(bench: Bench) -> None:
    model, pairs = bench.model, bench.pairs
    [cell] = cells(model, BackPatchingConfig(positions=("FIRST",), sources=(5,), targets=(5,)))
    written, rows = states(model, pairs, [cell], bench.task), [3, 40, 7]
    found = continuations(model, pairs, rows, 4, cell, written)
    assert list(found) == rows
    for row in rows:
        one = pairs.select([row])
        given = {place: state[[row]] for place, state in written.items()}
        alone = generate(model, one.clean, 4, [patch(model, one.clean, one, cell, given)])
        assert found[row] == model.text(alone[0])
    plain = continuations(model, pairs, rows, 4, None, {})
    assert plain != found
    assert continuations(model, pairs, [], 4, cell, written) == {}


def test_answers_count_wherever_they_are_said_and_however_they_are_spelled() -> None:
    spoken = {0: " is Paris .", 1: "in new york city", 2: "golf", 4: "a"}
    answers = [("paris",), ("NYC", "New York"), ("chess",), ("golf",), ("a",)]
    assert mention(spoken, answers).tolist() == [1, 1, 0, 0, 0]


def test_aliases_are_answers_to_whoever_reads_the_text(bench: Bench) -> None:
    pairs = tuple(with_fields(pair, aliases=("an alias",)) for pair in bench.pairs.pairs[:2])
    named: PairBatch = with_fields(bench.pairs.select([0, 1]), pairs=pairs)
    assert sayings(named) == [(*pair.answers, "an alias") for pair in pairs]
    assert named.digest != bench.pairs.select([0, 1]).digest


def test_continuing_successes_alone_finds_them_all_and_nothing_else(bench: Bench) -> None:
    """With a prefilter of 1 only prompts whose next token is the answer go on, and those say it at once."""
    config = BackPatchingConfig(sources=(5,), targets=(2,), positions=("END",), tokens=3, prefilter=1)
    data = BackPatching().run(bench, config).data
    np.testing.assert_array_equal(data["spoken"], data["held_out"])
    wider = BackPatching().run(bench, config.model_copy(update={"prefilter": 427, "tokens": 20})).data
    assert (wider["spoken"] >= data["spoken"]).all()
    assert bool((wider["spoken"] > data["spoken"]).any())
