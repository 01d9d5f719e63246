"""What the README shows works as shown."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_python_example_runs_and_writes_its_graph(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from jackfield_circuits import read_graphml

    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    exec(compile(example, "README.md", "exec"), {})  # noqa: S102
    assert "strongest heads together" in capsys.readouterr().out
    circuit = read_graphml(tmp_path / "ioi.graphml")
    assert circuit.nodes
    assert any(node.is_finding() for node in circuit.nodes)


def test_the_python_example_is_short() -> None:
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len([line for line in example.splitlines() if line]) <= 10


@pytest.mark.parametrize("target", re.findall(r"\]\(([^)#]+)\)", README))
def test_links_lead_somewhere(target: str) -> None:
    assert (ROOT / target).exists()


@pytest.mark.parametrize("command", sorted(set(re.findall(r"^\$ make ([a-z-]+)", README, re.MULTILINE))))
def test_make_has_the_targets_that_are_named(command: str) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(rf"^{command}:", makefile, re.MULTILINE)


def test_the_command_line_has_the_options_that_are_named() -> None:
    from typer.main import get_command

    from jackfield.cli.app import app

    commands = get_command(app).commands  # type: ignore[attr-defined]
    for line in re.findall(r"^\$ jackfield (.*?)(?:\s{2,}#.*)?$", README, re.MULTILINE):
        name, *rest = line.split()
        known = {option for parameter in commands[name].params for option in parameter.opts}
        assert {word for word in rest if word.startswith("--")} <= known
