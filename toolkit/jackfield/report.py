"""The report: one HTML page about a run that needs no network, no script and no other file."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from jackfield.visible import visible

if TYPE_CHECKING:
    from jackfield.chapter import Chapter
    from jackfield.manifest import Manifest
    from jackfield.statistics import Estimate

__all__ = ["render"]


def render(manifest: Manifest, chapters: Mapping[str, Chapter]) -> str:
    """The page as HTML.

    Whatever comes from models, plugins and files is escaped. The page forbids its reader's browser to load anything.

    Parameters
    ----------
    manifest
        The run, ended or not.
    chapters
        What there is to tell of each result, by the label of its analysis.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("jackfield"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"visible": visible, "estimate": _estimate, "base64": _base64, "json": _json}
    return environment.get_template("report.html").render(
        manifest=manifest, setup=manifest.setup, chapters=chapters, baselines=_shared_baselines(manifest, chapters)
    )


def _shared_baselines(manifest: Manifest, chapters: Mapping[str, Chapter]) -> dict[str, Estimate]:
    """The baselines that all results agree on, which are told once: of those that were asked what the run was."""
    alike = [record.label for record in manifest.analyses if record.asked is None]
    told = [chapters[label].baselines for label in alike if label in chapters]
    return {
        name: estimate
        for name, estimate in (told[0].items() if told else ())
        if all(baselines.get(name) == estimate for baselines in told)
    }


def _estimate(estimate: Estimate) -> str:
    return f"{estimate.value:.3g} [{estimate.low:.3g}, {estimate.high:.3g}]"


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
