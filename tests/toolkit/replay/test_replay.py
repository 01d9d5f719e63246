"""Replay leaves nothing behind, keeps within its budget, says what it cannot do, and gives way when memory ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import jackfield.replay.base_run
from jackfield import sweep as plain
from jackfield.bench import Bench
from jackfield.errors import InterventionError, SiteError
from jackfield.hooked_model import HookedModel
from jackfield.interventions import Intervention, add, replace, zero
from jackfield.registry import Registry
from jackfield.replay import Replay, plan, sweep
from jackfield.replay.base_run import BaseRun
from jackfield.sites import Site
from jackfield.token_batch import TokenBatch

BASE = TokenBatch.from_rows([[1, 9, 34, 11, 36, 40, 12, 41], [1, 22, 57, 9, 30]], 0, "left")
SITES = [Site.parse(text) for text in ("resid_pre.1", "a1.h*.z", "a1.h0", "m1<in>")]
Faulty = Callable[..., HookedModel]


def traces(model: HookedModel) -> list[str]:
    """Hooks of either kind on any module, replaced forward passes, and activations that modules keep."""
    found = []
    for name, module in model.bridge.named_modules():
        point: Any = module
        hooks = [*module._forward_hooks, *module._forward_pre_hooks, *getattr(point, "fwd_hooks", ())]
        kept = [one for one, value in vars(module).items() if one in ("_pattern", "_attn_scores") and value is not None]
        found += [f"{name} {len(hooks)} hooks"] * bool(hooks) + [f"{name} forward"] * ("forward" in vars(module))
        found += [f"{name} {one}" for one in kept]
    return found


def everything(replay: Replay) -> Tensor:
    parts = list(replay.answers())
    patches, prompts, logits = (torch.cat(column) for column in zip(*parts, strict=True))
    order = (patches * len(BASE) + prompts).argsort()
    assert (patches * len(BASE) + prompts)[order].tolist() == list(range(len(order)))
    return logits[order]


@pytest.mark.parametrize("failure", [None, ValueError, KeyboardInterrupt])
def test_nothing_is_left_hooked_or_replaced(gpt2: HookedModel, failure: type[BaseException] | None) -> None:
    logits, before = gpt2.run(BASE), traces(gpt2)
    seen: list[int] = []

    def edit(old: Tensor) -> Tensor:
        seen.append(len(traces(gpt2)))
        if failure is not None:
            raise failure
        return old + 1

    replay = Replay(gpt2, BASE, [[zero(site) for site in SITES], [Intervention(SITES[1], edit)]])
    assert traces(gpt2) == before
    if failure is None:
        list(replay.answers())
    else:
        with pytest.raises(failure):
            list(replay.answers())
    assert seen
    assert seen[0] > len(before) + 2
    assert traces(gpt2) == before
    assert not any(getattr(gpt2.bridge.cfg, site.kind.gate.value) for site in SITES if site.kind.gate)
    assert torch.equal(gpt2.run(BASE), logits)


def test_an_abandoned_replay_leaves_nothing(gpt2: HookedModel) -> None:
    before = (gpt2.run(BASE), traces(gpt2))[1]
    answers = Replay(gpt2, BASE, [[zero(site)] for site in SITES]).answers()
    next(answers)
    assert traces(gpt2) == before


def test_what_is_kept_of_the_base_run_is_not_changed_by_resuming_it(llama: HookedModel) -> None:
    replay = Replay(llama, BASE, [[zero(Site.parse("a1.h*.z"), BASE.at([-2, -2]))], [zero(Site.parse("m0"))]])
    assert torch.equal(everything(replay), everything(replay))


@pytest.mark.parametrize(
    "failure",
    [torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("DefaultCPUAllocator: can't allocate memory: 9 bytes")],
)
def test_a_batch_that_memory_does_not_hold_is_halved(
    gpt2: HookedModel, monkeypatch: pytest.MonkeyPatch, failure: RuntimeError
) -> None:
    patches = [[zero(Site.parse("a1.h*.z"), BASE.at([-1 - back] * 2))] for back in range(3)]
    replay = Replay(gpt2, BASE, patches)
    wanted = everything(replay)
    tried: list[int] = []
    resume = BaseRun.resume

    def tight(run: BaseRun, prompts: Tensor, *rest: Any, **how: Any) -> Tensor:
        tried.append(len(prompts))
        if len(prompts) > 1:
            raise failure
        return resume(run, prompts, *rest, **how)

    monkeypatch.setattr(BaseRun, "resume", tight)
    assert torch.allclose(everything(replay), wanted, atol=1e-5)
    assert tried.count(1) == 6
    assert max(tried) == 6


def test_memory_that_does_not_hold_one_row_is_an_error(gpt2: HookedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    replay = Replay(gpt2, BASE, [[zero(SITES[0])]])

    def full(*_: Any, **__: Any) -> Tensor:
        raise torch.OutOfMemoryError("full")

    monkeypatch.setattr(BaseRun, "resume", full)
    with pytest.raises(torch.OutOfMemoryError, match="full"):
        list(replay.answers())


def test_an_error_that_is_not_about_memory_is_not_hidden(gpt2: HookedModel) -> None:
    calls: list[int] = []

    def edit(old: Tensor) -> Tensor:
        calls.append(1)
        raise RuntimeError("no such luck")

    with pytest.raises(RuntimeError, match="no such luck"):
        list(Replay(gpt2, BASE, [[Intervention(SITES[0], edit)]]).answers())
    assert len(calls) == 1


@pytest.mark.parametrize(
    ("broken", "layer", "column", "reason"),
    [
        ("columns", 1, 0, "column 4"),
        ("layers", 0, 4, "layer 1, column 0"),
        ("both", 0, 0, "off by"),
        ("mixed layers", 1, 4, "by rows that start at different layers: its logits are off by"),
        ("only answers", 1, 4, "with the answers alone at the end: its logits are off by"),
    ],
)
def test_what_cannot_be_left_out_is_computed_and_the_plan_says_so(
    gpt2: HookedModel, monkeypatch: pytest.MonkeyPatch, broken: str, layer: int, column: int, reason: str
) -> None:
    site = SITES[0]
    patches = [[add(one, torch.ones(gpt2.shape.d_model), BASE.at([-1, -1]))] for one in (Site.parse("m0"), site)]
    wanted = torch.cat([gpt2.answer_logits(gpt2.run_with_interventions(BASE, patch), BASE) for patch in patches])
    resume = BaseRun.resume

    def wrong(run: BaseRun, prompts: Tensor, layers: Tensor, first_column: int, *rest: Any, **how: Any) -> Tensor:
        bad = {
            "columns": first_column > 0,
            "layers": bool(layers.any()),
            "both": bool(layers.any()) or first_column > 0,
            "mixed layers": len(set(layers.tolist())) > 1,
            "only answers": how["only_answers"],
        }[broken]
        return resume(run, prompts, layers, first_column, *rest, **how) + bad

    monkeypatch.setattr(BaseRun, "resume", wrong)
    replay = Replay(gpt2, BASE, patches)
    step = replay.plan.steps[-1]
    assert step.layers[1] == layer
    assert (step.column > 0) == (column > 0)
    assert any(reason in line for line in replay.plan.fallbacks)
    assert f"fallback: {replay.plan.fallbacks[0]}" in str(replay.plan)
    assert torch.allclose(everything(replay), wanted, atol=1e-5)


@pytest.mark.parametrize("error", [TypeError("no such argument"), None])
def test_a_model_that_cannot_be_resumed_is_run_plainly(
    gpt2: HookedModel, monkeypatch: pytest.MonkeyPatch, error: TypeError | None
) -> None:
    def resume(run: BaseRun, prompts: Tensor, *_: Any, **__: Any) -> Tensor:
        if error is not None:
            raise error
        return run.logits[prompts] + torch.nan

    monkeypatch.setattr(BaseRun, "resume", resume)
    patches = [[zero(site)] for site in SITES]
    replay = Replay(gpt2, BASE, patches)
    assert replay.plan.plain == {"the model cannot be resumed": len(SITES)}
    assert replay.plan.steps == ()
    assert "layer 0, column 0" in replay.plan.fallbacks[-1]
    wanted = [gpt2.answer_logits(gpt2.run_with_interventions(BASE, patch), BASE) for patch in patches]
    assert torch.equal(everything(replay), torch.cat(wanted))


def test_a_model_without_a_cache_is_resumed_by_layer(gpt2: HookedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jackfield.replay.base_run, "_whole", lambda *_: ((), ()))
    found = plan(gpt2, BASE, [[zero(SITES[0], BASE.at([-1, -1]))]])
    assert [(step.layers, step.column) for step in found.steps] == [((1, 1), 0)]
    assert found.fallbacks == ("GPT2LMHeadModel keeps no keys and values that a run could go on from",)


def test_the_plan_counts_rows_and_work(gpt2: HookedModel) -> None:
    own = gpt2.run_with_cache(BASE, [SITES[0]])[SITES[0]]
    other = own.clone()
    other[0] += 1
    late = BASE.at([-1, -1])
    patches = [[replace(SITES[0], own)], [replace(SITES[0], other, late)], [zero(Site.parse("logits"), late)]]
    found = plan(gpt2, BASE, patches)
    assert (found.patches, found.prompts, found.unchanged_rows) == (3, 2, 3)
    assert [(step.layers, step.column, step.rows) for step in found.steps] == [((1, 1), 7, 1)]
    assert found.plain == {"they write to the logits": 1}
    assert "6 rows, of which 3 stay as they are" in str(found)
    per_run = found.plain_multiply_adds / 3
    base_run = per_run - len(BASE) * 7 * gpt2.shape.d_model * gpt2.shape.d_vocab
    assert 0 < found.multiply_adds - per_run - base_run < 0.1 * per_run


def test_multiply_adds_are_those_of_the_weights_and_of_attention(gpt2: HookedModel) -> None:
    found = plan(gpt2, BASE, [[zero(SITES[0])]])
    prompts, columns, shape, hidden = 2, 8, gpt2.shape, 48
    per_token = shape.n_layers * (4 * shape.d_model**2 + 2 * shape.d_model * hidden) + shape.d_model * shape.d_vocab
    attention = shape.n_layers * 2 * shape.d_model * columns
    assert found.plain_multiply_adds == prompts * columns * (per_token + attention)


@pytest.mark.parametrize("rows", [2, 3, 7])
def test_batches_keep_within_the_budget(gpt2: HookedModel, rows: int) -> None:
    patches = [[zero(Site.parse("a1.h*.z"), BASE.at([-1, -1]))] for _ in range(5)]
    budget = rows * Replay(gpt2, BASE, patches)._costs.row_bytes(7)
    found = plan(gpt2, BASE, patches, budget)
    assert [(step.rows, step.batch_rows) for step in found.steps] == [(10, rows - rows % 2 if rows > 2 else 2)]
    assert found.budget == budget


def test_a_patch_without_interventions_is_refused(gpt2: HookedModel) -> None:
    with pytest.raises(InterventionError, match="patch 1 has no intervention"):
        Replay(gpt2, BASE, [[zero(SITES[0])], []])


def test_a_site_that_the_model_lacks_is_refused(gpt2: HookedModel) -> None:
    with pytest.raises(SiteError, match=r"resid_pre\.9 does not exist"):
        Replay(gpt2, BASE, [[zero(Site.parse("resid_pre.9"))]])


@pytest.mark.parametrize("edit", ["value", "where"])
def test_a_patch_that_does_not_fit_is_refused_as_the_plain_loop_does(gpt2: HookedModel, edit: str) -> None:
    patch = (
        replace(SITES[0], torch.ones(3))
        if edit == "value"
        else replace(SITES[0], torch.ones(gpt2.shape.d_model), torch.ones(2, 3, dtype=torch.bool))
    )
    with pytest.raises(InterventionError, match=r"resid_pre\.1"):
        gpt2.run_with_interventions(BASE, [patch])
    with pytest.raises(InterventionError, match=r"resid_pre\.1"):
        Replay(gpt2, BASE, [[patch]])


def test_a_hook_that_does_not_fire_is_an_error(gpt2: HookedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    replay = Replay(gpt2, BASE, [[zero(SITES[0])]])
    monkeypatch.setattr(gpt2._points[SITES[0].hook_name], "forward", lambda value: value)
    monkeypatch.setattr(type(gpt2._points[SITES[0].hook_name]), "add_hook", lambda *_, **__: None)
    with pytest.raises(InterventionError, match="touched 0 time"):
        list(replay.answers())


@pytest.fixture(scope="module")
def replay_bench(fieldmouse: HookedModel) -> Bench:
    registry = Registry.discover()
    return Bench.prepare(fieldmouse, registry.task("ioi"), registry.metric("logit_difference"), pairs=12, seed=3)


def test_a_sweep_is_that_of_the_plain_loop_and_reports_every_cell(replay_bench: Bench) -> None:
    reports: list[tuple[str, int, int]] = []
    model, clean, corrupted = replay_bench.model, replay_bench.pairs.clean, replay_bench.pairs.corrupted
    bench = Bench(
        model, replay_bench.pairs, replay_bench.metric, replay_bench.task, 0, lambda *report: reports.append(report)
    )
    sites = [
        Site.parse(f"{kind}.{layer}") for kind in ("resid_pre", "attn_out") for layer in range(model.shape.n_layers)
    ]
    values = model.run_with_cache(clean, sites)
    cells = [(site, position) for site in sites for position in range(-3, 0)]

    def patch(cell: tuple[Site, int]) -> list[Intervention]:
        return [replace(cell[0], values[cell[0]], corrupted.at([cell[1]] * len(corrupted)))]

    key = bench.key(bench.clean_logits())
    found = sweep(bench, corrupted, key, cells, patch, "patching")
    assert reports[0] == ("patching", 0, len(cells))
    assert reports[-1] == ("patching", len(cells), len(cells))
    assert [done for _, done, _ in reports] == sorted(done for _, done, _ in reports)
    wanted = plain.sweep(bench, corrupted, key, cells, patch, "plain")
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)
    assert sweep(bench, corrupted, key, cells[:0], patch, "none").shape == (0, len(corrupted))


def test_the_base_run_too_keeps_within_the_budget(llama: HookedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    site, other = (
        Site.parse("a1.h*.k"),
        TokenBatch.from_rows([[1, 9, 34, 11, 36, 40, 12, 8], [1, 22, 5, 9, 30]], 0, "left"),
    )
    value = llama.run_with_cache(other, [site])[site]
    patches = [[replace(site, value)], [zero(Site.parse("m0"), BASE.at([-1, -1]))]]
    wanted = Replay(llama, BASE, patches)
    rows: list[int] = []
    select = TokenBatch.select
    monkeypatch.setattr(
        TokenBatch, "select", lambda batch, chosen: (rows.append(len(chosen)), select(batch, chosen))[1]
    )
    found = Replay(llama, BASE, patches, budget=1)
    assert rows[:2] == [1, 1]
    assert torch.allclose(everything(found), everything(wanted), atol=1e-5)
    assert found.plan.unchanged_rows == wanted.plan.unchanged_rows
    assert found.plan.multiply_adds == pytest.approx(wanted.plan.multiply_adds, rel=0.2)
    assert found.plan.peak_bytes < wanted.plan.peak_bytes
