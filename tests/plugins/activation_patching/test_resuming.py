"""A study that is killed in the middle of a sweep goes on where it was, and ends with the same bytes."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from torch import Tensor

from jackfield.checkpoint import FolderCheckpoint
from jackfield.replay.base_run import BaseRun
from jackfield.study import Study
from jackfield.study_config import StudyConfig

SETTINGS = {
    "model": "fieldmouse",
    "task": {"name": "ioi", "pairs": 16},
    "analyses": [
        {"activation_patching": {"streams": ["attn_out"], "layers": [0, 5], "strongest": 1, "random_draws": 2}}
    ],
}
KILLED = """
import os, signal, sys
from jackfield.checkpoint import FolderCheckpoint
from jackfield.study import Study
from jackfield.study_config import StudyConfig

FolderCheckpoint.__init__.__defaults__ = (0.0,)

def progress(description, done, total):
    if description.endswith("control") and 3 * done >= total:
        os.kill(os.getpid(), signal.SIGKILL)

Study(StudyConfig.parse(eval(sys.argv[1]), "settings")).run(sys.argv[2], progress)
"""


def contents(folder: Path) -> dict[str, bytes]:
    names = ("circuit.graphml", "circuit.json", "report.html", "study.yaml")
    return {name: (folder / name).read_bytes() for name in names}


@pytest.fixture
def resumed_rows(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Rows of each batch that is computed from here on."""
    rows: list[int] = []
    resume = BaseRun.resume

    def counted(run: BaseRun, prompts: Tensor, *rest: object, **how: object) -> Tensor:
        rows.append(len(prompts))
        return resume(run, prompts, *rest, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(BaseRun, "resume", counted)
    return rows


def test_a_killed_study_goes_on_in_the_middle_of_its_sweep(tmp_path: Path, resumed_rows: list[int]) -> None:
    config = StudyConfig.parse(SETTINGS, "settings")
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    command = [sys.executable, "-W", "ignore", "-c", KILLED, repr(SETTINGS), str(broken)]
    assert subprocess.run(command, check=False, capture_output=True, timeout=240).returncode == -signal.SIGKILL
    assert not (broken / "circuit.graphml").exists()
    kept = sorted((broken / "results" / "activation_patching.partial").iterdir())
    assert [path.name for path in kept] == ["sweep-0.safetensors", "sweep-1.safetensors"]
    undisturbed = Study(config).run(whole)
    all_rows = sum(resumed_rows)
    resumed_rows.clear()
    heard: list[tuple[str, int, int]] = []
    resumed = Study(config).run(broken, lambda *report: heard.append(report))
    assert 0 < sum(resumed_rows) < 0.75 * all_rows
    assert [done for description, done, total in heard if description.endswith(": patching")] == [
        0,
        undisturbed.results()["activation_patching"].data.sizes["place"],
    ]
    assert contents(broken) == contents(whole)
    results = [run.results()["activation_patching"].data for run in (undisturbed, resumed)]
    assert results[0].identical(results[1])
    assert [path.name for path in (broken / "results").iterdir()] == ["activation_patching.nc"]


def test_giving_a_run_up_gives_up_what_its_sweeps_kept(tmp_path: Path) -> None:
    config = StudyConfig.parse(SETTINGS, "settings")

    def cancel(description: str, done: int, total: int) -> None:
        if description.endswith("patching") and done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Study(config).run(tmp_path, cancel)
    folder = tmp_path / "results" / "activation_patching.partial"
    assert [path.name for path in folder.iterdir()] == ["sweep-0.safetensors"]
    with pytest.raises(KeyboardInterrupt):
        Study(config).run(tmp_path, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()), fresh=True)
    assert folder.exists()

    def stop(description: str, done: int, total: int) -> None:
        if description.startswith("activation_patching"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Study(config).run(tmp_path, stop, fresh=True)
    assert not folder.exists()


def test_what_is_kept_does_not_change_what_comes_out(tmp_path: Path) -> None:
    config = StudyConfig.parse(SETTINGS, "settings")
    run = Study(config).run(tmp_path / "first")
    wanted = run.results()["activation_patching"].data
    digest = run.manifest.analyses[0].digest
    other = tmp_path / "second"
    stale = FolderCheckpoint(other / "results" / "activation_patching.partial", f"not {digest}")
    with stale.begin("patching", wanted.sizes["place"], wanted.sizes["pair"]) as partial:
        partial.fill(np.array([0]), np.array([0]), np.array([1000.0]))
    (other / "manifest.json").write_bytes((tmp_path / "first" / "manifest.json").read_bytes())
    assert Study(config).run(other).results()["activation_patching"].data.identical(wanted)
