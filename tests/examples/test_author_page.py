"""The page for authors, followed step by step from an empty folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from jackfield.errors import PluginError
from jackfield.registry import Registry
from jackfield.skeleton import write_skeleton
from jackfield.testing import check_plugin

PAGE = (Path(__file__).parents[2] / "docs" / "author.md").read_text(encoding="utf-8")
KIT = (Path(__file__).parents[2] / "docs" / "conformance.md").read_text(encoding="utf-8")
COMMANDS = [
    line.removeprefix("$ ")
    for block in re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)
    for line in block.splitlines()
    if line.startswith("$ ")
]
CODE = re.findall(r"```(?:python|toml)\n(.*?)```", PAGE, re.DOTALL)
INSTALL = "pip install --editable . --group test"
INSTALL_HERE = (
    f"{sys.executable} -m pip install -q --no-index --no-deps --no-build-isolation --disable-pip-version-check "
    '--target "$PLUGINS" .'
)
"""What the page's installation comes to where everything but the plugin is installed, and nothing can be fetched."""


@pytest.mark.slow
def test_the_commands_of_the_page_work_one_after_the_other(tmp_path: Path) -> None:
    plugins, work = tmp_path / "plugins", tmp_path / "work"
    work.mkdir()
    environment = {
        **os.environ, "OMP_NUM_THREADS": "1", "PLUGINS": str(plugins), "PYTHONPATH": str(plugins),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }  # fmt: skip
    assert INSTALL in COMMANDS
    script = "\n".join(["set -euo pipefail", *(INSTALL_HERE if line == INSTALL else line for line in COMMANDS)])
    done = subprocess.run(
        ["bash", "-c", script],  # noqa: S607
        cwd=work,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert (work / "jackfield-head-effects" / "out" / "induction" / "report.html").exists()
    assert "head_effects keeps all" in done.stdout


def test_the_code_of_the_page_is_that_of_the_skeleton(tmp_path: Path) -> None:
    folder = write_skeleton("head_effects", tmp_path)
    written = "\n".join(path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*")) if path.is_file())
    (trial,) = (code for code in CODE if "Trial(" in code)
    assert [code for code in CODE if code not in written] == [trial]
    exec(compile(trial, "author.md", "exec"), {})  # noqa: S102


def test_a_skeleton_keeps_every_promise_as_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_skeleton("first_steps", tmp_path)
    monkeypatch.syspath_prepend(folder / "src")
    report = check_plugin("first_steps", Registry({"first_steps": import_module("jackfield_first_steps")}))
    assert report.passed, str(report)
    assert (folder.name, len(report.failures)) == ("jackfield-first-steps", 0)


@pytest.mark.parametrize("name", ["", "Head", "head-roles", "2heads", "_head", "head__roles", "../head", "a b"])
def test_what_is_no_name_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(PluginError, match="is no name for a new plugin"):
        write_skeleton(name, tmp_path)
    assert not [*tmp_path.iterdir()]


def test_a_name_that_is_taken_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match="'activation_patching' is installed"):
        write_skeleton("activation_patching", tmp_path)


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    kept = tmp_path / "jackfield-mine" / "notes.txt"
    kept.parent.mkdir()
    kept.write_text("precious", encoding="utf-8")
    with pytest.raises(PluginError, match="nothing is ever overwritten"):
        write_skeleton("mine", tmp_path)
    assert [path.name for path in kept.parent.iterdir()] == ["notes.txt"]


def test_the_page_of_the_kit_lists_every_check_as_it_is() -> None:
    from jackfield.testing.conformance import CHECKS

    listed = [tuple(row.strip("| ").split(" | ")) for row in KIT.splitlines() if row.startswith("| `")]
    assert listed == [(f"`{check.name}`", check.promise, check.remedy) for check in CHECKS]
    whole = [check.whole for check in CHECKS]
    assert whole == sorted(whole, reverse=True)
    assert sum(whole) == 4
    assert "the first four are about" in KIT
