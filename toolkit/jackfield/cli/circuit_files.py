"""Circuits, as the command line names them: a run's folder, or a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from jackfield_circuits import Circuit

__all__ = ["Alpha", "CircuitPath", "Metric", "OutPath", "circuit_at"]

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
