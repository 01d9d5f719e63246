"""The sweep equals a naive two-run loop, on every architecture and under either padding."""

from __future__ import annotations

import pytest
import torch

from jackfield.hooked_model import HookedModel
from jackfield.interventions import replace
from jackfield.pairs import PairBatch, PromptPair
from jackfield.replay import Replay
from jackfield.sites import Site
from jackfield.token_batch import PaddingSide
from jackfield_plugins.back_patching.config import BackPatchingConfig
from jackfield_plugins.back_patching.routes import Cell, Route, cells
from jackfield_plugins.back_patching.states import patch, states

PROMPTS = (
    "anna 's boss 's sport",
    "then ben 's coach 's city",
    "clara 's boss 's sport",
    "and then dan 's mentor 's food",
)
CONFIG = BackPatchingConfig(positions=("FIRST", "END"))


def pairs(model: HookedModel, side: PaddingSide = "right") -> PairBatch:
    made = [PromptPair(prompt, prompt, ("chess",), ("golf",), {"FIRST": len(prompt.split()) - 3}) for prompt in PROMPTS]
    return PairBatch.tokenize(model, made, (), side)


def swept(model: HookedModel, batch: PairBatch, found: list[Cell]) -> tuple[torch.Tensor, Replay]:
    """Logits ``[patch, prompt, d_vocab]`` as the analysis computes them."""
    prompts, written = batch.clean.left_padded(), states(model, batch, found, "made up")
    replay = Replay(model, prompts, [[patch(model, prompts, batch, cell, written)] for cell in found])
    logits = torch.full((len(found), len(batch), model.shape.d_vocab), torch.nan)
    for patches, rows, answers in replay.answers():
        logits[patches, rows] = answers
    return logits, replay


@pytest.mark.parametrize("side", ["left", "right"])
def test_every_patch_equals_that_of_two_runs_on_the_sites_it_names(any_model: HookedModel, side: PaddingSide) -> None:
    layers = (0, 1, any_model.shape.n_layers - 1)
    batch, found = pairs(any_model, side), cells(any_model, CONFIG.model_copy(update={"sources": layers}))
    logits, _ = swept(any_model, batch, found)
    for cell, row in zip(found, logits, strict=True):
        where = batch.clean.at(batch.positions[cell.position])
        state = any_model.run_with_cache(batch.clean, [cell.source])[cell.source][where][:, None]
        naive = any_model.run_with_interventions(batch.clean, [replace(cell.target, state, where)])
        wanted = any_model.answer_logits(naive, batch.clean)
        torch.testing.assert_close(row, wanted, rtol=1e-5, atol=1e-5 * max(1.0, wanted.abs().max().item()))


def test_a_layer_written_to_itself_changes_nothing(any_model: HookedModel) -> None:
    batch = pairs(any_model)
    own = [Cell(site, site, "END") for site in (Site.parse("resid_post.0"), Site.parse("resid_post.1"))]
    logits, _ = swept(any_model, batch, own)
    still = any_model.answer_logits(any_model.run(batch.clean), batch.clean)
    for row in logits:
        torch.testing.assert_close(row, still, rtol=1e-5, atol=1e-5 * max(1.0, still.abs().max().item()))


def test_rows_begin_behind_the_layer_and_at_the_token_that_is_written(fieldmouse: HookedModel) -> None:
    batch = pairs(fieldmouse)
    found = [cell for cell in cells(fieldmouse, CONFIG) if cell.route is Route.BLOCKS and cell.position == "END"]
    _, replay = swept(fieldmouse, batch, found)
    assert [(step.layers, step.column) for step in replay.plan.steps] == [((1, 5), batch.clean.tokens.shape[1] - 1)]
    assert replay.plan.fallbacks == ()


def test_cells_are_named_and_sorted_into_routes(fieldmouse: HookedModel) -> None:
    found = cells(fieldmouse, BackPatchingConfig(positions=("END", "END"), sources=(2, 4), targets=(3, 2, 5)))
    assert [(cell.label, str(cell.route)) for cell in found] == [
        ("resid_post.2->resid_pre.0@END", "to the embedding"),
        ("resid_post.4->resid_pre.0@END", "to the embedding"),
        ("resid_post.4->resid_post.2@END", "block to block"),
        ("resid_post.2->resid_post.3@END", "forward"),
        ("resid_post.4->resid_post.3@END", "block to block"),
        ("resid_post.2->resid_post.5@END", "forward"),
        ("resid_post.4->resid_post.5@END", "forward"),
    ]
    assert [str(cell.written(6)) for cell in found[1:4]] == ["resid_pre.0", "resid_pre.3", "resid_pre.4"]
    assert str(found[-1].written(6)) == "resid_post.5"
