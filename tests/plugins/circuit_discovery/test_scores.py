"""Scores of edges: parity with copies of the stream for every head, what they must add up to, and exact effects."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from jackfield.bench import Bench
from jackfield.edge_grid import HEAD_INPUTS
from jackfield.hooked_model import HookedModel
from jackfield.interventions import replace as put
from jackfield.quadrature import Rule
from jackfield.sites import Kind, Site
from jackfield.token_batch import PaddingSide
from jackfield_plugins.circuit_discovery.choice import Choice
from jackfield_plugins.circuit_discovery.config import CircuitDiscoveryConfig
from jackfield_plugins.circuit_discovery.contrast import Contrast
from jackfield_plugins.circuit_discovery.evaluation import Ablation, Evaluator
from jackfield_plugins.circuit_discovery.scorers.activations import activation_scores
from jackfield_plugins.circuit_discovery.scorers.exact import exact_scores
from jackfield_plugins.circuit_discovery.scorers.gradient import CLEAN, by_token, gradient_scores, unit_scores
from jackfield_plugins.circuit_discovery.scorers.information_flow import route_scores

MakeBench = Callable[..., Bench]


def naive(contrast: Contrast, points: tuple[float, ...]) -> np.ndarray[Any, Any]:
    """EAP with gated inputs, one edge after the other, ``[pair, column, edge]``."""
    model, grid, bench = contrast.bench.model, contrast.grid, contrast.bench
    layers = range(grid.shape.n_layers)
    inputs = [Site(kind, layer) for layer in layers for kind in (*HEAD_INPUTS, Kind.MLP_IN)]
    outputs = [Site(kind, layer) for layer in layers for kind in (Kind.HEAD_OUT, Kind.MLP_OUT)]
    start, last = Site(Kind.RESID_PRE, 0), Site(Kind.RESID_POST, grid.shape.n_layers - 1)
    clean, corrupted = (
        model.run_with_cache(batch, [start, *outputs]) for batch in (contrast.clean, contrast.corrupted)
    )
    scores = torch.zeros(*contrast.clean.tokens.shape, grid.size, dtype=torch.float64)
    for point in points:
        way = [put(start, point * clean[start] + (1 - point) * corrupted[start])]
        run = model.run_with_gradients(
            contrast.clean, [*inputs, last], lambda logits: bench.metric(logits, contrast.key), way
        )
        for edge, wire in enumerate(grid.wires):
            source = start if wire.source.kind is Kind.INPUT else wire.source
            target = last if wire.target.kind is Kind.LOGITS else wire.target
            change = (clean[source] - corrupted[source]) * contrast.clean.mask[..., None]
            scores[..., edge] += (change * run.gradient(target)).double().sum(-1) / len(points)
    return scores.numpy()


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("name", ["gpt2", "llama", "qwen3", "gpt_neox"])
@pytest.mark.parametrize("points", [CLEAN, Rule.MIDPOINT.points(2)], ids=["EAP", "EAP-IG"])
def test_scores_are_those_of_copies_of_the_stream(
    tiny_models: dict[str, HookedModel],
    random_bench: MakeBench,
    name: str,
    side: PaddingSide,
    points: tuple[float, ...],
) -> None:
    contrast = Contrast.prepare(random_bench(tiny_models[name], side, (6, 4)))
    found, wanted = gradient_scores(contrast, points).values, naive(contrast, points)
    assert np.abs(wanted.sum(1)).max() > 0.01
    np.testing.assert_allclose(found, wanted.sum(1), rtol=1e-4, atol=1e-4 * np.abs(wanted.sum(1)).max())
    tokens = by_token(contrast, points).numpy()
    np.testing.assert_allclose(tokens, wanted, rtol=1e-4, atol=1e-4 * np.abs(wanted).max())


@pytest.fixture
def contrast(any_model: HookedModel, random_bench: MakeBench) -> Contrast:
    return Contrast.prepare(random_bench(any_model, "left"))


def test_edges_out_of_a_node_add_up_to_its_own_score(contrast: Contrast) -> None:
    by_node = Choice(contrast.grid, CircuitDiscoveryConfig()).by_node(gradient_scores(contrast).values)
    units = unit_scores(contrast)
    assert units.shape == (len(contrast), len(contrast.grid.senders), contrast.grid.shape.d_model)
    np.testing.assert_allclose(units.sum(-1).numpy(), by_node, rtol=1e-3, atol=1e-4 * np.abs(by_node).max())


def test_scores_of_nodes_are_their_own_attributions(contrast: Contrast) -> None:
    """The slope at what a node puts out, times its change. Where a norm follows attention that bends heads' changes."""
    model, grid, bench = contrast.bench.model, contrast.grid, contrast.bench
    layers = range(grid.shape.n_layers)
    sites = [Site(Kind.RESID_PRE, 0), *(Site(kind, layer) for kind in (Kind.Z, Kind.MLP_OUT) for layer in layers)]
    run = model.run_with_gradients(contrast.clean, sites, lambda logits: bench.metric(logits, contrast.key))
    other = model.run_with_cache(contrast.corrupted, sites)
    by_node = Choice(grid, CircuitDiscoveryConfig()).by_node(gradient_scores(contrast).values)
    for row, sender in enumerate(grid.senders):
        if sender.kind is Kind.HEAD_OUT and model.identity.architecture.startswith("Gemma"):
            continue
        kind = {Kind.INPUT: Kind.RESID_PRE, Kind.HEAD_OUT: Kind.Z}.get(sender.kind, sender.kind)
        site = Site(kind, sender.layer or 0, sender.head)
        change = (run[site] - other[site]) * contrast.clean.mask[..., None]
        wanted = (change * run.gradient(site)).sum((1, 2)).numpy()
        assert wanted.any(), sender
        np.testing.assert_allclose(by_node[:, row], wanted, rtol=2e-3, atol=1e-4 * np.abs(by_node).max())


def test_tokens_add_up_to_the_edge(contrast: Contrast) -> None:
    tokens, whole = by_token(contrast), gradient_scores(contrast).values
    assert not tokens[~contrast.clean.mask].any()
    np.testing.assert_allclose(tokens.sum(1).numpy(), whole, rtol=1e-3, atol=1e-5 * np.abs(whole).max())


def test_few_pairs_at_a_time_score_alike(contrast: Contrast) -> None:
    points = Rule.LEFT.points(3)
    whole, parts = gradient_scores(contrast, points), gradient_scores(replace(contrast, budget=1), points)
    np.testing.assert_allclose(parts.values, whole.values, rtol=1e-4, atol=1e-5 * np.abs(whole.values).max())


def test_input_attributions_add_up_in_the_limit(llama: HookedModel, random_bench: MakeBench) -> None:
    contrast = Contrast.prepare(random_bench(llama))
    gaps = []
    for steps in (2, 80):
        complete = gradient_scores(contrast, Rule.MIDPOINT.points(steps)).complete
        assert complete is not None
        gaps.append(np.abs(complete - contrast.whole).max())
    assert gaps[1] < 0.02 * np.abs(contrast.whole).max() < gaps[0]


def test_without_norms_edges_into_the_logits_score_exactly(norm_free: HookedModel, random_bench: MakeBench) -> None:
    contrast = Contrast.prepare(random_bench(norm_free))
    into = [edge for edge, wire in enumerate(contrast.grid.wires) if wire.target.kind is Kind.LOGITS]
    scores = gradient_scores(contrast).values[:, into]
    exact = exact_scores(Evaluator(contrast, Ablation.RESAMPLE), into, contrast.grid.size)
    np.testing.assert_allclose(scores, exact, rtol=1e-3, atol=1e-4 * np.abs(exact).max())
    np.testing.assert_allclose(scores.sum(-1), contrast.whole, rtol=1e-3)


def test_activations_on_the_way_of_the_input_score_as_inputs_do(contrast: Contrast) -> None:
    points = Rule.MIDPOINT.points(2)
    rows, _ = contrast.grid.cells
    activations, inputs = activation_scores(contrast, points).values, gradient_scores(contrast, points).values
    scale = np.abs(inputs).max()
    np.testing.assert_allclose(activations[:, rows == 0], inputs[:, rows == 0], rtol=1e-3, atol=1e-5 * scale)
    assert np.abs(activations - inputs).max() > 1e-3 * scale


@pytest.mark.parametrize("layer", [0, 1])
def test_activations_are_those_of_one_component_on_its_way(
    tiny_models: dict[str, HookedModel], random_bench: MakeBench, layer: int
) -> None:
    contrast = Contrast.prepare(random_bench(tiny_models["qwen2"], "left", (6, 4)))
    model, grid, site = contrast.bench.model, contrast.grid, Site(Kind.MLP_OUT, layer)
    values = [model.run_with_cache(batch, [site])[site] for batch in (contrast.clean, contrast.corrupted)]
    last = Site(Kind.RESID_POST, 1)
    slope = torch.zeros(())
    for point in (0.25, 0.75):
        way = [put(site, point * values[0] + (1 - point) * values[1])]
        run = model.run_with_gradients(
            contrast.clean, [last], lambda logits: contrast.bench.metric(logits, contrast.key), way
        )
        slope = slope + run.gradient(last) / 2
    wanted = ((values[0] - values[1]) * slope * contrast.clean.mask[..., None]).sum((1, 2)).numpy()
    found = activation_scores(contrast, (0.25, 0.75)).values[:, grid.names.index(f"m{layer}->logits")]
    assert np.abs(wanted).max() > 1e-3
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


def test_routes_are_shares_of_what_each_receiver_reads(contrast: Contrast) -> None:
    scores = route_scores(contrast).values
    _, columns = contrast.grid.cells
    assert scores.min() >= 0
    for column in np.unique(columns):
        np.testing.assert_allclose(scores[:, columns == column].sum(-1), 1, rtol=1e-4)
    assert scores[:, contrast.grid.names.index("input->a0.h0<q>")] == pytest.approx(1, abs=1e-5)


def test_progress_begins_and_ends(contrast: Contrast) -> None:
    told: list[tuple[str, int, int]] = []
    reporting = replace(contrast, bench=replace(contrast.bench, progress=lambda *said: told.append(said)), budget=1)
    gradient_scores(reporting)
    assert told == [("scoring edges", done, len(contrast)) for done in range(len(contrast) + 1)]
