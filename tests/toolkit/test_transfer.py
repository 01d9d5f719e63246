"""Circuits run on other tasks: known circuits do their own task and no other, and chance is not taken for transfer."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from jackfield.bench import Bench
from jackfield.circuit_bench import CircuitBench
from jackfield.edge_grid import EdgeGrid
from jackfield.errors import ConfigError, SiteError
from jackfield.projections import Projections
from jackfield.random_circuits import scattered, shuffled_heads
from jackfield.shared_parts import shared_parts
from jackfield.testing import KnownCircuit, known_circuits
from jackfield.transfer import Candidate, transfer
from jackfield.wiring import ModelShape

Mask = NDArray[np.bool_]

PLAIN = EdgeGrid(ModelShape(3, 4, 4, 8, 2, 10, 16))
GROUPED = EdgeGrid(ModelShape(2, 4, 2, 8, 2, 10, 16))


@pytest.fixture(scope="module")
def known() -> KnownCircuit:
    return known_circuits()["two_step_lookup"]()


@pytest.fixture(scope="module")
def bench(known: KnownCircuit) -> Bench:
    return known.bench(pairs=8)


def named(known: KnownCircuit) -> Candidate:
    return Candidate("known", known.task.name, known.edges)


@given(seed=st.integers(0, 99), share=st.floats(0.02, 0.5), grid=st.sampled_from([PLAIN, GROUPED]))
def test_a_shuffled_circuit_has_the_same_wiring_between_other_heads(seed: int, share: float, grid: EdgeGrid) -> None:
    rng = np.random.default_rng(seed)
    circuit = rng.random(grid.size) < share
    moved = shuffled_heads(grid, circuit, rng)
    assert moved.sum() == circuit.sum()

    def layout(mask: Mask) -> Counter[tuple[object, ...]]:
        return Counter(
            (wire.source.kind, wire.source.layer, wire.target.kind, wire.target.layer)
            for wire, chosen in zip(grid.wires, mask, strict=True)
            if chosen
        )

    def degrees(mask: Mask) -> tuple[list[int], list[int]]:
        matrix = grid.matrix(mask).numpy()
        return sorted(matrix.sum(0).tolist()), sorted(matrix.sum(1).tolist())

    assert layout(moved) == layout(circuit)
    assert degrees(moved) == degrees(circuit)


def test_a_shuffle_keeps_a_head_and_its_inputs_together() -> None:
    circuit = PLAIN.mask(["input->a0.h1<q>", "a0.h1->a1.h2<k>", "a1.h2->logits"])
    for seed in range(20):
        names = PLAIN.named(shuffled_heads(PLAIN, circuit, np.random.default_rng(seed)))
        first, second = (next(name for name in names if name.startswith(start)) for start in ("a0", "a1"))
        sender, receiver = first.split("->")
        assert f"input->{sender}<q>" in names
        assert second == f"{receiver.removesuffix('<k>')}->logits"


def test_scattered_edges_are_as_many() -> None:
    assert scattered(PLAIN, 17, np.random.default_rng(0)).sum() == 17


def test_the_whole_graph_is_the_model_and_none_of_it_the_corrupted_prompt(bench: Bench) -> None:
    judge = CircuitBench(bench, Projections.of(bench.model))
    key = bench.key(bench.clean_logits())
    np.testing.assert_allclose(judge.full, bench.graded(bench.clean_logits(), key), atol=1e-4)
    np.testing.assert_allclose(judge.empty, bench.graded(bench.corrupted_logits(), key), atol=1e-4)
    whole, none = np.ones(judge.grid.size, dtype=bool), np.zeros(judge.grid.size, dtype=bool)
    np.testing.assert_allclose(judge.faithfulness(judge.graded([whole, none])), [1.0, 0.0], atol=1e-6)


def test_a_known_circuit_does_all_of_its_task_and_its_wiring_elsewhere_nothing(
    known: KnownCircuit, bench: Bench
) -> None:
    found = transfer([named(known)], [bench], shuffles=20, scatters=4)
    (only,) = found.reruns
    assert only.faithfulness.value == pytest.approx(1.0, abs=1e-3)
    assert only.faithfulness.low == pytest.approx(1.0, abs=1e-3)
    assert only.scattered.high < 0.5
    assert only.p_value == only.q_value
    assert found.overlaps == ()
    assert found.rerun("known", known.task.name) is only
    assert found.summary() == []
    with pytest.raises(ConfigError, match="'known' was not run on 'ioi'"):
        found.rerun("known", "ioi")


def test_random_edges_are_no_finding(known: KnownCircuit, bench: Bench) -> None:
    grid = EdgeGrid(bench.model.shape)
    drawn = [
        Candidate(f"noise {seed}", "none", frozenset(grid.named(scattered(grid, 12, np.random.default_rng(seed)))))
        for seed in range(2)
    ]
    found = transfer([*drawn, named(known)], [bench], shuffles=25, scatters=2)
    assert not any(each.is_finding for each in found.reruns if each.circuit != "known")
    assert len(found.summary()) == 2
    assert all("no more than chance" in sentence for sentence in found.summary())
    assert not any(each.q_value <= 0.05 for each in found.overlaps)


def test_the_same_study_gives_the_same_numbers(known: KnownCircuit, bench: Bench) -> None:
    first, second = (transfer([named(known)], [bench], shuffles=4, scatters=2) for _ in range(2))
    assert first == second
    assert json.loads(json.dumps(first.as_dict()))["reruns"][0]["circuit"] == "known"


def test_a_circuit_shares_everything_with_itself_and_more_than_with_other_heads() -> None:
    rng = np.random.default_rng(0)
    circuit = rng.random(PLAIN.size) < 0.1
    other = rng.random(PLAIN.size) < 0.1
    edges, *_ = shared_parts(PLAIN, {"a": ("ioi", circuit), "b": ("ioi", circuit)}, rng)
    assert (edges.jaccard, edges.shared, edges.same_task, edges.noun) == (1.0, int(circuit.sum()), True, "edges")
    assert edges.shuffled.high < 1.0
    assert edges.p_value < 0.01
    assert edges.hypergeometric < 1e-6
    apart, heads = shared_parts(PLAIN, {"a": ("ioi", circuit), "b": ("induction", other)}, rng)
    assert not apart.same_task
    assert apart.q_value > 0.05
    assert heads.of_first <= 12


@pytest.mark.parametrize("member", [0, 1])
def test_edges_of_heads_that_share_keys_and_values_are_known_under_either_head(member: int) -> None:
    known = known_circuits()["grouped"]()
    bench = known.bench(pairs=4)
    spelled = {"m0->a1.h1<v>": f"m0->a1.h{2 + member}<v>", "input->a0.h0<v>": f"input->a0.h{member}<v>"}
    circuit = Candidate("known", known.task.name, frozenset(spelled.get(edge, edge) for edge in known.edges))
    (found,) = transfer([circuit], [bench], shuffles=4, scatters=2).reruns
    assert found.faithfulness.value == pytest.approx(1.0, abs=1e-3)
    assert found.edges == len(known.edges)


def test_an_edge_of_another_model_is_refused(known: KnownCircuit, bench: Bench) -> None:
    with pytest.raises(SiteError, match="'m0->m9' is none of the"):
        transfer([Candidate("a", "b", frozenset({"m0->m9"}))], [bench])


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda circuit, bench: ([], [bench]), "circuits need different names"),
        (lambda circuit, bench: ([circuit, circuit], [bench]), "circuits need different names"),
        (lambda circuit, bench: ([circuit], []), "tasks need different names"),
        (lambda circuit, bench: ([circuit], [bench, bench]), "tasks need different names"),
        (lambda circuit, bench: ([Candidate("a", "b", frozenset())], [bench]), "'a' has no edges"),
    ],
)
def test_what_cannot_be_run_is_refused(
    known: KnownCircuit, bench: Bench, change: Callable[..., tuple[list[Candidate], list[Bench]]], complaint: str
) -> None:
    with pytest.raises(ConfigError, match=complaint):
        transfer(*change(named(known), bench))
    with pytest.raises(ConfigError, match="at least 2 random circuits"):
        transfer([named(known)], [bench], shuffles=1)
