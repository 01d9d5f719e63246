"""``jackfield plugins``, its ``check`` and ``new``: what is installed, whether it is sound, how to begin another."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jackfield.cli.plugins_at_hand import discover
from jackfield.cli.terminal import AsJson, output, print_json, print_table, reporting, text

if TYPE_CHECKING:
    from jackfield.plugin_record import PluginRecord
    from jackfield.registry import Registry

__all__ = ["check_plugin", "list_plugins", "new_plugin"]

_STYLES = {
    "loaded": "green", "broken": "bold red", "disabled": "dim",
    "passed": "green", "failed": "bold red", "skipped": "dim",
}  # fmt: skip


def list_plugins(
    ctx: typer.Context,
    traceback: Annotated[bool, typer.Option("--traceback", help="Show where plugins that are broken fail.")] = False,
    json: AsJson = False,
) -> None:
    """List the installed plugins, what they offer, and why one does not work; check one, or begin a new one."""
    if ctx.invoked_subcommand is not None:
        return
    registry = discover()
    records, offered = registry.records, _offered(registry)
    if json:
        print_json([record.as_dict() | {"offers": offered.get(record.name, {})} for record in records])
        return
    print_table(
        ("plugin", "from", "status", "offers"),
        (
            (record.name, record.origin, text(record.status, _STYLES[record.status]), _summed(offered, record))
            for record in records
        ),
    )
    for record in records:
        for complaint in ([record.error] if record.error else []) + list(record.warnings):
            output().print(text(f"{record.name}: {complaint}", "yellow"), soft_wrap=True)
        if traceback and record.traceback:
            output().print(text(record.traceback, "dim"), soft_wrap=True)


def check_plugin(
    name: Annotated[str, typer.Argument(help="An installed plugin.")],
    only: Annotated[list[str], typer.Option(help="Try this check alone; may be given again.")] = [],  # noqa: B006
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Report no progress.")] = False,
    json: AsJson = False,
) -> None:
    """Check that an installed plugin keeps the promises that studies rely on, offline and on small models.

    The exit status is 1 if a promise is broken, or none could be tried.
    """
    from jackfield.testing import check_plugin

    with redirect_stdout(sys.stderr), reporting(quiet) as progress:
        report = check_plugin(name, discover(), only=only, progress=progress)
    if json:
        print_json(report.as_dict())
    else:
        for outcome in report.outcomes:
            output().print(text(outcome, _STYLES[outcome.status]), soft_wrap=True)
        output().print(text(report.verdict, "bold green" if report.passed else "bold red"), soft_wrap=True)
    if not report.passed:
        raise typer.Exit(1)


def new_plugin(
    name: Annotated[str, typer.Argument(help="Its name: small letters and digits, words joined by underscores.")],
    into: Annotated[Path, typer.Option(help="The folder that jackfield-NAME is written into.")] = Path(),
) -> None:
    """Write the skeleton of a plugin: a distribution with an analysis and tests that pass."""
    from jackfield.skeleton import write_skeleton

    folder = write_skeleton(name, into)
    output().print(text(folder), soft_wrap=True)
    output().print(text(f"Next: pip install --editable {folder} && pytest {folder}"), soft_wrap=True)


def _offered(registry: Registry) -> dict[str, dict[str, list[str]]]:
    """Plugin -> kind of thing -> names."""
    catalogue: Mapping[str, Mapping[str, Any]] = {
        "model": registry.models(), "task": registry.tasks(), "metric": registry.metrics(),
        "analysis": registry.analyses(), "intervention": registry.interventions(),
        "causal model": registry.causal_models(), "exporter": registry.exporters(),
    }  # fmt: skip
    offered: dict[str, dict[str, list[str]]] = {}
    for noun, names in catalogue.items():
        for name in names:
            offered.setdefault(registry.provider(noun, name), {}).setdefault(noun, []).append(name)
    return offered


def _summed(offered: Mapping[str, Mapping[str, Sequence[str]]], record: PluginRecord) -> str:
    return "; ".join(
        f"{noun} {', '.join(names[:4])}{f' and {len(names) - 4} more' if len(names) > 4 else ''}"
        for noun, names in offered.get(record.name, {}).items()
    )
