"""Average indirect effects of all heads: replayed, against one full forward pass per head.

The embedded model with its own prompts of five examples, and a network of gpt2-small's shape with random weights and
prompts of random tokens, as long as ten examples are; 25 prompts, one thread. Every head gets two means, its own and
its control's, as in the analysis. ``batched`` runs the whole network on all prompts once per head and mean, ``single``
once per prompt too, as the original code does. Both cost the same for every head, so they run on a few only, and their
time is scaled up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from time import perf_counter

import numpy as np
import torch
from numpy.typing import NDArray
from tests.benchmarks.shapes import random_model, random_prompts

from jackfield.bench import Bench
from jackfield.hooked_model import HookedModel
from jackfield.interventions import replace
from jackfield.loading import load_model
from jackfield.metrics import AnswerKey
from jackfield.registry import Registry
from jackfield.replay import sweep
from jackfield.sites import Kind, Site
from jackfield.sweep import sweep as plain_sweep
from jackfield.token_batch import TokenBatch
from jackfield_plugins.function_vectors.config import Corruption, FunctionVectorsConfig
from jackfield_plugins.function_vectors.functions import find
from jackfield_plugins.function_vectors.material import Material

Cell = tuple[Site, torch.Tensor]
Floats = NDArray[np.float64]
PROMPTS, TOKENS = 25, 96
SOME = {"fieldmouse": 16, "gpt2_small": 2}
"""How many patches the slower sides run; for single prompts half of that."""


def run() -> Mapping[str, float | int | str]:
    """Measure both models, on one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        registry = Registry.discover()
        mouse = load_model()
        bench = Bench.prepare(mouse, registry.task("in_context.capital"), registry.metric("log_probability"), pairs=4)
        shaped = random_model("gpt2_small")
        tokens = random_prompts(shaped, PROMPTS, TOKENS)[0]
        return {
            "threads": 1,
            "prompts": PROMPTS,
            **_measured("fieldmouse", bench, *_spoilt(bench)),
            **_measured("gpt2_small", _on(bench, shaped), tokens, _last(shaped, tokens)),
        }
    finally:
        torch.set_num_threads(threads)


def _spoilt(bench: Bench) -> tuple[TokenBatch, AnswerKey]:
    """Prompts of one of the embedded model's functions with random words."""
    material = Material.prepare(bench, FunctionVectorsConfig(), find("in_context.capital"))
    draw = bench.draw("benchmark")
    inputs = draw.choices(material.extraction, k=PROMPTS)
    words = list(find("in_context.plural").table)
    prompts = material.shot(bench, inputs, draw, Corruption.RANDOM_WORDS, words)
    return prompts.tokens, prompts.key


def _on(bench: Bench, model: HookedModel) -> Bench:
    return Bench(model, bench.pairs, bench.metric, bench.task)


def _last(model: HookedModel, tokens: TokenBatch) -> AnswerKey:
    """Each prompt's last token as the answer, so that there is one to grade."""
    answers = torch.zeros(len(tokens), model.shape.d_vocab, dtype=torch.bool)
    answers[range(len(tokens)), tokens.tokens[:, -1]] = True
    return AnswerKey(answers, ~answers)


def _measured(name: str, bench: Bench, base: TokenBatch, key: AnswerKey) -> dict[str, float]:
    shape = bench.model.shape
    sizes = (2, shape.n_layers, shape.n_heads, shape.d_head)
    means = torch.randn(sizes, generator=torch.Generator().manual_seed(0))
    sites = [Site(Kind.Z, layer, head) for layer in range(shape.n_layers) for head in range(shape.n_heads)]
    cells = [(site, mean[site.layer, site.head]) for mean in means for site in sites]
    few = [cells[index] for index in range(0, len(cells), len(cells) // SOME[name])]
    fewer = few[: len(few) // 2]

    def swept(how: Callable[..., Floats], chosen: Sequence[Cell], batch: TokenBatch, answers: AnswerKey) -> Floats:
        ends = batch.at([-1] * len(batch))
        return how(bench, batch, answers, chosen, lambda cell: [replace(*cell, ends)], name)

    def one_by_one() -> Floats:
        rows = range(len(base))
        parts = [swept(plain_sweep, fewer, base.select([row]), key.select([row])) for row in rows]
        return np.concatenate(parts, axis=1)

    swept(sweep, fewer, base, key)
    replay_s, found = _timed(lambda: swept(sweep, cells, base, key))
    batched_s, wanted = _timed(lambda: swept(plain_sweep, few, base, key))
    single_s, alone = _timed(one_by_one)
    batched_s, single_s = batched_s * len(cells) / len(few), single_s * len(cells) / len(fewer)
    rows = range(0, len(cells), len(cells) // SOME[name])
    return {
        f"{name}_heads": len(sites),
        f"{name}_tokens": base.tokens.shape[1],
        f"{name}_replay_s": replay_s,
        f"{name}_batched_s": batched_s,
        f"{name}_single_s": single_s,
        f"{name}_ratio_to_batched": batched_s / replay_s,
        f"{name}_ratio_to_single": single_s / replay_s,
        f"{name}_largest_difference": max(
            float(np.abs(found[rows] - wanted).max()), float(np.abs(found[rows[: len(fewer)]] - alone).max())
        ),
    }


def _timed(work: Callable[[], Floats]) -> tuple[float, Floats]:
    start = perf_counter()
    result = work()
    return perf_counter() - start, result
