"""Back-patching by replay against a naive two-run loop: same network, same prompts, same run, answers compared.

The embedded model on 128 of its two-hop questions, and a network of gpt2-small's shape with random weights on 8
prompts of 15 tokens; one thread. Every pair of a source layer and an earlier target layer, the embedding included, once
at the end of the first hop (in random prompts the sixth token from the end) and once at the last token.

``loop_s`` is what published code does: one prompt and one pair at a time, in two runs. ``batched_loop_s`` is a loop
that runs all prompts at once, once to take the states and then once for each pair. Both run some pairs, and the first
also some prompts, and their time is scaled up: every pair and every prompt of one length costs them the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from time import perf_counter

import torch
from tests.benchmarks.shapes import random_model, random_prompts
from torch import Tensor

from jackfield.builtins.two_hop import OUT_OF_DISTRIBUTION
from jackfield.hooked_model import CachedRun, HookedModel
from jackfield.interventions import replace
from jackfield.loading import load_model
from jackfield.pairs import END, PairBatch, PromptPair
from jackfield.replay import Replay
from jackfield_plugins.back_patching.config import BackPatchingConfig
from jackfield_plugins.back_patching.routes import Cell, Route, cells
from jackfield_plugins.back_patching.states import patch, states

TOKENS = 15


def run() -> Mapping[str, float | int | str]:
    """Measure both models at both positions, on one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        mouse, large = load_model(), random_model("gpt2_small")
        return {
            "threads": 1,
            **_measured("fieldmouse", mouse, OUT_OF_DISTRIBUTION.pairs(mouse, 128, 0), every=3),
            **_measured("gpt2_small", large, _random_pairs(large), every=16),
        }
    finally:
        torch.set_num_threads(threads)


def _random_pairs(model: HookedModel) -> PairBatch:
    """Prompts of random tokens; nothing reads their words or answers."""
    clean, corrupted = random_prompts(model, 8, TOKENS)
    key = torch.zeros(8, model.shape.d_vocab, dtype=torch.bool)
    positions = {"FIRST": torch.full((8,), TOKENS - 6), END: torch.full((8,), TOKENS - 1)}
    blank = (PromptPair("", "", (), (), {}),) * 8
    return PairBatch(blank, clean, corrupted, key, key, positions)


def _measured(name: str, model: HookedModel, pairs: PairBatch, every: int) -> dict[str, float]:
    measured: dict[str, float] = {}
    for position in ("FIRST", END):
        config = BackPatchingConfig(positions=(position,))
        found = [cell for cell in cells(model, config) if cell.route is not Route.FORWARD]
        some, few = found[::every], range(0, len(pairs), len(pairs) // 4)
        replay_s, answers = _timed(_replayed, model, pairs, found)
        batched_s, wanted = _timed(_looped, model, pairs, some)
        singles = [_timed(_looped_apart, model, pairs.select([row]), some) for row in few]
        batched_s *= len(found) / len(some)
        loop_s = sum(seconds for seconds, _ in singles) * len(found) / len(some) * len(pairs) / len(few)
        alone = torch.cat([logits for _, logits in singles], 1)
        measured |= {
            f"{name}_{position}_pairs_of_layers": len(found),
            f"{name}_{position}_replay_s": replay_s,
            f"{name}_{position}_loop_s": loop_s,
            f"{name}_{position}_batched_loop_s": batched_s,
            f"{name}_{position}_ratio": loop_s / replay_s,
            f"{name}_{position}_ratio_to_batched": batched_s / replay_s,
            f"{name}_{position}_largest_difference": max(
                (answers[::every] - wanted).abs().max().item(),
                (answers[::every][:, list(few)] - alone).abs().max().item(),
            ),
        }
    return measured


def _replayed(model: HookedModel, pairs: PairBatch, found: Sequence[Cell]) -> Tensor:
    prompts, written = pairs.clean.left_padded(), states(model, pairs, found, "none")
    replay = Replay(model, prompts, [[patch(model, prompts, pairs, cell, written)] for cell in found])
    answers = torch.empty(len(found), len(prompts), model.shape.d_vocab)
    for patches, rows, logits in replay.answers():
        answers[patches, rows] = logits
    return answers


def _looped(model: HookedModel, pairs: PairBatch, found: Sequence[Cell]) -> Tensor:
    """All prompts at once: one run to take the states, and one for each pair of layers."""
    run = model.run_with_cache(pairs.clean, {cell.source for cell in found})
    return torch.stack([_written(model, pairs, cell, run) for cell in found])


def _looped_apart(model: HookedModel, pairs: PairBatch, found: Sequence[Cell]) -> Tensor:
    """Two runs for each pair of layers."""
    return torch.stack(
        [_written(model, pairs, cell, model.run_with_cache(pairs.clean, [cell.source])) for cell in found]
    )


def _written(model: HookedModel, pairs: PairBatch, cell: Cell, run: CachedRun) -> Tensor:
    where = pairs.clean.at(pairs.positions[cell.position])
    logits = model.run_with_interventions(pairs.clean, [replace(cell.target, run[cell.source][where][:, None], where)])
    return model.answer_logits(logits, pairs.clean)


def _timed(
    work: Callable[[HookedModel, PairBatch, Sequence[Cell]], Tensor],
    model: HookedModel,
    pairs: PairBatch,
    found: Sequence[Cell],
) -> tuple[float, Tensor]:
    start = perf_counter()
    result = work(model, pairs, found)
    return perf_counter() - start, result
