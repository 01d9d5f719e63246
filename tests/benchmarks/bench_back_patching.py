"""Back-patching by replay against a naive two-run loop: same network, same prompts, same run, answers compared.

The embedded model on 128 of its two-hop questions, and a network of gpt2-small's shape with random weights on 8
prompts of 15 tokens; one thread. Every source layer is written to every other layer and to the embedding, at the end of
the first hop (in random prompts the sixth token from the end) and at the last token, once with the prompt's own state
and once, as a control, with the next prompt's. That is one sweep for replay.

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
from jackfield_plugins.back_patching.routes import Cell, cells
from jackfield_plugins.back_patching.states import patch, states

TOKENS = 15


def run() -> Mapping[str, float | int | str]:
    """Measure both models, on one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        mouse, large = load_model(), random_model("gpt2_small")
        return {
            "threads": 1,
            **_measured("fieldmouse", mouse, OUT_OF_DISTRIBUTION.pairs(mouse, 128, 0), every=8),
            **_measured("gpt2_small", large, _random_pairs(large), every=32),
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
    found = cells(model, BackPatchingConfig())
    some, few = found[::every], range(0, len(pairs), len(pairs) // 4)
    replay_s, answers = _timed(lambda: _replayed(model, pairs, found))
    batched_s, wanted = _timed(lambda: _looped(model, pairs, some))
    loop_s, alone = _timed(lambda: torch.cat([_looped_apart(model, pairs.select([row]), some) for row in few], 1))
    batched_s *= 2 * len(found) / len(some)
    loop_s *= 2 * len(found) / len(some) * len(pairs) / len(few)
    own = answers[: len(found)][::every]
    return {
        f"{name}_patches": 2 * len(found),
        f"{name}_prompts": len(pairs),
        f"{name}_replay_s": replay_s,
        f"{name}_loop_s": loop_s,
        f"{name}_batched_loop_s": batched_s,
        f"{name}_ratio": loop_s / replay_s,
        f"{name}_ratio_to_batched_loop": batched_s / replay_s,
        f"{name}_largest_difference": (own - wanted).abs().max().item(),
        f"{name}_largest_difference_alone": (own[:, list(few)] - alone).abs().max().item(),
    }


def _replayed(model: HookedModel, pairs: PairBatch, found: Sequence[Cell]) -> Tensor:
    """Logits ``[patch, prompt, d_vocab]``, those with own states first."""
    prompts, own = pairs.clean.left_padded(), states(model, pairs, found, "none")
    others = {place: state.roll(1, 0) for place, state in own.items()}
    patches = [[patch(model, prompts, pairs, cell, written)] for written in (own, others) for cell in found]
    answers = torch.empty(len(patches), len(prompts), model.shape.d_vocab)
    for indices, rows, logits in Replay(model, prompts, patches).answers():
        answers[indices, rows] = logits
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


def _timed(work: Callable[[], Tensor]) -> tuple[float, Tensor]:
    start = perf_counter()
    result = work()
    return perf_counter() - start, result
