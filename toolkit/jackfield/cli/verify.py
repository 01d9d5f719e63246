"""``jackfield verify``: whether a circuit's claims can be made again."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Annotated

import typer

from jackfield.cli.circuit_files import CircuitPath, circuit_at
from jackfield.cli.plugins_at_hand import discover
from jackfield.cli.terminal import AsJson, output, print_json, print_table, reporting, text

if TYPE_CHECKING:
    from jackfield.verification import Verification

__all__ = ["verify"]

_MOST = 20


def verify(
    circuit: CircuitPath,
    *,
    model: Annotated[str | None, typer.Option(help="Where the model is now, if its name does not lead to it.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Report no progress.")] = False,
    json: AsJson = False,
) -> None:
    """Run again what a circuit claims, and pass or fail it claim by claim.

    Every run is made again from what the circuit states: model and weights, task, seed, settings. The exit status is 1
    if a run or a claim fails.
    """
    from jackfield.verification import verify as made_again

    with redirect_stdout(sys.stderr), reporting(quiet) as progress:
        found = made_again(circuit_at(circuit), discover(), progress, model=model)
    if json:
        print_json(found.as_dict())
    else:
        _show(found)
    if not found.passed:
        raise typer.Exit(1)


def _show(found: Verification) -> None:
    console = output()
    for note in found.notes:
        console.print(text(note))
    if found.failures:
        rows = [(check.subject, check.problem) for check in found.failures[:_MOST]]
        print_table(("failed", "why"), rows)
        if len(found.failures) > _MOST:
            console.print(text(f"and {len(found.failures) - _MOST} more"))
    if not found.claims:
        console.print(text("The circuit makes no claims: there is nothing to verify.", "bold red"))
        return
    kept = [sum(check.passed for check in checks) for checks in (found.runs, found.claims)]
    verdict = f"{kept[0]} of {len(found.runs)} runs and {kept[1]} of {len(found.claims)} claims hold."
    console.print(text(verdict, "bold green" if found.passed else "bold red"))
