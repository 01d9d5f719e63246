"""Execute the tutorials and write them as notebooks: ``python tutorials/execute.py [SOURCE ...]``.

The sources are scripts in jupytext's percent format; each becomes a notebook of the same name beside it, with what its
cells printed and drew. Progress bars and warnings of other packages are left out.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from nbclient import NotebookClient
from rich.console import Console

from jackfield.files import write_atomically

FOLDER = Path(__file__).parent
KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}


def sources() -> list[Path]:
    """The tutorials, in the order in which they are read."""
    return sorted(FOLDER.glob("[0-9]*_*.py"))


def unexecuted(source: Path) -> Any:
    """A tutorial as a notebook without outputs; the same source gives the same notebook."""
    notebook = jupytext.reads(source.read_text(encoding="utf-8"), fmt="py:percent")
    notebook.metadata = nbformat.from_dict({"kernelspec": KERNEL, "language_info": {"name": "python"}})
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number}"
    return notebook


def executed(source: Path) -> Any:
    """A tutorial with its outputs; ``CellExecutionError`` if a cell raises."""
    notebook = NotebookClient(unexecuted(source), timeout=600, record_timing=False).execute()
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
    return notebook


def main(names: list[str]) -> None:
    console = Console(stderr=True)
    for source in map(Path, names) if names else sources():
        console.print(f"executing {source.name}")
        text = nbformat.writes(executed(source)) + "\n"
        write_atomically(source.with_suffix(".ipynb"), lambda path, text=text: path.write_text(text, encoding="utf-8"))


if __name__ == "__main__":
    main(sys.argv[1:])
