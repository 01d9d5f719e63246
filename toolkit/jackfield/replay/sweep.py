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

    Takes what ``jackfield.sweep.sweep`` takes, and gives what it gives. What ``bench.checkpoint`` knows already is not
    computed again; what is computed, it is told batch by batch. Progress counts the share of all rows in cells.
    """
    from jackfield.replay.engine import Replay

    done = 0
    bench.progress(description, done, len(cells))
    with bench.checkpoint.begin(description, len(cells), len(base)) as partial:
        known = partial.known
        if not known.all():
            replay = Replay(bench.model, base, [interventions(cell) for cell in cells])
            for patches, prompts, logits in replay.answers(known):
                rows = patches.cpu().numpy(), prompts.cpu().numpy()
                partial.fill(*rows, bench.graded(logits, key.select(prompts)))
                known[rows] = True
                before, done = done, int(known.mean() * len(cells))
                if before < done < len(cells):
                    bench.progress(description, done, len(cells))
    if cells:
        bench.progress(description, len(cells), len(cells))
    return partial.values
