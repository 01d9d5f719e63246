"""Circuits without the rest of the model: what ablations put in its place, and ACDC one edge at a time."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from jackfield.bench import Bench
from jackfield.checkpoint import FolderCheckpoint
from jackfield.circuit_runs import CircuitRuns
from jackfield.hooked_model import HookedModel
from jackfield.token_batch import TokenBatch
from jackfield_plugins.circuit_discovery.contrast import Contrast
from jackfield_plugins.circuit_discovery.evaluation import Ablation, Evaluator
from jackfield_plugins.circuit_discovery.scorers.acdc import Damage, Order, acdc

MakeBench = Callable[..., Bench]
Mask = NDArray[np.bool_]


@pytest.fixture(params=["gpt2", "llama"])
def contrast(request: pytest.FixtureRequest, tiny_models: dict[str, HookedModel], random_bench: MakeBench) -> Contrast:
    return Contrast.prepare(random_bench(tiny_models[request.param], "left"))


def answered(contrast: Contrast, ablated: torch.Tensor, circuit: Mask) -> NDArray[np.float64]:
    runs = CircuitRuns(contrast.bench.model, contrast.projections, contrast.grid, contrast.clean, ablated)
    ((_, _, logits),) = list(runs.answers(contrast.grid.matrix(circuit)[None]))
    return contrast.bench.graded(logits[0], contrast.key)


@pytest.mark.parametrize("ablation", list(Ablation))
def test_each_ablation_puts_what_it_says(contrast: Contrast, ablation: Ablation) -> None:
    written = contrast.written(contrast.corrupted)
    groups = list(contrast.bench.pairs.rows_by_template.values())
    mean = written.sum((0, 2)) / contrast.corrupted.mask.sum()
    positional = torch.empty_like(written)
    for rows in groups:
        positional[rows] = written[rows].mean(0)
    wanted = {
        Ablation.RESAMPLE: written, Ablation.ZERO: torch.zeros_like(written),
        Ablation.MEAN: mean[None, :, None].expand_as(written), Ablation.POSITIONAL_MEAN: positional,
    }[ablation]  # fmt: skip
    circuit = np.random.default_rng(0).random(contrast.grid.size) < 0.6
    evaluator = Evaluator(contrast, ablation)
    assert len(groups) == 3
    np.testing.assert_allclose(
        evaluator.graded([circuit])[0], answered(contrast, wanted, circuit), rtol=1e-3, atol=1e-5
    )
    np.testing.assert_allclose(evaluator.full, contrast.clean_metric, rtol=1e-3, atol=1e-5)
    if ablation is Ablation.RESAMPLE:
        np.testing.assert_allclose(evaluator.empty, contrast.corrupted_metric, rtol=1e-3, atol=1e-5)


def test_means_do_not_count_padding(gpt2: HookedModel, random_bench: MakeBench) -> None:
    contrast = Contrast.prepare(random_bench(gpt2))
    pairs = contrast.bench.pairs

    def padded(batch: TokenBatch) -> TokenBatch:
        more = torch.zeros(len(batch), 3, dtype=torch.long)
        return TokenBatch(torch.cat([batch.tokens, more], 1), torch.cat([batch.mask, more.bool()], 1))

    pairs = replace(pairs, clean=padded(pairs.clean), corrupted=padded(pairs.corrupted))
    wider = replace(contrast, bench=replace(contrast.bench, pairs=pairs))
    for ablation in Ablation:
        np.testing.assert_allclose(
            Evaluator(wider, ablation).empty, Evaluator(contrast, ablation).empty, rtol=1e-3, atol=1e-5
        )


def test_faithfulness_takes_means_first(contrast: Contrast) -> None:
    evaluator = Evaluator(contrast, Ablation.RESAMPLE)
    assert evaluator.faithfulness(np.stack([evaluator.full, evaluator.empty])) == pytest.approx([1, 0], abs=1e-5)
    half = (evaluator.full + evaluator.empty) / 2
    assert evaluator.faithfulness(half[None]) == pytest.approx([0.5], abs=1e-5)


def test_an_interrupted_evaluation_goes_on_where_it_was(
    gpt2: HookedModel, random_bench: MakeBench, tmp_path: Path
) -> None:
    bench = random_bench(gpt2)
    draw = np.random.default_rng(1)
    circuits = [draw.random(Contrast.prepare(bench).grid.size) < 0.7 for _ in range(5)]
    whole = Evaluator(Contrast.prepare(bench), Ablation.RESAMPLE).graded(circuits, "circuits")

    class StoppedError(Exception):
        pass

    def stop(_: str, done: int, total: int) -> None:
        if 0 < done < total:
            raise StoppedError

    def kept(progress: Callable[[str, int, int], None]) -> Evaluator:
        checkpoint = FolderCheckpoint(tmp_path, "same", seconds=0)
        kept_bench = replace(bench, checkpoint=checkpoint, progress=progress)
        return Evaluator(replace(Contrast.prepare(kept_bench), budget=1), Ablation.RESAMPLE)

    with pytest.raises(StoppedError):
        kept(stop).graded(circuits, "circuits")
    (file,) = tmp_path.iterdir()
    told: list[int] = []
    found = kept(lambda _, done, __: told.append(done)).graded(circuits, "circuits")
    np.testing.assert_allclose(found, whole, rtol=1e-4, atol=1e-5)
    assert file.exists()
    assert told[0] == 0
    assert told[-1] == len(circuits)


def one_by_one(contrast: Contrast, threshold: float, damage: Damage) -> Mask:
    """ACDC as its paper tells it, every edge into the last receiver first."""
    grid, evaluator = contrast.grid, Evaluator(contrast, Ablation.RESAMPLE)
    rows, columns = grid.cells
    kept, reference = np.ones(grid.size, dtype=bool), 0.0
    clean = contrast.key.clean_logits
    assert clean is not None

    def cost(circuit: Mask) -> float:
        if damage is Damage.TASK:
            return float(1 - evaluator.faithfulness(evaluator.graded([circuit]))[0])
        ablated = contrast.written(contrast.corrupted)
        runs = CircuitRuns(contrast.bench.model, contrast.projections, grid, contrast.clean, ablated)
        ((_, _, logits),) = list(runs.answers(grid.matrix(circuit)[None]))
        there, here = clean.log_softmax(-1), logits[0].log_softmax(-1)
        return float((there.exp() * (there - here)).sum(-1).mean())

    for column in reversed(range(len(grid.receivers))):
        for edge in np.flatnonzero(columns == column).tolist():
            read = column == len(grid.receivers) - 1 or grid.owners[column][rows[kept]].any()
            tried = kept.copy()
            tried[edge] = False
            found = cost(tried) if read else reference
            if found - reference < threshold:
                kept, reference = tried, found
    return kept


@pytest.mark.parametrize("damage", list(Damage))
def test_acdc_in_batches_is_acdc_one_by_one(gpt2: HookedModel, random_bench: MakeBench, damage: Damage) -> None:
    contrast = Contrast.prepare(random_bench(gpt2, "right", (6, 5, 6)))
    threshold = {Damage.TASK: 0.02, Damage.KL: 0.001}[damage]
    wanted = one_by_one(contrast, threshold, damage)
    assert 5 < wanted.sum() < contrast.grid.size - 20
    found = acdc(contrast, threshold, Order.NORMAL, damage, Ablation.RESAMPLE, random.Random(0))
    assert (found == wanted).all()


def test_the_order_of_acdc_matters_and_is_seeded(gpt2: HookedModel, random_bench: MakeBench) -> None:
    contrast = Contrast.prepare(random_bench(gpt2, "right", (6, 5, 6)))

    def found(order: Order, seed: int = 0) -> Mask:
        return acdc(contrast, 0.02, order, Damage.TASK, Ablation.RESAMPLE, random.Random(seed))

    assert (found(Order.RANDOM) == found(Order.RANDOM)).all()
    assert (found(Order.NORMAL) != found(Order.REVERSE)).any()
