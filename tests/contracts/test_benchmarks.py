"""Every benchmark can be found and run by name, and what it measured is kept."""

from __future__ import annotations

import ast
import json
import runpy
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture(scope="module")
def runner() -> dict[str, Any]:
    return runpy.run_path(str(FOLDER / "__main__.py"))


def test_benchmarks_are_discovered_by_their_file_names(runner: dict[str, Any], tmp_path: Path) -> None:
    for name in ("bench_replay.py", "bench_hooks.py", "notes.py"):
        (tmp_path / name).touch()
    assert runner["discover"](tmp_path) == ["hooks", "replay"]


def test_every_benchmark_says_what_it_compares_and_can_be_run() -> None:
    for path in FOLDER.glob("bench_*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        assert ast.get_docstring(tree), path.name
        assert "run" in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, path.name


def test_what_was_measured_is_kept_with_where_it_was_measured(runner: dict[str, Any], tmp_path: Path) -> None:
    path = runner["save"]("replay", {"naive_s": 3.0, "replay_s": 0.5, "ratio": 6.0}, tmp_path / "bench")
    kept = json.loads(path.read_text(encoding="utf-8"))
    assert path.name == "replay.json"
    assert kept["measured"] == {"naive_s": 3.0, "replay_s": 0.5, "ratio": 6.0}
    assert {"python", "cores", "torch"} <= set(kept["environment"])


def test_a_measurement_that_is_not_a_number_is_refused(runner: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        runner["save"]("broken", {"ratio": float("nan")}, tmp_path)
    assert not (tmp_path / "broken.json").exists()


def test_an_unknown_name_ends_with_a_usage_error(runner: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        runner["main"](["no-such-benchmark"])
    assert ended.value.code == 2
    assert "no benchmark is called no-such-benchmark" in capsys.readouterr().err


def test_the_page_has_what_was_measured_last(runner: dict[str, Any], tmp_path: Path) -> None:
    runner["save"]("replay", {"ratio": 6.0, "peer": "a|b"}, tmp_path)
    runner["save"]("gone", {"ratio": 1.0}, tmp_path)
    page = runner["performance_page"](tmp_path, FOLDER)
    assert "## Replay" in page
    assert "| ratio | 6 |" in page
    assert r"| peer | a\|b |" in page
    assert "Gone" not in page
