"""Plugins that are broken in every way a stranger's may be: the run finishes, and names them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ANALYSIS = """
from jackfield import Analysis, AnalysisConfig, AnalysisResult, hookimpl

class Stranger(Analysis[AnalysisConfig]):
    name = "{name}"
    version = "1"
    summary = "does not get far"
    Config = AnalysisConfig
    Result = AnalysisResult

    def run(self, bench, config):
        {body}

@hookimpl
def register_analyses():
    return [Stranger]
"""
ENDLESS = """
        import os, pathlib
        pathlib.Path(os.environ["STARTED"]).touch()
        while True:
            pass
"""
STRANGERS = {
    "cannot_be_imported": "import a_library_that_is_not_there",
    "wrong_signature": "from jackfield import hookimpl\n@hookimpl\ndef register_tasks(model):\n    return []\n",
    "raises_in_run": ANALYSIS.format(name="raises_in_run", body="raise ZeroDivisionError('no luck')"),
    "endless": ANALYSIS.format(name="endless", body=ENDLESS.strip()),
}
STUDY = """
model: fieldmouse
task: {name: ioi, pairs: 12}
analyses: [raises_in_run, endless, path_patching]
"""

Start = Callable[[], "subprocess.Popen[str]"]


@pytest.fixture
def run(tmp_path: Path) -> Start:
    """Starts ``jackfield run`` where all strangers are installed."""
    for name, source in STRANGERS.items():
        about = tmp_path / "installed" / f"{name}-1.0.dist-info"
        about.mkdir(parents=True)
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", encoding="utf-8")
        (about / "entry_points.txt").write_text(f"[jackfield.plugins]\n{name} = {name}\n", encoding="utf-8")
        (about.parent / f"{name}.py").write_text(source, encoding="utf-8")
    (tmp_path / "study.yaml").write_text(STUDY, encoding="utf-8")
    environment = {
        **os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(tmp_path / "installed"),
        "STARTED": str(tmp_path / "started"),
    }  # fmt: skip
    command = [str(Path(sys.executable).with_name("jackfield")), "run", "study.yaml", "--quiet"]
    return lambda: subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def interrupted(process: subprocess.Popen[str], started: Path) -> tuple[int, str, str]:
    """Press Ctrl-C as soon as the endless analysis runs."""
    deadline = time.monotonic() + 200
    while not started.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.1)
    started.unlink(missing_ok=True)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=200)
    return process.returncode, out, err


@pytest.mark.slow
def test_the_run_finishes_and_the_report_names_who_failed(run: Start, tmp_path: Path) -> None:
    status, _, err = interrupted(run(), tmp_path / "started")
    assert status == 130, err
    assert "the same command goes on from there" in err
    status, _, err = interrupted(run(), tmp_path / "started")
    assert status == 1, err
    folder = tmp_path / "out" / "study"
    manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    ended = {record["label"]: record["status"] for record in manifest["analyses"]}
    assert ended == {"raises_in_run": "failed", "endless": "failed", "path_patching": "complete"}
    report = (folder / "report.html").read_text(encoding="utf-8")
    assert "ZeroDivisionError: no luck" in report
    assert "interrupted twice" in report
    assert (folder / "circuit.graphml").exists()

    listed = subprocess.run(
        [str(Path(sys.executable).with_name("jackfield")), "plugins", "--json"],
        env={**os.environ, "PYTHONPATH": str(tmp_path / "installed")}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    broken = {record["name"]: record["error"] for record in json.loads(listed.stdout) if record["status"] == "broken"}
    assert "a_library_that_is_not_there" in broken["cannot_be_imported"]
    assert "model" in broken["wrong_signature"]
