"""The terminal: where text, tables, JSON and progress go, and how they look there."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from jackfield.progress import Progress, silent
from jackfield.visible import visible

if TYPE_CHECKING:
    from rich.progress import TaskID

__all__ = ["AsJson", "complain", "output", "print_json", "print_table", "reporting", "text"]

_WIDTH_OF_A_PIPE = 160
_SECONDS_BETWEEN_LINES = 30.0

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]


def output() -> Console:
    """Standard output; what is piped is wide, and nothing is highlighted."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=_WIDTH_OF_A_PIPE)


def text(content: object, style: str = "") -> Text:
    """Text that is shown as it is: no markup in it is read, and what cannot be seen is spelled out."""
    return Text(visible(str(content)), style)


def print_json(value: object) -> None:
    typer.echo(json.dumps(value, indent=2))


def print_table(columns: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """Print rows of plain values or styled text."""
    table = Table(*columns, box=None, pad_edge=False, header_style="bold", padding=(0, 3, 0, 0))
    for row in rows:
        table.add_row(*(cell if isinstance(cell, Text) else text(cell) for cell in row))
    output().print(table)


def complain(kind: str, message: object) -> None:
    """Print a message about something wrong to standard error."""
    style = "bold yellow" if kind == "warning" else "bold red"
    Console(stderr=True, highlight=False).print(Text.assemble((f"{kind}: ", style), text(message)), soft_wrap=True)


@contextmanager
def reporting(quiet: bool = False) -> Iterator[Progress]:
    """Report progress on standard error: bars on a terminal, otherwise a line now and then."""
    console = Console(stderr=True, highlight=False)
    if quiet:
        yield silent
    elif console.is_terminal:
        with _bars(console) as progress:
            yield progress
    else:
        yield _Lines(console)


@contextmanager
def _bars(console: Console) -> Iterator[Progress]:
    from rich import progress as rich

    columns: tuple[Any, ...] = (
        rich.TextColumn("{task.description}"),
        rich.BarColumn(),
        rich.MofNCompleteColumn(),
        rich.TimeRemainingColumn(),
    )
    with rich.Progress(*columns, console=console, transient=True) as bars:
        tasks: dict[str, TaskID] = {}

        def report(description: str, done: int, total: int) -> None:
            if description not in tasks:
                tasks[description] = bars.add_task(text(description).markup, total=total)
            bars.update(tasks[description], completed=done, total=total)
            if done == total:
                bars.remove_task(tasks.pop(description))

        yield report


class _Lines:
    """Says when something has ended, and, while it lasts, where it stands."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._started: dict[str, float] = {}
        self._spoke = time.monotonic()

    def __call__(self, description: str, done: int, total: int) -> None:
        now = time.monotonic()
        started = self._started.setdefault(description, now)
        if done == total:
            self._say(f"{description}: {total} in {now - started:.1f} s", now)
            del self._started[description]
        elif now - self._spoke > _SECONDS_BETWEEN_LINES:
            self._say(f"{description}: {done} of {total}", now)

    def _say(self, line: str, now: float) -> None:
        self._console.print(text(line), soft_wrap=True)
        self._spoke = now
