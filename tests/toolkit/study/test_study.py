"""A study computes what is missing, keeps what stands, and ends with the same circuit whatever happened on the way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.toolkit.study.conftest import Upset

from jackfield import errors
from jackfield.hooked_model import HookedModel
from jackfield.hookspecs import hookimpl
from jackfield.registry import Registry
from jackfield.study import Study
from jackfield_circuits import Circuit, Evidence, read_json

Asks = Callable[..., Study]
Written = Callable[[Path], dict[str, bytes]]

GRAPH = ("circuit.graphml", "circuit.json")


def graph(folder: Path) -> list[bytes]:
    return [(folder / name).read_bytes() for name in GRAPH]


def test_a_run_writes_every_file_of_its_layout(study: Asks, written: Written, tmp_path: Path) -> None:
    study().run(tmp_path / "run")
    assert list(written(tmp_path / "run")) == [
        "circuit.graphml",
        "circuit.html",
        "circuit.json",
        "manifest.json",
        "pictures/first_Effects.png",
        "pictures/second_Effects.png",
        "report.html",
        "results/first.nc",
        "results/second.nc",
        "study.yaml",
    ]


def test_the_circuit_holds_the_claims_of_every_analysis_and_what_plugins_add(study: Asks, tmp_path: Path) -> None:
    circuit = study().run(tmp_path).circuit()
    assert circuit.plugins == ("first", "second")
    assert [node.id for node in circuit.nodes] == ["a0.h0", "m0", "a1.h3", "logits"]
    assert read_json(tmp_path / "circuit.json") == circuit


def test_the_manifest_says_what_was_asked_and_what_was_found(study: Asks, tmp_path: Path) -> None:
    manifest = study(seed=3).run(tmp_path).manifest
    assert manifest.status == "complete"
    assert manifest.setup.drawn == 12
    assert 2 <= manifest.setup.pairs <= 12
    assert manifest.setup.seed == 3
    assert manifest.setup.dropped_words == ("xylophone",)
    assert [record.config["scale"] for record in manifest.analyses] == [1.0, 2.0]
    assert [record.claims for record in manifest.analyses] == [3, 3]
    assert "\x1b" not in manifest.analyses[0].summary[1]


def test_two_runs_into_two_folders_are_the_same_but_for_their_times(
    study: Asks, written: Written, tmp_path: Path
) -> None:
    study().run(tmp_path / "one")
    study().run(tmp_path / "two")
    one, two = written(tmp_path / "one"), written(tmp_path / "two")
    assert {name for name in one if one[name] != two[name]} <= {"manifest.json"}


def test_running_again_computes_nothing_and_changes_nothing(
    study: Asks, ledger: Any, written: Written, tmp_path: Path
) -> None:
    study().run(tmp_path)
    before = written(tmp_path)
    study().run(tmp_path)
    after = written(tmp_path)
    assert (ledger.calls["first"], ledger.calls["second"]) == (1, 1)
    assert (ledger.calls["after first"], ledger.calls["before first"]) == (1, 1)
    assert {name for name in before if before[name] != after[name]} <= {"manifest.json"}


@pytest.mark.parametrize("moment", ["second", "plot second", "circuit first", "finalize"])
def test_an_interrupted_run_resumes_to_the_same_bytes(study: Asks, ledger: Any, tmp_path: Path, moment: str) -> None:
    study().run(tmp_path / "whole")
    ledger.calls.clear()
    ledger.raises[moment] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        study().run(tmp_path / "broken")
    assert not (tmp_path / "broken" / "circuit.graphml").exists()
    ledger.raises.clear()
    resumed = study().run(tmp_path / "broken")
    assert ledger.calls["first"] == 1
    assert resumed.manifest.status == "complete"
    assert graph(tmp_path / "broken") == graph(tmp_path / "whole")
    assert (tmp_path / "broken" / "report.html").read_bytes() == (tmp_path / "whole" / "report.html").read_bytes()


def test_a_reporter_that_raises_cancels_the_study_instead_of_failing_an_analysis(
    study: Asks, ledger: Any, tmp_path: Path
) -> None:
    def cancel(description: str, done: int, total: int) -> None:
        if description.startswith("second"):
            raise TimeoutError("enough")

    with pytest.raises(TimeoutError, match="enough"):
        study().run(tmp_path, cancel)
    assert [record.status for record in study().run(tmp_path).manifest.analyses] == ["complete", "complete"]
    assert ledger.calls["first"] == 1


def test_progress_is_reported_under_the_name_of_each_analysis(study: Asks, tmp_path: Path) -> None:
    heard: list[tuple[str, int, int]] = []
    study().run(tmp_path, lambda *report: heard.append(report))
    assert ("first: tally", 0, 3) in heard
    assert ("second: tally", 3, 3) in heard


@pytest.mark.parametrize("failure", [ValueError("no such thing"), SystemExit("bye"), errors.TaskError("too few")])
def test_an_analysis_that_raises_is_recorded_and_the_others_go_on(
    study: Asks, ledger: Any, tmp_path: Path, failure: BaseException
) -> None:
    ledger.raises["first"] = failure
    run = study().run(tmp_path)
    [failed] = run.manifest.failures
    assert run.manifest.status == "failed"
    assert failed.label == "first"
    assert str(failed.error) == f"{type(failure).__name__}: {failure}"
    assert (failed.traceback is None) == isinstance(failure, errors.JackfieldError)
    assert run.circuit().plugins == ("second",)
    ledger.raises.clear()
    assert study().run(tmp_path).circuit().plugins == ("first", "second")
    assert ledger.calls["second"] == 1


@pytest.mark.parametrize("moment", ["before first", "circuit first", "plot first"])
def test_a_failure_around_an_analysis_is_its_own(study: Asks, ledger: Any, tmp_path: Path, moment: str) -> None:
    ledger.raises[moment] = ValueError("out of order")
    run = study().run(tmp_path)
    assert [record.label for record in run.manifest.failures] == ["first"]
    assert run.circuit().plugins == ("second",)


def test_a_plugin_that_fails_on_a_finished_result_stops_the_study_but_costs_no_result(
    study: Asks, ledger: Any, tmp_path: Path
) -> None:
    ledger.raises["after first"] = ValueError("the log is full")
    with pytest.raises(errors.PluginError, match=r"upset.*after_analysis"):
        study().run(tmp_path)
    ledger.raises.clear()
    study().run(tmp_path)
    assert ledger.calls["first"] == 1


def cut_short(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-100])


def flip_a_bit(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def exchange(file: Path) -> None:
    file.write_bytes(file.with_name("second.nc").read_bytes())


@pytest.mark.parametrize("damage", [cut_short, flip_a_bit, exchange, Path.unlink])
def test_a_result_that_is_not_what_the_run_wrote_is_computed_again(
    study: Asks, ledger: Any, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    study().run(tmp_path)
    before = graph(tmp_path)
    damage(tmp_path / "results" / "first.nc")
    run = study().run(tmp_path)
    assert (ledger.calls["first"], ledger.calls["second"]) == (2, 1)
    [note] = run.manifest.analyses[0].notes
    assert note.startswith("computed again, because")
    assert "first.nc" in note
    assert graph(tmp_path) == before


def test_a_result_of_an_older_analysis_is_computed_again(study: Asks, ledger: Any, tmp_path: Path) -> None:
    study().run(tmp_path)
    ledger.version = "2"
    run = study().run(tmp_path)
    assert ledger.calls["first"] == 2
    assert "has changed" in run.manifest.analyses[0].notes[0]
    assert {run["analysis_version"] for run in run.circuit().runs.values()} == {"2"}


def test_what_is_wrong_with_any_analysis_is_said_before_the_model_is_loaded(
    study: Asks, ledger: Any, tmp_path: Path
) -> None:
    wrong = [{"first": {"scale": -1}}, {"second": {"size": 3}}]
    with pytest.raises(errors.ConfigError) as refusal:
        study(analyses=wrong).run(tmp_path / "run")
    for part in ("'first': scale: ", "(given: -1)", "'second': size: ", "known fields: scale, places"):
        assert part in str(refusal.value)
    assert not ledger.calls
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("field", "name"), [("analyses", ["frist"]), ("task", "nmaes"), ("metric", "logit_diff")])
def test_an_unknown_name_is_said_before_the_model_is_loaded(
    study: Asks, ledger: Any, tmp_path: Path, field: str, name: object
) -> None:
    with pytest.raises(errors.UnknownNameError, match="did you mean"):
        study(**{field: name}).run(tmp_path)
    assert not ledger.calls


def test_a_model_that_cannot_be_loaded_leaves_no_folder(study: Asks, tmp_path: Path) -> None:
    with pytest.raises(errors.UnknownNameError, match="'huge'"):
        study(model="huge").run(tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_one_analysis_runs_several_times_with_different_settings(study: Asks, tmp_path: Path) -> None:
    run = study(analyses=["first", {"first": {"scale": 3.0}}]).run(tmp_path)
    results = run.results(study().registry)
    assert list(results) == ["first", "first-2"]
    assert float(results["first-2"].data["effect"][0]) == pytest.approx(3 * float(results["first"].data["effect"][0]))


def test_analyses_of_several_tasks_make_one_circuit_that_says_which_is_which(
    study: Asks, ledger: Any, registry: Registry, tmp_path: Path
) -> None:
    own = {"task": {"name": "names", "pairs": 6}, "metric": "probability", "seed": 4}
    run = study(analyses=["first", {"second": {}, **own}, {"first": {}, "seed": 4}]).run(tmp_path)
    first, second, again = run.manifest.analyses
    assert (first.asked, first.label, again.label) == (None, "first", "first-2")
    assert second.asked
    assert again.asked
    assert (second.asked.drawn, second.asked.metric, second.asked.seed) == (6, "probability", 4)
    assert (again.asked.drawn, again.asked.metric, again.asked.seed) == (12, "logit_difference", 4)
    assert ledger.calls["load"] == 1
    stated = {name: result.provenance for name, result in run.results(registry).items()}
    assert [
        (stated[name].drawn, stated[name].metric, stated[name].seed) for name in ("first", "second", "first-2")
    ] == [
        (12, "logit_difference", 0),
        (6, "probability", 4),
        (12, "logit_difference", 4),
    ]
    assert set(run.circuit().runs) == {provenance.digest for provenance in stated.values()}
    report = run.report_file.read_text(encoding="utf-8")
    assert report.count("Asked something of its own") == 2
    study(analyses=["first", {"second": {}, **own}, {"first": {}, "seed": 4}]).run(tmp_path)
    assert (ledger.calls["first"], ledger.calls["second"]) == (2, 1)


def test_a_study_says_what_its_analyses_agree_on_and_whom_plugins_let_speak(
    study: Asks, gpt2: HookedModel, ledger: Any, tmp_path: Path
) -> None:
    fields: dict[str, Any] = {"analyses": ["first", {"second": {}, "seed": 1}]}

    class Resolver:
        @hookimpl
        def resolve_evidence(self, evidence: Any) -> Evidence | None:
            best: Evidence = max(evidence, key=lambda claim: claim.score)
            return best

    ours = study(**fields).run(tmp_path / "ours").manifest.circuit
    theirs = Study(study(**fields).config, Registry({"upset": Upset(gpt2, ledger), "resolver": Resolver()}))
    resolved = theirs.run(tmp_path / "theirs").manifest.circuit
    assert ours
    assert resolved
    assert [(found.task, found.conflicting_nodes) for found in ours.agreements] == [("names", 1)]
    (conflict,) = ours.conflicts
    assert (len(conflict.positive), len(conflict.negative)) == (1, 1)
    assert [(found.agreed_nodes, found.conflicting_nodes) for found in resolved.agreements] == [(3, 0)]
    assert "Findings contradict each other about 1 place;" in (tmp_path / "ours" / "report.html").read_text("utf-8")
    assert "contradict each other about" not in (tmp_path / "theirs" / "report.html").read_text("utf-8")


def test_a_task_that_does_not_exist_is_said_before_the_model_is_loaded_whoever_asks_for_it(
    study: Asks, ledger: Any, tmp_path: Path
) -> None:
    with pytest.raises(errors.UnknownNameError, match="nowhere"):
        study(analyses=["first", {"second": {}, "task": "nowhere"}]).run(tmp_path / "run")
    assert ledger.calls["load"] == 0


def test_an_analysis_listed_twice_with_the_same_settings_is_refused(study: Asks, tmp_path: Path) -> None:
    with pytest.raises(errors.ConfigError, match="'first': listed twice"):
        study(analyses=["first", {"first": {"scale": 1}}]).run(tmp_path)


def test_a_result_that_states_another_provenance_is_refused(
    study: Asks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = study(analyses=["first"])
    kind = asked.registry.analysis("first")
    honest, other = kind.run, kind.Config(scale=9)
    monkeypatch.setattr(kind, "run", lambda self, bench, config: honest(self, bench, other))
    run = asked.run(tmp_path)
    assert "another provenance" in str(run.manifest.analyses[0].error)
    assert run.circuit() == Circuit()


def test_something_else_than_a_result_is_refused(study: Asks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = study(analyses=["first"])
    monkeypatch.setattr(asked.registry.analysis("first"), "run", lambda self, bench, config: {"effect": 1.0})
    assert "returned a dict" in str(asked.run(tmp_path).manifest.analyses[0].error)


def test_a_folder_of_another_study_is_refused_and_left_alone(study: Asks, written: Written, tmp_path: Path) -> None:
    study().run(tmp_path)
    before = written(tmp_path)
    with pytest.raises(errors.ConfigError, match=r"another study: it has another seed;.*--fresh"):
        study(seed=1).run(tmp_path)
    assert written(tmp_path) == before


def test_leave_to_use_the_network_makes_no_other_study(study: Asks, ledger: Any, tmp_path: Path) -> None:
    study().run(tmp_path)
    study(model={"name": "tiny", "network": True}).run(tmp_path)
    assert ledger.calls["first"] == 1


def test_a_fresh_run_gives_up_the_old_one_and_nothing_else(study: Asks, ledger: Any, tmp_path: Path) -> None:
    study(analyses=["first", "third.x"]).run(tmp_path)
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    study().run(tmp_path, fresh=True)
    assert ledger.calls["first"] == 2
    assert not (tmp_path / "results" / "third.x.nc").exists()
    assert (tmp_path / "notes.txt").read_text(encoding="utf-8") == "mine"


def test_a_fresh_run_that_cannot_begin_keeps_the_old_one(study: Asks, written: Written, tmp_path: Path) -> None:
    study().run(tmp_path)
    before = written(tmp_path)
    with pytest.raises(errors.UnknownNameError):
        study(model="huge").run(tmp_path, fresh=True)
    assert written(tmp_path) == before


@pytest.mark.parametrize("fresh", [False, True])
def test_a_folder_with_other_files_is_refused(study: Asks, tmp_path: Path, fresh: bool) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(errors.ConfigError, match=r"thesis\.tex"):
        study().run(tmp_path, fresh=fresh)
    assert list(tmp_path.iterdir()) == [tmp_path / "thesis.tex"]


def test_a_file_in_place_of_the_folder_is_refused(study: Asks, tmp_path: Path) -> None:
    (tmp_path / "run").touch()
    with pytest.raises(errors.ConfigError, match="is a file"):
        study().run(tmp_path / "run")


def test_the_study_file_of_a_run_asks_for_the_same_again(study: Asks, tmp_path: Path) -> None:
    asked = study(seed=7)
    asked.run(tmp_path)
    assert type(asked.config).from_yaml(tmp_path / "study.yaml") == asked.config
