"""The matrix of edges: EAP-IG's places, number for number, and what grouping and parallel blocks change in it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from jackfield.edge_grid import EdgeGrid
from jackfield.errors import SiteError
from jackfield.sites import Kind, Site
from jackfield.wiring import ModelShape

PLAIN = ModelShape(3, 4, 4, 32, 8, 100, 64)
GROUPED = ModelShape(2, 4, 2, 32, 8, 100, 64)
PARALLEL = ModelShape(2, 2, 2, 32, 16, 100, 64, parallel_blocks=True)


@pytest.mark.parametrize("layer", range(3))
@pytest.mark.parametrize("head", range(4))
def test_places_are_those_of_eap_ig(layer: int, head: int) -> None:
    grid, heads = EdgeGrid(PLAIN), 4
    assert grid.row(Site(Kind.HEAD_OUT, layer, head)) == 1 + layer * (heads + 1) + head
    assert grid.row(Site(Kind.MLP_OUT, layer)) == 1 + layer * (heads + 1) + heads
    for place, kind in enumerate((Kind.Q_INPUT, Kind.K_INPUT, Kind.V_INPUT)):
        assert grid.column(Site(kind, layer, head)) == layer * (3 * heads + 1) + place * heads + head
    assert grid.column(Site(Kind.MLP_IN, layer)) == layer * (3 * heads + 1) + 3 * heads
    assert grid.column(Site(Kind.LOGITS)) == len(grid.receivers) - 1


@pytest.mark.parametrize("shape", [PLAIN, GROUPED, PARALLEL], ids=["plain", "grouped", "parallel"])
def test_first_rows_feed_each_receiver(shape: ModelShape) -> None:
    grid = EdgeGrid(shape)
    for receiver in grid.receivers:
        fed = [shape.feeds(sender, receiver) for sender in grid.senders]
        assert fed == [True] * grid.fed(receiver) + [False] * (len(grid.senders) - grid.fed(receiver))


def test_gpt2_small_has_as_many_edges_as_eap_ig_counts() -> None:
    heads, layers = 12, 12
    before = [1 + layer * (heads + 1) for layer in range(layers)]
    wanted = sum(3 * heads * count + count + heads for count in before) + 1 + layers * (heads + 1)
    assert EdgeGrid(ModelShape(12, 12, 12, 768, 64, 50257, 1024)).size == wanted == 32491


def test_keys_of_a_group_belong_to_all_its_heads() -> None:
    grid = EdgeGrid(GROUPED)
    owners = np.flatnonzero(grid.owners[grid.column(Site.parse("a1.h1<k>"))])
    assert [str(grid.senders[row]) for row in owners] == ["a1.h2", "a1.h3"]
    assert [str(grid.senders[row]) for row in np.flatnonzero(grid.owners[grid.column(Site.parse("m0<in>"))])] == ["m0"]
    assert not grid.owners[-1].any()


@given(st.sampled_from([PLAIN, GROUPED, PARALLEL]), st.integers(0, 2**32 - 1))
def test_lists_and_matrices_hold_the_same(shape: ModelShape, seed: int) -> None:
    grid = EdgeGrid(shape)
    chosen = np.random.default_rng(seed).random(grid.size) < 0.4
    matrix = grid.matrix(chosen)
    assert int(matrix.sum()) == int(chosen.sum())
    assert (grid.listed(matrix.float()).numpy() > 0).tolist() == chosen.tolist()
    assert (grid.mask(grid.named(chosen)) == chosen).all()


def test_columns_of_a_layer_hold_its_head_inputs() -> None:
    grid = EdgeGrid(GROUPED)
    assert [str(site) for site in grid.receivers[grid.columns_of(1)]] == [
        "a1.h0<q>", "a1.h1<q>", "a1.h2<q>", "a1.h3<q>", "a1.h0<k>", "a1.h1<k>", "a1.h0<v>", "a1.h1<v>",
    ]  # fmt: skip


def test_a_name_that_is_no_edge_is_refused() -> None:
    with pytest.raises(SiteError, match=r"'m1->m0' is none of the \d+ edges"):
        EdgeGrid(PLAIN).mask(["input->m0", "m1->m0"])


def test_a_listed_matrix_keeps_its_leading_axes() -> None:
    grid = EdgeGrid(PLAIN)
    values = torch.rand(2, 3, len(grid.senders), len(grid.receivers))
    rows, columns = grid.cells
    assert torch.equal(grid.listed(values)[1, 2], values[1, 2, rows, columns])
