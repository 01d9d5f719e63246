"""The sweep over all patches, replayed: where the best answer then ranks among the next tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from jackfield.bench import Bench
from jackfield.metrics import BUILT_IN, AnswerKey
from jackfield.pairs import PairBatch
from jackfield.replay import sweep
from jackfield_plugins.back_patching.routes import Cell
from jackfield_plugins.back_patching.states import Content, States, patch

__all__ = ["ranks"]

_RANK = next(metric for metric in BUILT_IN if metric.name == "rank")


def ranks(
    bench: Bench, pairs: PairBatch, found: Sequence[Cell], written: Mapping[Content, States], description: str
) -> dict[Content, NDArray[np.float64]]:
    """How many tokens are likelier than the likeliest answer under each patch; 0 is a success.

    Parameters
    ----------
    bench
        Gives the model, progress and checkpoint; its metric plays no part.
    pairs
        Whose clean prompts are run and patched.
    found
        The patches.
    written
        What they write. All of it is swept at once, so that it shares one base run.
    description
        What progress is reported as.

    Returns
    -------
    dict
        By content, ``[patch, prompt]``.
    """
    prompts = pairs.clean.left_padded()
    swept = sweep(
        replace(bench, metric=_RANK), prompts, AnswerKey(pairs.answers, pairs.foils),
        [(content, cell) for content in written for cell in found],
        lambda each: [patch(bench.model, prompts, pairs, each[1], written[each[0]])], description,
    )  # fmt: skip
    return dict(zip(written, np.split(swept, len(written)), strict=True))
