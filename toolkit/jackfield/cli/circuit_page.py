"""``jackfield circuit view``: a page to look at a circuit."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from jackfield.cli.circuit_files import Alpha, CircuitPath, circuit_at
from jackfield.cli.terminal import AsJson, output, print_json, text

__all__ = ["view"]


def view(
    circuit: CircuitPath,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="PAGE.html", help="Where to write it; beside the circuit if omitted."),
    ] = None,
    title: Annotated[
        str | None, typer.Option(help="What stands at the top; the file's name if omitted.", show_default=False)
    ] = None,
    alpha: Alpha = 0.05,
    json: AsJson = False,
) -> None:
    """Write a page to look at a circuit in a browser, in one file that needs no network."""
    from jackfield.run_folder import RunFolder
    from jackfield_circuits import write_page

    whole = circuit_at(circuit)
    page = out or (RunFolder(circuit).page_file if circuit.is_dir() else circuit.with_suffix(".html"))
    if circuit.is_dir() and page == RunFolder(circuit).page_file and title is None:
        RunFolder(circuit).write_page(RunFolder(circuit).manifest, whole, alpha)
    else:
        write_page(whole, page, title or circuit.resolve().stem, alpha)
    if json:
        print_json({"file": str(page), "nodes": len(whole.nodes), "edges": len(whole.edges)})
    else:
        said = f"{len(whole.nodes)} nodes and {len(whole.edges)} edges, to look at in a browser"
        output().print(text(f"{page}: {said}"), soft_wrap=True)
