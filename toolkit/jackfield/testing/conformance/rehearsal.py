"""One run of an analysis, with all that it did beside returning a result."""

from __future__ import annotations

import tempfile
from contextlib import chdir
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from jackfield.progress import Progress, silent
from jackfield.testing.conformance.watch import SideEffects, watched

if TYPE_CHECKING:
    from jackfield.analysis import Analysis, AnalysisConfig
    from jackfield.bench import Bench
    from jackfield.testing.conformance.model_state import ModelState

__all__ = ["Rehearsal", "rehearse"]

Step = tuple[str, int, int]


@dataclass(frozen=True, eq=False)
class Rehearsal:
    """What a run did.

    Parameters
    ----------
    returned
        What it returned; ``None`` if it raised.
    raised
        The exception that ended it, if any.
    steps
        What it reported as progress: description, done, total.
    effects
        What it printed, wrote and drew from.
    before, after
        The model's state.
    pairs_changed
        Whether a tensor of the pairs is not as it was.
    """

    returned: Any
    raised: BaseException | None
    steps: tuple[Step, ...]
    effects: SideEffects
    before: ModelState
    after: ModelState
    pairs_changed: bool


def rehearse(analysis: Analysis[Any], bench: Bench, config: AnalysisConfig, interrupt: Progress = silent) -> Rehearsal:
    """Run an analysis once, in an empty folder.

    Parameters
    ----------
    analysis, bench, config
        What is run.
    interrupt
        Called at every report of progress; what it raises cancels the run.
    """
    from jackfield.testing.conformance.model_state import ModelState

    steps: list[Step] = []

    def report(description: str, done: int, total: int) -> None:
        steps.append((description, done, total))
        interrupt(description, done, total)

    before, tensors = ModelState.of(bench.model), _tensors(bench)
    returned, raised = None, None
    with tempfile.TemporaryDirectory() as folder, chdir(folder), watched() as effects:
        try:
            returned = analysis.run(replace(bench, progress=report), config)
        except (Exception, KeyboardInterrupt, SystemExit) as failure:
            raised = failure
    changed = any(not now.equal(then) for now, then in zip(_tensors(bench), tensors, strict=True))
    return Rehearsal(returned, raised, tuple(steps), effects, before, ModelState.of(bench.model), changed)


def _tensors(bench: Bench) -> list[Any]:
    """Copies of all tensors of a bench's pairs."""
    pairs = bench.pairs
    batches = (pairs.clean, pairs.corrupted)
    tensors = [*(part for batch in batches for part in (batch.tokens, batch.mask)), pairs.answers, pairs.foils]
    return [tensor.clone() for tensor in (*tensors, *pairs.positions.values())]
