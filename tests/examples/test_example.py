"""The example, from its wheel: its tests pass, and so do jackfield's with it present, disabled and broken."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

from jackfield.registry import Registry
from jackfield.testing import check_plugin

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "docs" / "examples" / "jackfield-example"
NEIGHBOURS = ("tests/toolkit/test_registry.py", "tests/toolkit/test_discovery.py", "tests/contracts/test_packaging.py")


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A folder that the example's wheel is installed in."""
    (wheel,) = WheelBuilder(str(EXAMPLE)).build(directory=str(tmp_path / "dist"), versions=["standard"])
    target = tmp_path / "installed"
    command = ["-m", "pip", "install", "-q", "--no-index", "--no-deps", "--disable-pip-version-check"]
    done = python(*command, "--target", str(target), wheel)
    assert done.returncode == 0, done.stderr
    return target


def test_the_example_keeps_every_promise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(EXAMPLE / "src")
    report = check_plugin("head_roles", Registry({"head_roles": import_module("jackfield_example")}))
    assert report.passed, str(report)


def python(*arguments: str, at: Path = ROOT, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **variables}
    environment.pop("PYTEST_ADDOPTS", None)
    return subprocess.run(
        [sys.executable, *arguments], cwd=at, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.slow
def test_the_example_passes_its_own_tests_from_its_wheel(installed: Path) -> None:
    tests = ["-m", "pytest", "-q", "-p", "no:cacheprovider", str(EXAMPLE / "tests")]
    done = python(*tests, at=installed, PYTHONPATH=str(installed))
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-1000:]


@pytest.mark.slow
@pytest.mark.parametrize("state", ["present", "disabled", "broken"])
def test_jackfield_passes_its_tests_with_the_example(installed: Path, state: str) -> None:
    if state == "broken":
        (installed / "jackfield_example" / "__init__.py").write_text("raise ImportError('no such library')\n")
    variables = {"PYTHONPATH": str(installed)}
    if state == "disabled":
        built_in = ("core", "activation_patching", "back_patching", "circuit_discovery", "function_vectors")
        variables["JACKFIELD_PLUGINS"] = ",".join(built_in)
    listed = python(str(Path(sys.executable).with_name("jackfield")), "plugins", "--json", **variables)
    assert f'"status": "{ {"present": "loaded"}.get(state, state) }"' in listed.stdout, listed.stderr
    done = python("-m", "pytest", "-q", "-p", "no:cacheprovider", *NEIGHBOURS, **variables)
    assert done.returncode == 0, done.stdout[-4000:]
