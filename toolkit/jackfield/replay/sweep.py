"""Many interventions on one batch, replayed: what ``jackfield.sweep`` computes, without what repeats."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from jackfield.bench import Bench
    from jackfield.interventions import Intervention
    from jackfield.metrics import AnswerKey
    from jackfield.token_batch import TokenBatch

__all__ = ["sweep"]

Cell = TypeVar("Cell")


def sweep(
    bench: Bench,
    base: TokenBatch,
    key: AnswerKey,
    cells: Sequence[Cell],
    interventions: Callable[[Cell], Sequence[Intervention]],
    description: str,
) -> NDArray[np.float64]:
    """The metric of each prompt under each cell's interventions, ``[cell, prompt]``, in the metric's unit.

    Takes what ``jackfield.sweep.sweep`` takes, and gives what it gives.
    """
    import numpy as np

    from jackfield.replay.engine import Replay

    bench.progress(description, 0, len(cells))
    values = np.empty((len(cells), len(base)))
    if not cells:
        return values
    left = np.full(len(cells), len(base))
    for patches, prompts, logits in Replay(bench.model, base, [interventions(cell) for cell in cells]).answers():
        rows = patches.cpu().numpy()
        values[rows, prompts.cpu().numpy()] = bench.graded(logits, key.select(prompts))
        np.subtract.at(left, rows, 1)
        bench.progress(description, int((left == 0).sum()), len(cells))
    return values
