"""Whether a run leaves everything but its result as it was, and can be followed and cancelled."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from jackfield.testing.conformance.check import BrokenPromise, Check, NotApplicable

if TYPE_CHECKING:
    from jackfield.testing.conformance.rehearsal import Rehearsal
    from jackfield.testing.conformance.subject import Subject

__all__ = ["CHECKS"]


def _runs(subject: Subject) -> dict[str, Rehearsal]:
    runs = {"a run": subject.first, "a run whose metric failed": subject.upset}
    return runs | {f"a run cancelled at report {at}": run for at, (run, _) in subject.stopped.items()}


def _clean(subject: Subject) -> str:
    runs = _runs(subject)
    for after, run in runs.items():
        if traces := run.before.traces_of(run.after):
            raise BrokenPromise(f"after {after}, {traces[0]}")
    return f"nothing is left on the model after {len(runs)} runs, {len(runs) - 1} of them broken off"


def _untouched(subject: Subject) -> str:
    runs = _runs(subject)
    for after, run in runs.items():
        if run.before.weights != run.after.weights:
            raise BrokenPromise(f"after {after}, the model's weights are not what they were")
        if run.pairs_changed:
            raise BrokenPromise(f"after {after}, the pairs' tensors are not what they were")
    return f"weights and pairs are what they were after {len(runs)} runs"


def _quiet(subject: Subject) -> str:
    effects = subject.first.effects
    if effects.printed:
        raise BrokenPromise(f"it printed {effects.printed[:60]!r}")
    if effects.acts:
        raise BrokenPromise(f"it {effects.acts[0]}")
    return "prints nothing, writes no file, starts no program and opens no connection"


def _generators(subject: Subject) -> str:
    if touched := subject.first.effects.generators:
        raise BrokenPromise(f"it drew from or seeded the global generator of {touched[0]}")
    return "random, numpy.random and torch are where they were"


def _progress(subject: Subject) -> str:
    steps = subject.first.steps
    if not steps:
        raise BrokenPromise("it reported nothing")
    for description in dict.fromkeys(description for description, _, _ in steps):
        for stage in _stages([(done, total) for name, done, total in steps if name == description]):
            done, totals = [count for count, _ in stage], {total for _, total in stage}
            if len(totals) > 1 or done[0] != 0 or done != sorted(done):
                seen = ", ".join(f"{count} of {total}" for count, total in stage[:4])
                raise BrokenPromise(f"{description!r} goes {seen}")
            if subject.first.raised is None and {done[-1]} != totals:
                raise BrokenPromise(f"{description!r} ends at {done[-1]} of {max(totals)}")
    return f"{len(steps)} reports, each stage from 0 to its end"


def _stages(reports: list[tuple[int, int]]) -> list[list[tuple[int, int]]]:
    """The reports under one description, cut where it begins again."""
    starts = [index for index, (done, _) in enumerate(reports) if done == 0 or index == 0]
    return [reports[start:end] for start, end in pairwise([*starts, len(reports)])]


def _cancel(subject: Subject) -> str:
    if not subject.stopped:
        raise NotApplicable("it reports no progress, so nobody can cancel it")
    for at, (run, by) in subject.stopped.items():
        if run.raised is not by:
            ended = "went on" if run.raised is None else f"raised {type(run.raised).__name__}"
            raise BrokenPromise(f"at report {at} the reporter raised {type(by).__name__}, and the analysis {ended}")
    return f"ends at once at report {' and at report '.join(map(str, subject.stopped))}"


CHECKS = (
    Check(
        "clean",
        "No hook is left behind and no gate is left open, also after a failure.",
        "Run the model only through bench.model, and hook it only inside with bench.model.hooked(...).",
        _clean,
    ),
    Check(
        "untouched",
        "The model's weights and the pairs are as they were.",
        "Clone a tensor before you change it in place; use an intervention instead of new weights.",
        _untouched,
    ),
    Check(
        "quiet",
        "A run prints nothing, writes no file, starts no program and opens no connection.",
        "Put what you have to say into the result's summary, and what you have to keep into its data.",
        _quiet,
    ),
    Check(
        "generators",
        "No global generator of random numbers is drawn from or seeded.",
        "Draw from bench.rng(purpose) or bench.draw(purpose), and give torch a generator of your own.",
        _generators,
    ),
    Check(
        "progress",
        "Progress is reported: every stage from 0 to its total, never backwards.",
        "Loop with jackfield.progress.track(items, description, bench.progress), or use jackfield.replay.sweep.",
        _progress,
    ),
    Check(
        "cancel",
        "What the progress reporter raises ends the run and reaches the caller as it is.",
        "Catch only the exceptions that you expect, where you expect them; never a bare Exception around a loop.",
        _cancel,
    ),
)
