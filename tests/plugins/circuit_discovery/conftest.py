"""Random prompts with answers, for models that were never trained, and the pairs of the embedded model."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import pytest
import torch

from jackfield.bench import Bench
from jackfield.hooked_model import HookedModel
from jackfield.pairs import END, PairBatch, PromptPair
from jackfield.registry import Registry
from jackfield.token_batch import PaddingSide, TokenBatch

LENGTHS = (7, 4, 6, 7, 4, 6)

MakeBench = Callable[..., Bench]


@pytest.fixture(scope="session")
def random_bench() -> MakeBench:
    """Makes pairs of random prompts, of three lengths; the answer and the foil of each are any two tokens."""

    def make(
        model: HookedModel,
        side: PaddingSide = "right",
        lengths: Sequence[int] = LENGTHS,
        metric: str = "logit_difference",
    ) -> Bench:
        draw = random.Random(5)
        vocabulary = model.shape.d_vocab

        def batch() -> TokenBatch:
            rows = [[1, *(draw.randrange(3, vocabulary) for _ in range(length - 1))] for length in lengths]
            return TokenBatch.from_rows(rows, 0, side)

        clean, corrupted = batch(), batch()
        answers, foils = torch.zeros(2, len(lengths), vocabulary, dtype=torch.bool)
        wanted = model.answer_logits(model.run(clean), clean)
        answers[range(len(lengths)), wanted.argmax(-1)] = True
        foils[range(len(lengths)), wanted.argmin(-1)] = True
        pairs = PairBatch(
            tuple(PromptPair(f"clean {row}", f"corrupted {row}", ("a",), ("b",), {}) for row in range(len(lengths))),
            clean, corrupted, answers, foils, {END: clean.lengths - 1}, (), len(lengths),
        )  # fmt: skip
        return Bench(model, pairs, Registry.discover().metric(metric), "random tokens")

    return make


@pytest.fixture(scope="session")
def ioi(fieldmouse: HookedModel) -> Bench:
    """Indirect objects of the embedded model."""
    registry = Registry.discover()
    return Bench.prepare(fieldmouse, registry.task("ioi"), registry.metric("logit_difference"), pairs=32, seed=3)
