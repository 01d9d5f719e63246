"""Whether a plugin uses its hooks rightly, and what it offers beside analyses."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from jackfield.errors import TaskError
from jackfield.testing.conformance.check import BrokenPromise, Check, NotApplicable

if TYPE_CHECKING:
    from jackfield.metrics import Metric
    from jackfield.testing.conformance.offered import Offered

__all__ = ["CHECKS"]

_ROWS, _WORDS = 6, 11


def _hooks(plugin: Offered) -> str:
    record = plugin.record
    if record.status != "loaded":
        raise BrokenPromise(record.error or f"the plugin is {record.status}")
    if record.warnings:
        raise BrokenPromise("; ".join(record.warnings))
    return f"implements {', '.join(record.hooks)}"


def _tasks(plugin: Offered) -> str:
    tasks = plugin.all("task", plugin.registry.tasks())
    if not tasks:
        raise NotApplicable("the plugin offers no task")
    from jackfield.loading import load_model

    model, tried = load_model("fieldmouse"), []
    for name, task in tasks.items():
        try:
            drawn = [task.pairs(model, 4, seed) for seed in (0, 0, 1)]
        except TaskError:
            continue
        if drawn[0].digest != drawn[1].digest:
            raise BrokenPromise(f"{name} draws other pairs when it is asked again with the same seed")
        if drawn[0].digest == drawn[2].digest:
            raise BrokenPromise(f"{name} draws the same pairs whatever the seed")
        if missing := set(task.positions) - set(drawn[0].positions):
            raise BrokenPromise(f"{name} states the position {min(missing)}, which its pairs do not have")
        tried.append(name)
    if not tried:
        raise NotApplicable("fieldmouse has not the words for any task of the plugin")
    return f"{len(tried)} of {len(tasks)} tasks make pairs for fieldmouse; the others have not the words"


def _metrics(plugin: Offered) -> str:
    metrics = plugin.all("metric", plugin.registry.metrics())
    if not metrics:
        raise NotApplicable("the plugin offers no metric")
    for metric in metrics.values():
        _grade(metric)
    return f"{len(metrics)} metrics grade every prompt on its own"


def _grade(metric: Metric) -> None:
    import torch

    from jackfield.metrics import AnswerKey

    generator = torch.Generator().manual_seed(0)
    logits, clean = torch.randn(2, _ROWS, _WORDS, generator=generator)
    right = torch.randint(_WORDS, (_ROWS,), generator=generator)
    answers = torch.nn.functional.one_hot(right, _WORDS).bool()
    key = AnswerKey(answers, answers.roll(1, dims=-1), clean)
    kept = logits.clone()
    values = metric(logits, key)
    if tuple(values.shape) != (_ROWS,):
        raise BrokenPromise(f"{metric.name} gives the shape {list(values.shape)} for {_ROWS} prompts")
    if not torch.equal(kept, logits):
        raise BrokenPromise(f"{metric.name} changes the logits that it is given")
    low, high = metric.bounds
    if not bool(((values >= low) & (values <= high)).all()):
        raise BrokenPromise(f"{metric.name} leaves its bounds, {low} to {high}")
    turned = torch.arange(_ROWS).flip(0)
    if not torch.allclose(metric(logits[turned], key.select(turned)), values[turned], atol=1e-5):
        raise BrokenPromise(f"{metric.name} grades a prompt by its place among the others")


def _exporters(plugin: Offered) -> str:
    exporters = plugin.all("exporter", plugin.registry.exporters())
    if not exporters:
        raise NotApplicable("the plugin offers no exporter")
    from jackfield_circuits import Circuit, Edge, Evidence

    claim = Evidence(plugin="p", method="m", metric="d", unit="logits", score=0.5, n=4, run="r")
    circuit = Circuit(edges=[Edge.parse("a0.h0->logits", [claim])], runs={"r": {}})
    with tempfile.TemporaryDirectory() as folder:
        for name, write in exporters.items():
            stem = f"circuit-{name}"
            write(circuit, Path(folder) / f"{stem}.{name}")
            if not any(path.stat().st_size for path in Path(folder).glob(f"{stem}.*")):
                raise BrokenPromise(f"{name} did not write the file that it was asked for")
    return f"{len(exporters)} exporters write the file that they are asked for"


CHECKS = (
    Check(
        "hooks",
        "The plugin loads, every hook that it implements exists and takes those arguments, and all that it offers is "
        "accepted.",
        "Mark functions with @hookimpl, and spell names and arguments as the page about hooks does.",
        _hooks,
        whole=True,
    ),
    Check(
        "tasks",
        "The same seed gives the same pairs, another seed gives others, and the pairs have the positions that the task "
        "states.",
        "Draw from the generator that the pair maker is given, and from nothing else.",
        _tasks,
        whole=True,
    ),
    Check(
        "metrics",
        "A metric gives one number for each prompt, within its bounds, whatever other prompts there are.",
        "Reduce over the vocabulary only, in a function that changes nothing that it is given.",
        _metrics,
        whole=True,
    ),
    Check(
        "exporters",
        "An exporter writes a circuit to the path that it is given.",
        "Write to that path, or to several with its stem, such as x.nodes.csv for x.csv.",
        _exporters,
        whole=True,
    ),
)
