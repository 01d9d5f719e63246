"""Many interventions on one batch, one after the other: the plain loop, exact by construction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from jackfield.progress import track

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
    """The metric of each prompt under each cell's interventions.

    Parameters
    ----------
    bench
        Gives the model, the metric and the progress reporter.
    base
        The prompts that are run, ``[prompt, column]``.
    key
        What predictions are graded against.
    cells
        What is swept over, such as (layer, position) pairs.
    interventions
        The interventions that belong to a cell.
    description
        What progress is reported as.

    Returns
    -------
    array ``[cell, prompt]``, in the metric's unit
    """
    import numpy as np

    values = np.empty((len(cells), len(base)))
    for index, cell in enumerate(track(cells, description, bench.progress)):
        logits = bench.model.run_with_interventions(base, interventions(cell))
        values[index] = bench.graded(bench.model.answer_logits(logits, base), key)
    return values
