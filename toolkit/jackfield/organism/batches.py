"""Training batches of *fieldmouse*: a pure function of seed and step, so that an interrupted run resumes exactly."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from .rows import ROWS, Row
from .world import BOS, PAD, vocabulary

ROWS_PER_STEP: Mapping[str, int] = {
    "one_hop": 14, "two_hop": 16, "in_context": 12, "repeated": 16, "handover": 12, "coloured_objects": 20,
    "greater_than": 5, "between": 10, "hierarchical_equality": 16, "equality": 16,
}  # fmt: skip
"""How many rows of each skill a step sees."""

BUCKETS: tuple[tuple[str, ...], ...] = (
    ("one_hop", "two_hop", "in_context", "repeated"),
    ("handover", "coloured_objects"),
    ("greater_than", "between", "hierarchical_equality", "equality"),
)
"""Skills of like length share a forward pass."""

_IDS: Mapping[str, int] = {word: index for index, word in enumerate(vocabulary())}


@dataclass(frozen=True)
class Batch:
    """Rows of one bucket.

    ``tokens [row, position]`` is right-padded; ``graded [row, position]`` marks answer tokens, ``plain`` all other
    words; ``skills[row]`` indexes ``names``.
    """

    tokens: Tensor
    graded: Tensor
    plain: Tensor
    skills: Tensor
    names: tuple[str, ...]


def encode(rows: list[Row], skills: list[int], names: tuple[str, ...]) -> Batch:
    length = 1 + max(len(row.words) for row in rows)
    tokens = torch.full((len(rows), length), _IDS[PAD])
    graded = torch.zeros(len(rows), length, dtype=torch.bool)
    for index, row in enumerate(rows):
        tokens[index, : len(row.words) + 1] = torch.tensor([_IDS[BOS], *(_IDS[word] for word in row.words)])
        graded[index, [answer + 1 for answer in row.answers]] = True
    plain = (tokens != _IDS[PAD]) & ~graded
    plain[:, 0] = False
    return Batch(tokens, graded, plain, torch.tensor(skills), names)


def step_batches(seed: int, step: int) -> list[Batch]:
    """The batches of one optimiser step, one per bucket."""
    batches = []
    for names in BUCKETS:
        rows: list[Row] = []
        skills: list[int] = []
        for skill, name in enumerate(names):
            draw = random.Random(f"fieldmouse/{seed}/{step}/{name}")
            rows += [ROWS[name](draw) for _ in range(ROWS_PER_STEP[name])]
            skills += [skill] * ROWS_PER_STEP[name]
        batches.append(encode(rows, skills, names))
    return batches


def digest(batches: list[Batch]) -> str:
    """SHA-256 of the batches' tokens and grades, by which a change of the training data is noticed."""
    found = hashlib.sha256()
    for batch in batches:
        for tensor in (batch.tokens, batch.graded.long()):
            found.update(repr(tensor.tolist()).encode())
    return found.hexdigest()
