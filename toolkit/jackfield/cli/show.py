"""``jackfield show``: a run that is on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from jackfield.cli.overview import as_json, print_overview
from jackfield.cli.terminal import AsJson, print_json

__all__ = ["show"]


def show(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="A folder that `jackfield run` wrote.", show_default=False)
    ],
    json: AsJson = False,
) -> None:
    """Show what a run found, and where it stands."""
    from jackfield.run_folder import RunFolder

    folder = RunFolder(run)
    manifest = folder.manifest
    if json:
        print_json(as_json(folder, manifest))
    else:
        print_overview(folder, manifest)
