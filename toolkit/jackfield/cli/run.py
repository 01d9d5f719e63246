"""``jackfield run``: from a study file, flags, or both, to a run folder."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jackfield.cli.overview import as_json, print_overview
from jackfield.cli.plugins_at_hand import discover
from jackfield.cli.terminal import AsJson, print_json, reporting
from jackfield.errors import ConfigError

if TYPE_CHECKING:
    from jackfield.study_config import StudyConfig

__all__ = ["run"]

_STUDY = "What is studied"
_RUN = "How it is run"


def run(
    study: Annotated[
        Path | None,
        typer.Argument(metavar="STUDY.yaml", help="A study file. Flags override it.", show_default=False),
    ] = None,
    *,
    model: Annotated[
        str | None, typer.Option(help="A model's name, folder or .gguf file.", rich_help_panel=_STUDY)
    ] = None,
    task: Annotated[
        str | None, typer.Option(help="A task; `jackfield tasks` lists them.", rich_help_panel=_STUDY)
    ] = None,
    pairs: Annotated[int | None, typer.Option(help="Prompt pairs to draw.", rich_help_panel=_STUDY)] = None,
    metric: Annotated[
        str | None, typer.Option(help="What predictions are graded with.", rich_help_panel=_STUDY)
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of all randomness.", rich_help_panel=_STUDY)] = None,
    analysis: Annotated[
        list[str] | None,
        typer.Option(help="Run this analysis and no other; repeat for several.", rich_help_panel=_STUDY),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="ANALYSIS.FIELD=VALUE", help="A setting; repeat for several.", rich_help_panel=_STUDY
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The run folder; out/<name of the study> if omitted.", rich_help_panel=_RUN)
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Give up the run that the folder holds.", rich_help_panel=_RUN)
    ] = False,
    network: Annotated[
        bool, typer.Option("--network", help="Allow the model to be downloaded.", rich_help_panel=_RUN)
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Report no progress.", rich_help_panel=_RUN)] = False,
    json: AsJson = False,
) -> None:
    """Run a study: its results, one circuit and a report go to a folder.

    The same command resumes a run that was interrupted. The exit status is 1 if an analysis failed.
    """
    from jackfield.run_folder import file_stems
    from jackfield.study import Study

    fields = _overridden(
        study,
        model={"name": model, "network": network or None},
        task={"name": task, "pairs": pairs},
        plain={"metric": metric, "seed": seed},
    )
    config = _config(fields, study, analysis or [], settings or [])
    [name] = file_stems([study.stem if study else f"{config.task.name}-{config.model.name}"])
    with redirect_stdout(sys.stderr), reporting(quiet) as progress:
        folder = Study(config, discover()).run(out or Path("out", name), progress, fresh=fresh)
    manifest = folder.manifest
    if json:
        print_json(as_json(folder, manifest))
    else:
        print_overview(folder, manifest)
    if manifest.failures:
        raise typer.Exit(1)


def _overridden(
    study: Path | None, model: Mapping[str, Any], task: Mapping[str, Any], plain: Mapping[str, Any]
) -> dict[str, Any]:
    """The fields of a study file, if there is one, with those that flags give in their place."""
    from jackfield.study_file import read_fields

    fields = read_fields(study) if study else {}
    for noun, flags in (("model", model), ("task", task)):
        given = fields.get(noun, {})
        if changes := _given(flags):
            whole = given if isinstance(given, dict) else {"name": given}
            fields[noun] = {**whole, **changes}
    return fields | _given(plain)


def _given(flags: Mapping[str, Any]) -> dict[str, Any]:
    return {field: value for field, value in flags.items() if value is not None}


def _config(fields: Mapping[str, Any], study: Path | None, analyses: list[str], settings: list[str]) -> StudyConfig:
    from jackfield.study_config import StudyConfig

    if not study and "task" not in fields:
        raise ConfigError("nothing to study: give a study file, or a task with --task; `jackfield tasks` lists them")
    config = StudyConfig.parse(fields, f"study {study}" if study else "flags")
    return (config.only(analyses) if analyses else config).with_settings(settings)
