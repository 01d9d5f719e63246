"""``jackfield circuit transfer``: what circuits do on each other's tasks."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jackfield.cli.circuit_files import circuit_at
from jackfield.cli.plugins_at_hand import discover
from jackfield.cli.terminal import AsJson, output, print_json, print_table, reporting, text

if TYPE_CHECKING:
    from jackfield.random_circuits import Control
    from jackfield.statistics import Estimate

__all__ = ["transfer"]


def transfer(
    circuits: Annotated[
        list[Path], typer.Argument(metavar="CIRCUIT...", help="Circuits of one model, each of one task.")
    ],
    *,
    every: Annotated[bool, typer.Option("--all", help="Run all that was claimed, not only findings.")] = False,
    pairs: Annotated[int, typer.Option(help="Prompt pairs to draw of each task.")] = 48,
    seed: Annotated[
        int | None, typer.Option(help="Seed of the pairs; one that no circuit was found with if omitted.")
    ] = None,
    shuffles: Annotated[int, typer.Option(help="Circuits with the same wiring to compare each one with.")] = 60,
    model: Annotated[str | None, typer.Option(help="Where the model is now, if its name does not lead to it.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Report no progress.")] = False,
    json: AsJson = False,
) -> None:
    """Run every circuit on every circuit's task: how faithful it is there, and what circuits share.

    All edges outside a circuit carry the corrupted prompt. Beside each figure stands that of circuits with the same
    wiring between other heads: what a circuit owes to its shape alone.
    """
    from jackfield.rerunning import rerun

    parts = {str(path): circuit_at(path) for path in circuits}
    found = {name: whole if every else whole.findings() for name, whole in parts.items()}
    with redirect_stdout(sys.stderr), reporting(quiet) as progress:
        done = rerun(found, discover(), progress, pairs=pairs, seed=seed, shuffles=shuffles, model=model)
    if json:
        print_json({"seed": done.seed, "pairs": dict(done.pairs), **done.transfer.as_dict()})
        return
    counts = ", ".join(f"{count} of {task}" for task, count in done.pairs.items())
    output().print(text(f"Faithfulness on pairs of seed {done.seed}: {counts}"))
    print_table(
        ("circuit", "edges", "task", "faithfulness", "other heads", "any edges", "q", "finding"),
        (
            (
                *(each.circuit, each.edges, each.task, _interval(each.faithfulness), _spread(each.shuffled)),
                *(_spread(each.scattered), f"{each.q_value:.2g}", "yes" if each.is_finding else ""),
            )
            for each in done.transfer.reruns
        ),
    )
    if done.transfer.overlaps:
        output().print()
        print_table(
            ("circuits", "share", "Jaccard", "other heads", "q", "blind draws, p"),
            (
                (
                    f"{each.first}, {each.second}" + (" (one task)" if each.same_task else ""),
                    f"{each.shared} of {each.of_first} and {each.of_second} {each.noun}",
                    *(f"{each.jaccard:.2f}", _spread(each.shuffled), f"{each.q_value:.2g}"),
                    f"{each.hypergeometric:.2g}",
                )
                for each in done.transfer.overlaps
            ),
        )


def _interval(found: Estimate) -> str:
    return f"{found.value:.2f} [{found.low:.2f}, {found.high:.2f}]"


def _spread(found: Control) -> str:
    return f"{found.mean:.2f} [{found.low:.2f}, {found.high:.2f}]"
