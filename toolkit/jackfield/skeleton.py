"""The skeleton of a plugin: a distribution whose tests pass as it is written."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path
from string import Template

from jackfield.discovery import installed_entry_points
from jackfield.errors import PluginError
from jackfield.files import write_text

__all__ = ["write_skeleton"]

_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_FILES = {
    "pyproject.toml": "pyproject.toml",
    "README.md": "README.md",
    "init.py": "src/{package}/__init__.py",
    "analysis.py": "src/{package}/analysis.py",
    "tests.py": "tests/test_{name}.py",
}
"""Template -> where it goes."""


def write_skeleton(name: str, into: Path) -> Path:
    """Write a plugin to begin with: an analysis, its announcement, and tests, among them the conformance kit.

    Parameters
    ----------
    name
        The plugin's name, as users will see it: small letters and digits in words joined by underscores.
    into
        The folder to write into; the distribution becomes a folder ``jackfield-NAME`` in it.

    Returns
    -------
    Path
        The distribution's folder.

    Raises
    ------
    PluginError
        If the name is no plugin's name, is taken, or the folder exists.
    """
    if not _NAME.fullmatch(name):
        raise PluginError(
            f"{name!r} is no name for a new plugin; one is small letters and digits in words joined by underscores, "
            "such as head_roles"
        )
    if name in {point.name for point in installed_entry_points()}:
        raise PluginError(f"a plugin called {name!r} is installed; choose another name")
    folder = into / f"jackfield-{name.replace('_', '-')}"
    try:
        folder.mkdir(parents=True)
    except FileExistsError as error:
        raise PluginError(f"{folder} exists, and nothing is ever overwritten") from error
    package = f"jackfield_{name}"
    words = {
        "name": name,
        "distribution": folder.name,
        "package": package,
        "kind": name.title().replace("_", ""),
        "title": name.replace("_", " ").capitalize(),
    }
    templates = files("jackfield") / "templates" / "plugin"
    for template, target in _FILES.items():
        text = Template((templates / f"{template}.template").read_text(encoding="utf-8")).substitute(words)
        path = folder / target.format(name=name, package=package)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, text)
    return folder
