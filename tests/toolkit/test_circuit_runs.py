"""Circuits at work, against a naive run that gives every head's inputs copies of the stream to be changed."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from jackfield.circuit_runs import CircuitRuns, contributions, writer_sites
from jackfield.contributions import changes, read_sites
from jackfield.edge_grid import HEAD_INPUTS, EdgeGrid
from jackfield.hooked_model import HookedModel
from jackfield.interventions import Edit, Intervention
from jackfield.paths import edge_patch
from jackfield.projections import Projections
from jackfield.replay.capability import Capability
from jackfield.sites import Kind, Site
from jackfield.token_batch import PaddingSide, TokenBatch

LENGTHS = (7, 4, 6)


def prompts(model: HookedModel, seed: int, side: PaddingSide) -> TokenBatch:
    draw = random.Random(seed)
    rows = [[1, *(draw.randrange(3, model.shape.d_vocab) for _ in range(length - 1))] for length in LENGTHS]
    return TokenBatch.from_rows(rows, 0, side)


class Case:
    """A model with two batches, and its circuits run both ways."""

    def __init__(self, model: HookedModel, side: PaddingSide, budget: int = 2**29) -> None:
        self.model, self.grid, self.projections = model, EdgeGrid(model.shape), Projections.of(model)
        self.clean, self.corrupted = prompts(model, 0, side), prompts(model, 1, side)
        run = model.run_with_cache(self.corrupted, writer_sites(model))
        self.ablated = contributions(self.projections, self.grid, run.activations)
        self.runs = CircuitRuns(model, self.projections, self.grid, self.clean, self.ablated, budget)

    def answers(self, kept: Tensor) -> Tensor:
        found = torch.full((len(kept), len(LENGTHS), self.model.shape.d_vocab), float("nan"))
        for circuits, rows, logits in self.runs.answers(kept):
            assert found[circuits[:, None], rows].isnan().all()
            found[circuits[:, None], rows] = logits
        return found

    def random_circuits(self, count: int, share: float = 0.5) -> Tensor:
        draw = torch.Generator().manual_seed(count)
        return torch.rand(count, len(self.grid.senders), len(self.grid.receivers), generator=draw) < share

    def logits(self, batch: TokenBatch) -> Tensor:
        return self.model.answer_logits(self.model.run(batch), batch)


def naive(case: Case, kept: Tensor) -> Tensor:
    """One circuit, run by changing each receiver's own copy of the stream, what senders write read off the model."""
    grid, shape = case.grid, case.grid.shape
    gap: dict[int, Tensor] = {}

    def noting(rows: Sequence[int]) -> Edit:
        def edit(activation: Tensor) -> Tensor:
            outputs = activation.unbind(2) if len(rows) > 1 else [activation]
            for row, output in zip(rows, outputs, strict=True):
                gap[row] = case.ablated[:, row] - output
            return activation

        return edit

    def correcting(columns: Sequence[int], fed: int) -> Edit:
        def edit(activation: Tensor) -> Tensor:
            parts = [
                sum((gap[row] for row in range(fed) if not kept[row, column]), start=torch.zeros(1))
                for column in columns
            ]
            if activation.ndim == 3:
                return activation + parts[0]
            return activation + torch.stack([part.expand_as(activation[:, :, 0]) for part in parts], 2)

        return edit

    edits = [Intervention(Site(Kind.RESID_PRE, 0), noting([0]))]
    for layer in range(shape.n_layers):
        first = grid.read_before(layer)
        for kind in HEAD_INPUTS:
            columns = [grid.column(Site(kind, layer, head)) for head in range(shape.heads_of(kind))]
            edits.append(Intervention(Site(kind, layer), correcting(columns, first)))
        edits.append(Intervention(Site(Kind.HEAD_OUT, layer), noting(range(first, first + shape.n_heads))))
        mlp = Site(Kind.MLP_IN, layer)
        edits.append(Intervention(mlp, correcting([grid.column(mlp)], grid.fed(mlp))))
        edits.append(Intervention(Site(Kind.MLP_OUT, layer), noting([first + shape.n_heads])))
    last = Site(Kind.RESID_POST, shape.n_layers - 1)
    edits.append(Intervention(last, correcting([len(grid.receivers) - 1], len(grid.senders))))
    found = case.model.run_with_interventions(case.clean, edits)
    return case.model.answer_logits(found, case.clean)


@pytest.fixture(params=["right", "left"])
def side(request: pytest.FixtureRequest) -> PaddingSide:
    chosen: PaddingSide = request.param
    return chosen


def test_the_whole_graph_is_the_model_and_the_empty_one_the_ablation(any_model: HookedModel, side: PaddingSide) -> None:
    case = Case(any_model, side)
    whole = torch.ones(1, len(case.grid.senders), len(case.grid.receivers), dtype=torch.bool)
    without_logits = whole.clone()
    without_logits[..., -1] = False
    answers = case.answers(torch.cat([whole, ~whole, without_logits]))
    clean, corrupted = case.logits(case.clean), case.logits(case.corrupted)
    assert (clean - corrupted).abs().max() > 0.1
    close = {"rtol": 1e-4, "atol": 2e-5 * float(clean.abs().max())}
    torch.testing.assert_close(answers[0], clean, **close)
    torch.testing.assert_close(answers[1], corrupted, **close)
    torch.testing.assert_close(answers[2], corrupted, **close)


@pytest.mark.parametrize("name", ["gpt2", "llama", "qwen2", "qwen3", "gpt_neox"])
def test_any_circuit_is_what_the_naive_run_makes_of_it(
    tiny_models: dict[str, HookedModel], name: str, side: PaddingSide
) -> None:
    case = Case(tiny_models[name], side)
    kept = torch.cat([case.random_circuits(2), case.random_circuits(2, 0.9)])
    answers = case.answers(kept)
    whole = case.logits(case.clean)
    for circuit, found in zip(kept, answers, strict=True):
        assert (found - whole).abs().max() > 1e-3
        torch.testing.assert_close(found, naive(case, circuit), rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("name", ["gpt2", "llama", "gpt_neox"])
def test_leaving_out_one_edge_is_patching_it(tiny_models: dict[str, HookedModel], name: str) -> None:
    case = Case(tiny_models[name], "right")
    grid, model = case.grid, case.model
    draw = random.Random(0)
    wires = draw.sample(grid.wires, 12)
    where = case.clean.mask
    source = model.run_with_cache(case.corrupted, read_sites(grid.senders)).activations
    changed = changes(model, case.clean, source, grid.senders, where)
    kept = torch.ones(len(wires), len(grid.senders), len(grid.receivers), dtype=torch.bool)
    for index, wire in enumerate(wires):
        kept[index, grid.row(wire.source), grid.column(wire.target)] = False
    for wire, found in zip(wires, case.answers(kept), strict=True):
        patched = model.run_with_interventions(case.clean, [edge_patch(model.shape, wire, changed, where)])
        torch.testing.assert_close(found, model.answer_logits(patched, case.clean), rtol=1e-4, atol=2e-5)


def test_small_batches_change_nothing(llama: HookedModel) -> None:
    large, small = Case(llama, "left"), Case(llama, "left", budget=1)
    kept = large.random_circuits(5, 0.8)
    torch.testing.assert_close(large.answers(kept), small.answers(kept), rtol=1e-5, atol=1e-5)


def test_what_is_known_is_left_out_batch_by_batch(gpt2: HookedModel) -> None:
    case = Case(gpt2, "right", budget=1)
    kept = case.random_circuits(3)
    known = torch.zeros(3, len(LENGTHS), dtype=torch.bool)
    known[1], known[2, 0] = True, True
    computed = {
        (int(circuit), int(row))
        for circuits, rows, _ in case.runs.answers(kept, known)
        for circuit in circuits
        for row in rows
    }
    assert computed == {(circuit, row) for circuit in range(3) for row in range(3) if not known[circuit, row]}


@pytest.mark.parametrize(
    "capability", [Capability(), Capability(resumes=True)], ids=["cannot be resumed", "cannot start later"]
)
def test_a_model_that_cannot_be_resumed_is_run_in_full(
    gpt2: HookedModel, monkeypatch: pytest.MonkeyPatch, capability: Capability
) -> None:
    usual = Case(gpt2, "left")
    monkeypatch.setattr(Capability, "of", lambda _: capability)
    plain = Case(gpt2, "left")
    kept = torch.ones(3, len(usual.grid.senders), len(usual.grid.receivers), dtype=torch.bool)
    kept[0, :, -1], kept[1, :, usual.grid.columns_of(1)] = False, False
    torch.testing.assert_close(plain.answers(kept), usual.answers(kept), rtol=1e-5, atol=1e-5)
