"""The types that the packages ship are seen from outside, and hold."""

from __future__ import annotations

import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest

PROGRAM = """
from __future__ import annotations

from jackfield import Bench, Circuit, Estimate, Registry, Site, load_model
from jackfield_circuits import Evidence, write_graphml


def strongest(circuit: Circuit) -> list[Evidence]:
    return [claim for node in circuit.nodes for claim in node.evidence if claim.is_finding()]


def main() -> Estimate:
    registry = Registry.discover()
    bench = Bench.prepare(load_model(), registry.task("ioi"), registry.metric("rank"), pairs=8)
    layer: int | None = Site.parse("a5.h1").layer
    analysis = registry.analysis("activation_patching")()
    result = analysis.run(bench, analysis.Config())
    write_graphml(result.to_circuit(), "out.graphml")
    print(layer, strongest(result.to_circuit()))
    return result.baselines["clean"]
"""
MISTAKES = """
from __future__ import annotations

from jackfield import Site
from jackfield_circuits import Circuit

layer: str = Site.parse("a5.h1").layer
Circuit().merge("another")
"""


@pytest.mark.parametrize("package", ["jackfield", "jackfield_circuits", "jackfield_plugins"])
def test_a_package_says_that_it_is_typed(package: str) -> None:
    assert (files(package) / "py.typed").is_file()


@pytest.mark.slow
@pytest.mark.parametrize(("program", "mistakes"), [(PROGRAM, 0), (MISTAKES, 2)], ids=["sound", "mistaken"])
def test_a_program_is_type_checked_against_the_packages(program: str, mistakes: int, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(program, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--hide-error-context", "program.py"],
        check=False, capture_output=True, text=True, cwd=tmp_path,
    )  # fmt: skip
    assert len(done.stdout.strip().splitlines()) == mistakes, done.stdout
