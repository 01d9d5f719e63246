"""Trainings that are kept as they are done, and reported as one piece of work."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import TypeAlias, final

import numpy as np
from numpy.typing import NDArray

from jackfield.bench import Bench
from jackfield.progress import Progress

__all__ = ["Ledger"]

Floats: TypeAlias = NDArray[np.float64]


@final
class Ledger:
    """What each of several trainings gave, a row of numbers each; use it as a context manager, so that none is lost.

    Parameters
    ----------
    bench
        Where rows are kept and progress is reported.
    description
        What the work is called.
    rows, width
        How many trainings there are, and how many numbers each gives.
    steps
        The most steps of a training.
    """

    def __init__(self, bench: Bench, description: str, rows: int, width: int, steps: int) -> None:
        self._progress, self._description, self._steps = bench.progress, description, steps
        self._sweep = bench.checkpoint.begin(description, rows, width)
        self._done = int(self._known.sum())
        self._told = -1

    def row(self, index: int, compute: Callable[[Progress], Floats]) -> Floats:
        """The numbers of one training, computed unless they are known.

        Parameters
        ----------
        index
            Which training.
        compute
            Computes them, given where to report its steps.
        """
        if not self._known[index]:
            width = self._sweep.values.shape[1]
            self._sweep.fill(np.full(width, index), np.arange(width), compute(self._step))
            self._done += 1
            self._step("", 0, 1)
        found: Floats = self._sweep.values[index]
        return found

    def __enter__(self) -> Ledger:
        self._sweep.__enter__()
        self._step("", 0, 1)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._sweep.__exit__(kind, error, trace)

    @property
    def _known(self) -> NDArray[np.bool_]:
        found: NDArray[np.bool_] = np.all(self._sweep.known, axis=1)
        return found

    def _step(self, _: str, done: int, total: int) -> None:
        """Report the share of a training that is done on top of those that are finished."""
        every = self._steps * len(self._sweep.values)
        now = min(every, self._done * self._steps + done * self._steps // total)
        if now > self._told:
            self._told = now
            self._progress(self._description, now, every)
