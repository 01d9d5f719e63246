"""What the model goes on to say when only its reading of the prompt is patched, and whether that names the answer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from jackfield.generation import generate
from jackfield.hooked_model import HookedModel
from jackfield.pairs import PairBatch
from jackfield_plugins.back_patching.routes import Cell
from jackfield_plugins.back_patching.states import States, patch

__all__ = ["continuations", "mention", "sayings"]

_BATCH = 128


def continuations(
    model: HookedModel, pairs: PairBatch, rows: Sequence[int], tokens: int, cell: Cell | None, written: States
) -> dict[int, str]:
    """The greedy continuation of some prompts, by row.

    Parameters
    ----------
    model, pairs
        The model, and the pairs whose clean prompts it reads.
    rows
        Which prompts are continued.
    tokens
        How many tokens are appended.
    cell
        What is patched while the prompt is read; nothing if ``None``.
    written
        What the patch writes, one state for each of ``pairs``.
    """
    spoken: dict[int, str] = {}
    for start in range(0, len(rows), _BATCH):
        chosen = list(rows[start : start + _BATCH])
        part = pairs.select(chosen)
        prompts = part.clean.left_padded()
        index = torch.as_tensor(chosen, device=prompts.tokens.device)
        given = {place: state[index] for place, state in written.items()} if cell else {}
        patches = [patch(model, prompts, part, cell, given)] if cell else []
        for row, found in zip(chosen, generate(model, prompts, tokens, patches), strict=True):
            spoken[row] = model.text(found)
    return spoken


def sayings(pairs: PairBatch) -> list[tuple[str, ...]]:
    """All that counts as the answer of each pair when it is said."""
    return [pair.answers + pair.aliases for pair in pairs.pairs]


def mention(spoken: dict[int, str], answers: Sequence[Sequence[str]]) -> NDArray[np.float64]:
    """1 where a row's text holds one of that row's answers, 0 elsewhere and where nothing was said, ``[prompt]``.

    Upper and lower case are alike. Answers of one character are passed over: nearly every text holds them.
    """
    found = np.zeros(len(answers))
    for row, text in spoken.items():
        found[row] = any(answer.lower() in text.lower() for answer in answers[row] if len(answer) > 1)
    return found
