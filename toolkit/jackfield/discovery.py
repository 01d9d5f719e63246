"""Installed plugins: the entry points that announce them, and which of them are wanted."""

from __future__ import annotations

import os
from collections.abc import Collection
from importlib.metadata import EntryPoint, entry_points

from jackfield.errors import PluginError
from jackfield.plugin_record import PluginRecord

__all__ = ["GROUP", "VARIABLE", "installed_entry_points", "record_of", "wanted_names"]

GROUP = "jackfield.plugins"
"""The entry-point group that a distribution announces its plugins in."""

VARIABLE = "JACKFIELD_PLUGINS"
"""The environment variable that names the plugins to load, separated by commas; unset or blank means all."""


def installed_entry_points() -> list[EntryPoint]:
    """Entry points of all installed plugins, by name, then by distribution."""
    return sorted(
        entry_points(group=GROUP), key=lambda point: (point.name, record_of(point).distribution or "", point.value)
    )


def record_of(point: EntryPoint) -> PluginRecord:
    """What is known about a plugin before it is imported."""
    return PluginRecord(
        name=point.name,
        distribution=point.dist.name if point.dist else None,
        version=point.dist.version if point.dist else None,
        module=point.value.partition(":")[0].strip(),
    )


def wanted_names(installed: Collection[str], only: Collection[str] | None) -> frozenset[str]:
    """Names of the plugins to load: ``only``, or else what the environment names, or else all.

    Raises
    ------
    PluginError
        If a plugin is wanted that is not installed.
    """
    asked_by = "only"
    if only is None:
        asked_by = VARIABLE
        only = [name.strip() for name in os.environ.get(VARIABLE, "").split(",") if name.strip()] or installed
    if missing := sorted(set(only) - set(installed)):
        known = ", ".join(sorted(set(installed))) or "none"
        raise PluginError(
            f"{asked_by} asks for plugins that are not installed: {', '.join(missing)}; installed are: {known}"
        )
    return frozenset(only)
