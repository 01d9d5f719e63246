"""The circuits that are said to be known are the circuits: every edge of every model is patched exactly."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
import pytest
import torch

from jackfield.contributions import changes, read_sites
from jackfield.edges import Wire, senders, wires
from jackfield.errors import TaskError
from jackfield.hooked_model import HookedModel
from jackfield.pairs import END
from jackfield.paths import edge_patch
from jackfield.replay import sweep
from jackfield.sites import Kind
from jackfield.testing import KnownCircuit, known_circuits

UNMOVED = 1e-4
MOVED = 0.2
"""Shares of the whole difference; what belongs to a circuit moves some pair by much more than what does not."""


class Noised:
    """A known circuit's clean prompts, into which what senders write in the corrupted ones can be patched."""

    def __init__(self, known: KnownCircuit) -> None:
        self.known, self.bench = known, known.bench(pairs=12)
        self.shape, self.clean = known.model.shape, self.bench.pairs.clean
        nodes = senders(self.shape)
        source = known.model.run_with_cache(self.bench.pairs.corrupted, read_sites(nodes)).activations
        self.changed = changes(known.model, self.clean, source, nodes, self.clean.mask)
        self.key = self.bench.key()
        self.own = self.bench.graded(self.bench.clean_logits(), self.key)
        self.other = self.bench.graded(self.bench.corrupted_logits(), self.key)

    def moved(self, sets: Sequence[Sequence[Wire]]) -> np.ndarray:
        """What patching each set of edges changes, ``[set, pair]``, as a share of the whole difference."""
        found = sweep(
            self.bench, self.clean, self.key, sets,
            lambda members: [edge_patch(self.shape, wire, self.changed, self.clean.mask) for wire in members], "edges",
        )  # fmt: skip
        return (found - self.own) / (self.other - self.own).mean()


@pytest.fixture(scope="module", params=list(known_circuits()))
def noised(request: pytest.FixtureRequest) -> Noised:
    return Noised(known_circuits()[request.param]())


def test_an_edge_is_in_the_circuit_exactly_if_patching_it_moves_the_answer(noised: Noised) -> None:
    every = wires(noised.shape)
    strongest = abs(noised.moved([[wire] for wire in every])).max(1)
    found = {wire.name: share for wire, share in zip(every, strongest, strict=True)}
    assert noised.known.edges <= found.keys()
    assert {name for name, share in found.items() if share > UNMOVED} == noised.known.edges
    assert min(found[name] for name in noised.known.edges) > MOVED


def test_with_every_other_edge_corrupted_the_circuit_still_answers(noised: Noised) -> None:
    others = [wire for wire in wires(noised.shape) if wire.name not in noised.known.edges]
    assert abs(noised.moved([others])).max() < UNMOVED


def test_what_the_input_sends_along_the_circuit_is_all_that_the_answer_depends_on(noised: Noised) -> None:
    inputs = [
        wire for wire in wires(noised.shape) if wire.name in noised.known.edges and wire.source.kind is Kind.INPUT
    ]
    [moved] = noised.moved([inputs])
    assert moved == pytest.approx((noised.other - noised.own) / (noised.other - noised.own).mean(), abs=UNMOVED)


def test_decoys_are_no_fewer_than_the_heads_of_the_circuit_and_differ_between_the_prompts(noised: Noised) -> None:
    named = {end.partition("<")[0] for edge in noised.known.edges for end in edge.split("->")}
    heads = [node for node in senders(noised.shape) if node.kind is Kind.HEAD_OUT]
    decoys = [node for node in senders(noised.shape) if str(node) not in named and node.kind is not Kind.INPUT]
    assert len([node for node in decoys if node.kind is Kind.HEAD_OUT]) >= len(heads) / 2
    assert [node for node in decoys if node.kind is Kind.MLP_OUT]
    for node in decoys:
        assert noised.changed[node].abs().amax((-2, -1)).median() > 0.05, node


def test_the_model_is_right_on_every_pair_with_a_clear_margin(noised: Noised) -> None:
    assert len(noised.bench.pairs) == noised.bench.pairs.drawn == 12
    assert noised.own.min() > 5
    assert noised.other.max() < -5


def test_pairs_have_unrelated_ones_and_their_positions_are_named(noised: Noised) -> None:
    pairs, task = noised.bench.pairs, noised.known.task
    groups = pairs.rows_by_template.values()
    assert min(map(len, groups)) >= 4
    unrelated = pairs.unrelated_rows(random.Random(0))
    assert all(row != other for row, other in enumerate(unrelated))
    assert [*pairs.positions] == [*task.positions, END]


def test_a_bench_is_the_same_for_the_same_seed_and_has_as_many_pairs_as_asked_for(noised: Noised) -> None:
    known = noised.known
    assert len(known.bench().pairs) == 16
    assert known.bench(pairs=6, seed=1).pairs.digest == known.bench(pairs=6, seed=1).pairs.digest
    assert known.bench(pairs=6, seed=1).pairs.digest != known.bench(pairs=6, seed=2).pairs.digest


def test_a_task_needs_a_model_that_knows_its_words(noised: Noised, gpt2: HookedModel) -> None:
    with pytest.raises(TaskError, match="single-token words"):
        noised.known.task.pairs(gpt2, 8, seed=0)


def test_known_subspaces_are_orthonormal_and_apart() -> None:
    subspaces = known_circuits()["equality"]().subspaces
    assert {name: len(directions) for name, directions in subspaces.items()} == {"WX": 4, "YZ": 4}
    both = torch.cat([*subspaces.values()])
    assert torch.equal(both @ both.T, torch.eye(8))


def test_each_call_builds_the_same_model_afresh() -> None:
    build = known_circuits()["copy"]
    first, second = build(), build()
    assert first.model is not second.model
    assert first.model.identity == second.model.identity


def test_circuits_are_called_as_they_are_listed(noised: Noised) -> None:
    assert [*known_circuits()][:5] == ["copy", "induction", "two_step_lookup", "and", "parallel_lookup"]
    assert noised.known.task.name == f"known_{noised.known.name}"
    assert known_circuits()[noised.known.name]
