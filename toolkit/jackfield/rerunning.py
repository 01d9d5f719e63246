"""Circuits of files, run on each other's tasks: model, tasks and metrics are those that their runs state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jackfield.bench import Bench
from jackfield.errors import ResultError
from jackfield.progress import Progress, silent
from jackfield.provenance import Provenance
from jackfield.stated_model import load_stated
from jackfield.transfer import Candidate, Transfer, transfer

if TYPE_CHECKING:
    from jackfield.registry import Registry
    from jackfield_circuits import Circuit

__all__ = ["Rerunning", "rerun"]


@dataclass(frozen=True)
class Rerunning:
    """A transfer, and the seed and number of the pairs that it was measured on.

    Parameters
    ----------
    transfer
        What was found.
    seed
        Of the pairs; another one than those that the circuits were found on.
    pairs
        How many pairs of each task the model gets right, which are those that count.
    """

    transfer: Transfer
    seed: int
    pairs: Mapping[str, int]


def rerun(
    circuits: Mapping[str, Circuit],
    registry: Registry,
    progress: Progress = silent,
    *,
    pairs: int = 48,
    seed: int | None = None,
    shuffles: int = 60,
    model: str | None = None,
) -> Rerunning:
    """Run every circuit on the tasks of all.

    Parameters
    ----------
    circuits
        Name -> circuit; all of its edges are run. Each holds claims about one task.
    registry
        The plugins that offer model, tasks and metrics.
    progress
        Where work is reported.
    pairs
        How many pairs to draw of each task.
    seed
        Of the pairs; the first one above those of all runs if omitted, so that circuits are judged on other pairs than
        they were found on. Tasks with few different pairs draw some of them again all the same.
    shuffles
        How many random circuits with the same wiring each circuit is compared with.
    model
        Where the model is now, if its name does not lead to it.

    Raises
    ------
    ResultError
        If a circuit states no run, runs of several tasks, models or metrics, or a model that is another one now.
    """
    stated = {name: _stated(name, circuit) for name, circuit in circuits.items()}
    first, *others = stated.values()
    for other in others:
        if (other.model.weights, other.model.tokenizer) != (first.model.weights, first.model.tokenizer):
            raise ResultError(f"circuits of two models were given, {first.model.name} and {other.model.name}")
    metrics = {question.task: question.metric for question in stated.values()}
    for name, question in stated.items():
        if metrics[question.task] != question.metric:
            raise ResultError(
                f"{name} was graded by {question.metric}, another circuit of {question.task} by "
                f"{metrics[question.task]}; faithfulness is measured by one"
            )
    fresh = 1 + max(run["seed"] for circuit in circuits.values() for run in circuit.runs.values())
    seed = fresh if seed is None else seed
    hooked = load_stated(first.model, registry, model)
    benches = [
        Bench.prepare(hooked, registry.task(task), registry.metric(metric), pairs, seed, progress=progress)
        for task, metric in metrics.items()
    ]
    candidates = [Candidate.of(name, stated[name].task, circuit) for name, circuit in circuits.items()]
    found = transfer(candidates, benches, shuffles=shuffles)
    return Rerunning(found, seed, {bench.task: len(bench.pairs) for bench in benches})


def _stated(name: str, circuit: Circuit) -> Provenance:
    """What the runs of a circuit state, which have to agree on model, task and metric."""
    try:
        runs = [Provenance.from_dict(dict(run)) for run in circuit.runs.values()]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ResultError(f"{name} holds a run that is none of jackfield's: {type(error).__name__}: {error}") from error
    if not runs:
        raise ResultError(f"{name} states no run, so nothing says which model and task it belongs to")
    for what, values in (
        ("tasks", {run.task for run in runs}),
        ("models", {run.model.weights for run in runs}),
        ("metrics", {run.metric for run in runs}),
    ):
        if len(values) > 1:
            raise ResultError(
                f"{name} holds runs of {len(values)} {what}: {', '.join(sorted(values))}; give the part of one, as "
                "`jackfield circuit merge --task` writes it"
            )
    return runs[0]
