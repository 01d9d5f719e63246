"""Imports are light where they promise to be, and run one way."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = {"matplotlib", "sae_lens", "scipy", "torch", "transformer_lens", "transformers", "xarray"}

REPORT = """
import json, sys
{statement}
json.dump(sorted({{name.partition(".")[0] for name in sys.modules}}), sys.stdout)
"""
SHOW_HELP = """
import contextlib, os
from jackfield.cli import main
sys.argv = ["jackfield", "--help"]
with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere), contextlib.suppress(SystemExit):
    main()
"""


def packages_loaded_by(statement: str) -> set[str]:
    code = REPORT.format(statement=statement)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout))


@pytest.mark.parametrize("module", ["jackfield", "jackfield.errors", "jackfield.testing", "jackfield_plugins"])
def test_a_light_module_loads_nothing_heavy(module: str) -> None:
    assert not packages_loaded_by(f"import {module}") & HEAVY


def test_showing_the_help_loads_nothing_heavy() -> None:
    assert not packages_loaded_by(SHOW_HELP) & HEAVY


def test_the_circuit_graph_stands_alone() -> None:
    loaded = packages_loaded_by("from jackfield_circuits import *")
    assert {"jackfield_circuits", "networkx"} <= loaded
    assert not loaded & (HEAVY | {"jackfield", "jackfield_plugins"})


def test_a_heavy_import_would_be_seen() -> None:
    assert "xarray" in packages_loaded_by("import xarray")


def test_the_import_contracts_are_kept() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout
