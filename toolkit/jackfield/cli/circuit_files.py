"""Circuits, as the command line names them: a run's folder, or a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jackfield.cli.terminal import output, print_json, text

if TYPE_CHECKING:
    from jackfield_circuits import Circuit

__all__ = ["Alpha", "CircuitPath", "Metric", "OnTask", "OutPath", "circuit_at", "tell_of_file"]

CircuitPath = Annotated[
    Path,
    typer.Argument(metavar="CIRCUIT", help="A circuit's file, or a folder that `jackfield run` wrote."),
]
OutPath = Annotated[
    Path,
    typer.Option(
        "--out", metavar="FILE", help="Where to write it; the name's end says how, such as .graphml or .json."
    ),
]
Alpha = Annotated[float, typer.Option(help="Largest q-value that counts as significant.")]
OnTask = Annotated[str | None, typer.Option(help="Look at claims about this task.", show_default=False)]
Metric = Annotated[str | None, typer.Option(help="Look at scores of this metric.", show_default=False)]


def circuit_at(path: Path) -> Circuit:
    """Read the circuit of a run, or of a file.

    Raises
    ------
    JackfieldError
        If there is none, or it cannot be read.
    """
    if path.is_dir():
        from jackfield.run_folder import RunFolder

        return RunFolder(path).circuit()
    from jackfield_circuits import read_circuit

    return read_circuit(path)


def tell_of_file(whole: Circuit, part: Circuit, path: Path, json: bool) -> None:
    """Say what was written of a circuit."""
    if json:
        print_json({"file": str(path), "nodes": len(part.nodes), "edges": len(part.edges)})
    else:
        kept = f"{len(part.nodes)} of {len(whole.nodes)} nodes and {len(part.edges)} of {len(whole.edges)} edges"
        output().print(text(f"{path}: {kept}"), soft_wrap=True)
