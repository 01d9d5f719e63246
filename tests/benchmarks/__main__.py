"""Run the benchmarks, print what they measured, and keep it under ``out/bench/``."""

from __future__ import annotations

import argparse
import json
import os
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.table import Table
from tests.benchmarks.report import performance_page

FOLDER = Path(__file__).parent
Measured = Mapping[str, float | int | str]


def discover(folder: Path = FOLDER) -> list[str]:
    """The names of the benchmarks in a folder, sorted."""
    return sorted(path.stem.removeprefix("bench_") for path in folder.glob("bench_*.py"))


def environment() -> dict[str, str | int | None]:
    packages = {name: version(name) for name in ("jackfield", "torch", "transformer-lens")}
    return {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "threads": os.environ.get("OMP_NUM_THREADS"),
        **packages,
    }


def save(name: str, measured: Measured, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    content = {
        "benchmark": name,
        "measured": dict(measured),
        "environment": environment(),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    path.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    return path


def table(name: str, measured: Measured) -> Table:
    rows = Table("measure", "value", title=name, title_justify="left")
    rows.columns[1].justify = "right"
    for measure, value in measured.items():
        rows.add_row(measure, f"{value:.4g}" if isinstance(value, float) else str(value))
    return rows


def main(arguments: Sequence[str] | None = None) -> None:
    known = discover()
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"which to run, all unless named: {', '.join(known) or 'none yet'}"
    )
    parser.add_argument("--out", type=Path, default=Path("out/bench"), help="folder for the JSON files")
    parser.add_argument("--page", type=Path, help="Markdown file to write all that was measured so far to")
    chosen = parser.parse_args(arguments)
    if unknown := sorted({*chosen.names} - {*known}):
        parser.error(f"no benchmark is called {', '.join(unknown)}; known: {', '.join(known) or 'none'}")
    console = Console()
    if not known:
        console.print("There is no benchmark yet: add tests/benchmarks/bench_<name>.py.", markup=False)
    for name in chosen.names or known:
        measured = import_module(f"tests.benchmarks.bench_{name}").run()
        save(name, measured, chosen.out)
        console.print(table(name, measured))
    if chosen.page:
        chosen.page.write_text(performance_page(chosen.out, FOLDER), encoding="utf-8")


if __name__ == "__main__":
    main()
