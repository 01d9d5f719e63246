"""Selectors and pruning: against plain definitions, over random scores; and what cannot be selected."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from jackfield.edge_grid import EdgeGrid
from jackfield.errors import ConfigError, UndefinedMetricError
from jackfield.wiring import ModelShape
from jackfield_plugins.circuit_discovery.controls import overlap, random_circuit
from jackfield_plugins.circuit_discovery.curve import Axis, area, auroc
from jackfield_plugins.circuit_discovery.selection import above, greedy, pruned, strongest

GRIDS = [
    EdgeGrid(ModelShape(2, 2, 2, 8, 4, 10, 8)),
    EdgeGrid(ModelShape(2, 4, 2, 8, 2, 10, 8)),
    EdgeGrid(ModelShape(2, 2, 2, 8, 4, 10, 8, parallel_blocks=True)),
]
grids = st.sampled_from(GRIDS)
seeds = st.integers(0, 2**32 - 1)

Mask = NDArray[np.bool_]


def way_through(grid: EdgeGrid, chosen: Mask) -> Mask:
    """The edges on a way from the input to the logits, by walking both ways."""
    rows, columns = grid.cells

    def nodes(edge: int) -> set[int]:
        return set(np.flatnonzero(grid.owners[columns[edge]]).tolist())

    reached, leading = {0}, set[int]()
    kept = np.flatnonzero(chosen).tolist()
    for _ in grid.senders:
        reached |= {node for edge in kept if rows[edge] in reached for node in nodes(edge)}
        leading |= {rows[edge] for edge in kept if columns[edge] == len(grid.receivers) - 1 or nodes(edge) & leading}
    found = np.zeros(len(chosen), dtype=bool)
    for edge in kept:
        found[edge] = rows[edge] in reached and (not nodes(edge) or bool(nodes(edge) & leading))
    return found


@given(grids, seeds, st.floats(0.05, 0.9))
def test_pruning_keeps_what_lies_on_a_way(grid: EdgeGrid, seed: int, share: float) -> None:
    chosen = np.random.default_rng(seed).random(grid.size) < share
    kept = pruned(grid, chosen)
    assert (kept == way_through(grid, chosen)).all()
    assert (pruned(grid, kept) == kept).all()


@given(grids, seeds, st.booleans(), st.data())
def test_strongest_are_those_that_no_other_beats(
    grid: EdgeGrid, seed: int, absolute: bool, data: st.DataObject
) -> None:
    scores = np.random.default_rng(seed).normal(size=grid.size)
    count = data.draw(st.integers(1, grid.size))
    chosen = strongest(scores, count, absolute=absolute)
    rank = np.abs(scores) if absolute else scores
    assert chosen.sum() == count
    assert chosen.all() or rank[chosen].min() >= rank[~chosen].max()
    assert (above(scores, float(rank[chosen].min()), absolute=absolute) == chosen).all()


@given(grids, seeds, st.data())
def test_greedy_circuits_lead_to_the_logits_and_take_the_best_at_hand(
    grid: EdgeGrid, seed: int, data: st.DataObject
) -> None:
    scores = np.random.default_rng(seed).normal(size=grid.size)
    count = data.draw(st.integers(1, grid.size))
    chosen = greedy(grid, scores, count, absolute=True)
    rows, columns = grid.cells
    taken, at_hand = np.zeros(grid.size, dtype=bool), columns == len(grid.receivers) - 1
    for _ in range(count):
        best = int(np.where(at_hand & ~taken, np.abs(scores), -1).argmax())
        taken[best] = True
        at_hand |= grid.owners[columns][:, rows[best]]
    assert (chosen == taken).all()


def test_greedy_on_the_whole_graph_takes_everything() -> None:
    for grid in GRIDS:
        assert greedy(grid, np.ones(grid.size), grid.size, absolute=True).all()


@given(grids, seeds)
def test_random_circuits_lead_to_the_logits(grid: EdgeGrid, seed: int) -> None:
    rng = np.random.default_rng(seed)
    circuit = random_circuit(grid, 12, rng)
    assert circuit.sum() == 12
    rows, columns = grid.cells
    for edge in np.flatnonzero(circuit):
        owners = np.flatnonzero(grid.owners[columns[edge]])
        assert not len(owners) or np.isin(rows[circuit], owners).any()


@pytest.mark.parametrize("count", [0, 10_000])
def test_more_than_there_is_is_refused(count: int) -> None:
    grid = GRIDS[0]
    for choose in (strongest, lambda *given, **how: greedy(grid, *given, **how)):
        with pytest.raises(ConfigError, match=f"a circuit of {count} edges was asked for; this model has {grid.size}"):
            choose(np.ones(grid.size), count, absolute=True)


def test_scores_that_are_not_numbers_are_refused() -> None:
    grid = GRIDS[0]
    scores = np.ones(grid.size)
    scores[3] = np.nan
    with pytest.raises(UndefinedMetricError, match=rf"1 of {grid.size} edge scores are not numbers"):
        strongest(scores, 4, absolute=True)
    with pytest.raises(UndefinedMetricError, match="not numbers"):
        greedy(grid, scores, 4, absolute=False)
    with pytest.raises(UndefinedMetricError, match="not numbers"):
        above(scores, 0.5, absolute=True)


def test_a_perfect_curve_has_the_areas_that_mib_gives_it() -> None:
    sizes = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
    ones = np.ones(len(sizes))
    assert area(ones, sizes, Axis.LINEAR, missed=False) == pytest.approx(0.999)
    assert area(ones, sizes, Axis.LINEAR, missed=True) == 0
    assert area(ones, sizes, Axis.LOG, missed=False) == pytest.approx(1)
    assert area(2 * ones, sizes, Axis.LOG, missed=True) == pytest.approx(1)


def test_areas_are_those_of_trapezoids() -> None:
    assert area(np.array([0.0, 1.0, 1.0]), (0.1, 0.3, 1.0), Axis.LINEAR, missed=False) == pytest.approx(0.1 + 0.7)
    assert area(np.array([0.0, 1.0, 1.0]), (0.01, 0.1, 1.0), Axis.LOG, missed=True) == pytest.approx(0.25)


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=30))
def test_auroc_counts_pairs(edges: list[tuple[int, bool]]) -> None:
    scores, truth = np.array([score for score, _ in edges], dtype=float), np.array([inside for _, inside in edges])
    if truth.all() or not truth.any():
        with pytest.raises(UndefinedMetricError, match="no AUROC"):
            auroc(scores, truth)
    else:
        gaps = scores[truth][:, None] - scores[~truth]
        assert auroc(scores, truth) == pytest.approx(((gaps > 0) + 0.5 * (gaps == 0)).mean())


def test_overlap_of_nothing_with_nothing_is_whole() -> None:
    nothing = np.zeros(3, dtype=bool)
    assert overlap(nothing, nothing) == 1
    assert overlap(nothing, ~nothing) == 0
    assert overlap(np.array([True, True, False]), np.array([False, True, True])) == pytest.approx(1 / 3)
