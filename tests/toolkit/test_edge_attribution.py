"""What gradients along edges must add up to: on any model, and exactly where nothing bends on the way to the logits."""

from __future__ import annotations

import random

import pytest
import torch
from torch import Tensor

from jackfield.hooked_model import CachedRun, HookedModel
from jackfield.interventions import add
from jackfield.metrics import BUILT_IN, AnswerKey
from jackfield.sites import Kind, Site
from jackfield.token_batch import PaddingSide, TokenBatch

LENGTHS = (8, 5, 7)
LOGIT_DIFFERENCE = next(metric for metric in BUILT_IN if metric.name == "logit_difference")


def batch_of(model: HookedModel, seed: int, side: PaddingSide) -> TokenBatch:
    draw = random.Random(seed)
    rows = [[1, *(draw.randrange(3, model.shape.d_vocab) for _ in range(length - 1))] for length in LENGTHS]
    return TokenBatch.from_rows(rows, 0, side)


def key_of(model: HookedModel) -> AnswerKey:
    answers, foils = torch.zeros(2, len(LENGTHS), model.shape.d_vocab, dtype=torch.bool)
    answers[:, 5:7], foils[:, 9] = True, True
    return AnswerKey(answers, foils)


def sources(model: HookedModel) -> list[Site]:
    """The nodes that write to the residual stream, one for each head."""
    written = [site for site in model.shape.sites() if site.kind in (Kind.HEAD_OUT, Kind.MLP_OUT)]
    return [Site(Kind.INPUT), *written]


def destinations(model: HookedModel) -> list[Site]:
    """Where nodes read the residual stream, and its end, which the logits are read from."""
    kinds = (Kind.Q_INPUT, Kind.K_INPUT, Kind.V_INPUT, Kind.MLP_IN)
    reads = [site for site in model.shape.sites() if site.kind in kinds]
    return [*reads, Site(Kind.RESID_POST, model.shape.n_layers - 1)]


class Edges:
    """Two runs of one model, the slopes of the first one, and what follows from them."""

    def __init__(self, model: HookedModel, side: PaddingSide) -> None:
        self.model, self.key = model, key_of(model)
        self.clean, corrupted = batch_of(model, 0, side), batch_of(model, 1, side)
        read = sorted({site.all_heads for site in (*sources(model), *destinations(model))})
        self.run = model.run_with_gradients(self.clean, read, self.metric)
        self.other: CachedRun = model.run_with_cache(corrupted, read)
        self.gained = self.metric(model.answer_logits(self.other.logits, corrupted)) - self.run.values

    def metric(self, logits: Tensor) -> Tensor:
        return LOGIT_DIFFERENCE(logits, self.key)

    def delta(self, node: Site) -> Tensor:
        change = self.other[node] - self.run[node]
        return change * self.clean.mask[..., None]

    def score(self, source: Site, reader: Site) -> Tensor:
        """The score of the edge from a node to where another reads, or to itself for the node's own attribution."""
        return (self.delta(source) * self.run.gradient(reader)).sum((-2, -1))


@pytest.fixture(params=["right", "left"])
def side(request: pytest.FixtureRequest) -> PaddingSide:
    chosen: PaddingSide = request.param
    return chosen


@pytest.fixture
def edges(norm_free: HookedModel, side: PaddingSide) -> Edges:
    return Edges(norm_free, side)


@pytest.mark.parametrize("name", ["gpt2", "llama", "qwen2", "qwen3", "gpt_neox"])
def test_edges_out_of_a_node_add_up_to_its_own_attribution(
    tiny_models: dict[str, HookedModel], name: str, side: PaddingSide
) -> None:
    require_sums(Edges(tiny_models[name], side))


def test_edges_out_of_a_node_add_up_without_norms_too(edges: Edges) -> None:
    require_sums(edges)


def require_sums(edges: Edges) -> None:
    shape = edges.model.shape
    for node in sources(edges.model):
        total = sum(
            (edges.score(node, reader) for reader in destinations(edges.model) if shape.feeds(node, reader)),
            start=torch.zeros(len(LENGTHS)),
        )
        own = edges.score(node, node)
        assert own.any(), node
        torch.testing.assert_close(total, own, rtol=1e-3, atol=1e-3 * own.abs().max().item())


def test_edges_into_the_logits_add_up_to_the_whole_difference(edges: Edges) -> None:
    end = destinations(edges.model)[-1]
    total = sum((edges.score(node, end) for node in sources(edges.model)), start=torch.zeros(len(LENGTHS)))
    assert edges.gained.abs().min() > 1e-3
    torch.testing.assert_close(total, edges.gained, rtol=1e-4, atol=1e-5)


def test_an_edge_into_the_logits_scores_what_patching_it_does(edges: Edges) -> None:
    end = destinations(edges.model)[-1]
    for node in sources(edges.model):
        patched = edges.model.run_with_interventions(edges.clean, [add(end, edges.delta(node))])
        moved = edges.metric(edges.model.answer_logits(patched, edges.clean)) - edges.run.values
        assert moved.any(), node
        torch.testing.assert_close(edges.score(node, end), moved, rtol=1e-3, atol=2e-5)


def test_with_norms_an_edge_into_the_logits_does_not_score_what_patching_it_does(llama: HookedModel) -> None:
    edges = Edges(llama, "right")
    end = destinations(llama)[-1]
    total = sum((edges.score(node, end) for node in sources(llama)), start=torch.zeros(len(LENGTHS)))
    assert (total - edges.gained).abs().max() > 0.1
