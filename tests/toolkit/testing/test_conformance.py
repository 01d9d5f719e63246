"""The kit catches each broken plugin by the check that is meant for it, and by no other."""

from __future__ import annotations

import math
import random
import re
import types
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace as with_fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pytest
import torch
import xarray as xr
from pydantic import ConfigDict, Field

from jackfield.analysis import Analysis, AnalysisConfig
from jackfield.bench import Bench
from jackfield.comparison import COMPARED, compared, evidence
from jackfield.errors import UnknownNameError
from jackfield.hookspecs import hookimpl
from jackfield.interventions import replace
from jackfield.metrics import Metric
from jackfield.organism.world import NAMES
from jackfield.pairs import PromptPair
from jackfield.plotting import new_figure
from jackfield.progress import track
from jackfield.registry import Registry
from jackfield.results import AnalysisResult
from jackfield.sites import Site
from jackfield.statistics import Estimate
from jackfield.tasks import PairMaker, Task, Words
from jackfield.testing import Trial, check_plugin, conformance
from jackfield.testing.conformance import CHECKS, Check, CheckOfPlugin, Outcome, Report, parametrised
from jackfield.testing.conformance.checks import null
from jackfield.testing.conformance.stage import Stage
from jackfield_circuits import Circuit, Node

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

Floats = np.ndarray[Any, np.dtype[np.float64]]


class LoyalConfig(AnalysisConfig):
    parts: tuple[str, ...] = Field(("attn_out.1",), min_length=1, description="what is patched")


class LoyalResult(AnalysisResult):
    variables: ClassVar[tuple[str, ...]] = COMPARED

    def claims(self) -> Sequence[Any]:
        places = [None] * self.data.sizes["place"]
        return evidence(self.data, self.provenance, "patching", "unrelated prompt", places)

    def to_frame(self) -> pd.DataFrame:
        return self.data.to_dataframe().reset_index()

    def plot(self) -> Mapping[str, Figure]:
        return {"Effects": new_figure(1, 1)}

    def summary(self) -> list[str]:
        return [f"The largest effect is {float(self.data['effect'].max()):.2f} logits."]

    def to_circuit(self) -> Circuit:
        claims = zip(self.data["place"].values, self.claims(), strict=True)
        nodes = [Node(id=self.named(str(place)), evidence=(claim,)) for place, claim in claims]
        return Circuit(nodes=nodes, runs=self.runs())

    def named(self, node: str) -> str:
        return node

    def runs(self) -> dict[str, Any]:
        return {self.provenance.digest: self.provenance.as_dict()}


class Loyal(Analysis[LoyalConfig]):
    """Patches what a layer's attention writes, at all positions at once; it keeps every promise."""

    name = "loyal"
    version = "1"
    summary = "effect of patching attention"
    Config = LoyalConfig
    Result: ClassVar[type[AnalysisResult]] = LoyalResult
    trial = Trial(pairs=12)

    def run(self, bench: Bench, config: LoyalConfig) -> AnalysisResult:
        sites = [Site.parse(part) for part in config.parts]
        values = bench.model.run_with_cache(bench.pairs.clean, sites)
        partners = bench.pairs.unrelated_rows(bench.draw("control"))
        before = self.graded(bench, bench.model.run(bench.pairs.corrupted))
        moved: list[list[Floats]] = [[], []]
        for site in self.followed(sites, bench):
            for found, value in zip(moved, (values[site], values[site][partners]), strict=True):
                logits = bench.model.run_with_interventions(bench.pairs.corrupted, [replace(site, value)])
                found.append(self.graded(bench, logits) - before)
        effects, controls = self.changed(bench, np.stack(moved[0]), np.stack(moved[1]))
        return self.told(bench, config, effects, controls)

    def followed(self, sites: Sequence[Site], bench: Bench) -> Any:
        return track(sites, "patching", bench.progress)

    def graded(self, bench: Bench, logits: Any) -> Floats:
        return bench.graded(bench.model.answer_logits(logits, bench.pairs.clean), bench.key())

    def changed(self, bench: Bench, effects: Floats, controls: Floats) -> tuple[Floats, Floats]:
        return effects, controls

    def told(self, bench: Bench, config: LoyalConfig, effects: Floats, controls: Floats) -> AnalysisResult:
        data = xr.Dataset(
            compared(bench, "place", effects, controls, np.ones(effects.shape[1])), {"place": list(config.parts)}
        )
        clean = Estimate.of_mean(self.graded(bench, bench.model.run(bench.pairs.clean)), "logits", bench.rng("clean"))
        settings = config.model_dump(mode="json")
        provenance = bench.provenance(self.name, self.version, settings)
        return self.Result(data, {"clean": clean}, {"unrelated prompt": "another prompt"}, provenance)


def first_point(bench: Bench) -> Any:
    return bench.model.bridge.hook_dict[Site.parse("attn_out.0").hook_name]


class LeavesAHook(Loyal):
    def run(self, bench: Bench, config: LoyalConfig) -> AnalysisResult:
        first_point(bench).add_hook(lambda value, hook: None)
        return super().run(bench, config)


class LeavesAHookWhenItFails(Loyal):
    def run(self, bench: Bench, config: LoyalConfig) -> AnalysisResult:
        first_point(bench).add_hook(lambda value, hook: None)
        result = super().run(bench, config)
        first_point(bench).remove_hooks()
        return result


class ChangesWeights(Loyal):
    def run(self, bench: Bench, config: LoyalConfig) -> AnalysisResult:
        embedding = next(bench.model.bridge.original_model.parameters())
        with torch.no_grad():
            embedding[0] += 1  # that of padding
        return super().run(bench, config)


class ChangesPairs(Loyal):
    def run(self, bench: Bench, config: LoyalConfig) -> AnalysisResult:
        bench.pairs.positions["RIVAL"].add_(1)
        return super().run(bench, config)


class Prints(Loyal):
    def run(self, bench: Bench, config: LoyalConfig) -> AnalysisResult:
        print("patching")  # noqa: T201
        return super().run(bench, config)


class WritesAFile(Loyal):
    def run(self, bench: Bench, config: LoyalConfig) -> AnalysisResult:
        Path("effects.txt").write_text("1.0", encoding="utf-8")
        return super().run(bench, config)


class SeedsGlobally(Loyal):
    def run(self, bench: Bench, config: LoyalConfig) -> AnalysisResult:
        torch.manual_seed(1234 + bench.seed)
        return super().run(bench, config)


class ReportsNothing(Loyal):
    def followed(self, sites: Sequence[Site], bench: Bench) -> Any:
        return sites


class NeverEnds(Loyal):
    def followed(self, sites: Sequence[Site], bench: Bench) -> Any:
        for done, site in enumerate(sites):
            bench.progress("patching", done, len(sites))
            yield site


class CannotBeCancelled(Loyal):
    def followed(self, sites: Sequence[Site], bench: Bench) -> Any:
        def report(*step: Any) -> None:
            try:
                bench.progress(*step)
            except Exception:
                return

        return track(sites, "patching", report)


class DiffersEachTime(Loyal):
    def changed(self, bench: Bench, effects: Floats, controls: Floats) -> tuple[Floats, Floats]:
        return effects * (1 + 1e-9 * random.SystemRandom().random()), controls


class ReadsTheLastColumn(Loyal):
    def graded(self, bench: Bench, logits: Any) -> Floats:
        return bench.graded(logits[:, -1].float(), bench.key())


class KnowsOneNumberFormat(Loyal):
    def graded(self, bench: Bench, logits: Any) -> Floats:
        return super().graded(bench, logits @ torch.eye(logits.shape[-1]))


class MovesWithoutPatch(Loyal):
    def changed(self, bench: Bench, effects: Floats, controls: Floats) -> tuple[Floats, Floats]:
        return effects + 0.5, controls + 0.5


class CallsNoiseAFinding(Loyal):
    def told(self, bench: Bench, config: LoyalConfig, effects: Floats, controls: Floats) -> AnalysisResult:
        result = super().told(bench, config, np.abs(effects), 0 * controls)
        result.data["q_value"] = 0 * result.data["q_value"]
        return result


class NoQValue(Loyal):
    class Result(LoyalResult):
        def claims(self) -> Sequence[Any]:
            return [claim.model_copy(update={"q_value": None}) for claim in super().claims()]


class NoControl(Loyal):
    class Result(LoyalResult):
        def claims(self) -> Sequence[Any]:
            none = dict.fromkeys(("control", "control_low", "control_high"))
            return [claim.model_copy(update=none) for claim in super().claims()]


class NoInterval(Loyal):
    class Result(LoyalResult):
        def claims(self) -> Sequence[Any]:
            return [claim.model_copy(update={"low": None, "high": None}) for claim in super().claims()]


class CannotBeSaved(Loyal):
    def told(self, bench: Bench, config: LoyalConfig, effects: Floats, controls: Floats) -> AnalysisResult:
        result = super().told(bench, config, effects, controls)
        result.data["effect"].attrs["seen"] = {"a": None}
        return result


class AnotherRun(Loyal):
    class Result(LoyalResult):
        def claims(self) -> Sequence[Any]:
            return [claim.model_copy(update={"run": "mine"}) for claim in super().claims()]

        def runs(self) -> dict[str, Any]:
            return {"mine": {}}


class NoSuchPlace(Loyal):
    class Result(LoyalResult):
        def named(self, node: str) -> str:
            return node.replace(".1", ".9")


class CannotBeDrawn(Loyal):
    class Result(LoyalResult):
        def plot(self) -> Mapping[str, Figure]:
            raise ZeroDivisionError("no room")


class SaysNothing(Loyal):
    class Result(LoyalResult):
        def summary(self) -> list[str]:
            return []


class TakesAnySetting(Loyal):
    class Config(LoyalConfig):
        model_config = ConfigDict(frozen=True, extra="ignore")


class FailsStrangelyOnSettings(Loyal):
    def run(self, bench: Bench, config: LoyalConfig) -> AnalysisResult:
        chosen = {part: part for part in LoyalConfig().parts}
        return super().run(bench, with_config(config, [chosen[part] for part in config.parts]))


class ForgetsItsSettings(Loyal):
    def told(self, bench: Bench, config: LoyalConfig, effects: Floats, controls: Floats) -> AnalysisResult:
        result = super().told(bench, config, effects, controls)
        return with_fields(result, provenance=with_fields(result.provenance, config={}))


def with_config(config: LoyalConfig, parts: Sequence[str]) -> LoyalConfig:
    return config.model_copy(update={"parts": tuple(parts)})


BROKEN: dict[type[Loyal], str] = {
    LeavesAHookWhenItFails: "clean", ChangesWeights: "untouched", WritesAFile: "quiet", SeedsGlobally: "generators",
    NeverEnds: "progress", CannotBeCancelled: "cancel", DiffersEachTime: "deterministic",
    ReadsTheLastColumn: "padding", KnowsOneNumberFormat: "precision", MovesWithoutPatch: "self_patch",
    CallsNoiseAFinding: "null", NoQValue: "controls", CannotBeSaved: "saved", NoSuchPlace: "circuit",
    SaysNothing: "told", FailsStrangelyOnSettings: "settings", ForgetsItsSettings: "result",
}  # fmt: skip
BROKEN_OTHERWISE: dict[type[Loyal], str] = {
    LeavesAHook: "clean", ChangesPairs: "untouched", Prints: "quiet", ReportsNothing: "progress",
    NoControl: "controls", NoInterval: "controls", AnotherRun: "circuit", CannotBeDrawn: "told",
    TakesAnySetting: "settings",
}  # fmt: skip
CASES = [
    *(pytest.param(kind, check, id=kind.__name__) for kind, check in BROKEN.items()),
    *(pytest.param(kind, check, id=kind.__name__, marks=pytest.mark.slow) for kind, check in BROKEN_OTHERWISE.items()),
]


def examined(plugin: object, **options: Any) -> Report:
    return check_plugin("plugin", Registry({"plugin": plugin}), **options)


def offering(*kinds: type[Analysis[Any]]) -> object:
    @hookimpl
    def register_analyses() -> list[type[Analysis[Any]]]:
        return [*kinds]

    return types.SimpleNamespace(register_analyses=register_analyses)


@pytest.fixture(scope="module")
def made() -> dict[Any, Any]:
    """Models that were made once."""
    return {}


@pytest.fixture(autouse=True)
def quicker(monkeypatch: pytest.MonkeyPatch, made: dict[Any, Any]) -> None:
    """Two draws of null data are enough for what is always wrong, and nobody but one changes a model."""
    monkeypatch.setattr(null, "SEEDS", 2)
    for name in ("model", "unlearned"):
        monkeypatch.setattr(Stage, name, kept(getattr(Stage, name), made))


def kept(method: Callable[..., Any], made: dict[Any, Any]) -> Callable[..., Any]:
    """A method of stages that gives what it gave before."""

    def give(stage: Stage, *arguments: Any) -> Any:
        key = (method.__name__, stage.trial.model, *arguments)
        if key not in made:
            made[key] = method(stage, *arguments)
        return made[key]

    return give


def test_a_loyal_plugin_passes_every_check_that_applies() -> None:
    report = examined(offering(Loyal))
    assert report.passed, str(report)
    skipped = {outcome.check for outcome in report.outcomes if outcome.status == "skipped"}
    assert skipped - {"device"} == {"tasks", "metrics", "exporters"}


@pytest.mark.parametrize(("kind", "check"), CASES)
def test_a_broken_analysis_is_caught_by_the_check_meant_for_it_and_by_no_other(kind: type[Loyal], check: str) -> None:
    report = examined(offering(kind))
    assert {outcome.check for outcome in report.failures} == {check}, str(report)
    assert not report.passed


def module(**functions: Callable[..., Any]) -> object:
    return types.SimpleNamespace(**functions)


def an_argument_too_many() -> object:
    @hookimpl
    def register_tasks(model: Any) -> list[Any]:
        return []

    return module(register_tasks=register_tasks)


def a_hook_that_does_not_exist() -> object:
    @hookimpl
    def register_analysis() -> list[Any]:
        return []

    return module(register_analysis=register_analysis)


def a_forgotten_mark() -> object:
    def register_tasks() -> list[Any]:
        return []

    return module(register_tasks=register_tasks)


def an_instance_for_a_class() -> object:
    return offering(Loyal())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("plugin", "complaint"),
    [
        (an_argument_too_many, "Argument.* {'model'} .*not in the hookspec|model"),
        (a_hook_that_does_not_exist, "did you mean register_analyses"),
        (a_forgotten_mark, "without @hookimpl"),
        (an_instance_for_a_class, "expected a class, got an instance of Loyal"),
    ],
)
@pytest.mark.filterwarnings("ignore::jackfield.errors.PluginWarning")
def test_wrong_use_of_hooks_is_caught(plugin: Callable[[], object], complaint: str) -> None:
    report = examined(plugin())
    (failure,) = report.failures
    assert failure.check == "hooks"
    assert re.search(complaint, failure.detail)


class Whimsical(Task):
    name = "whimsical"
    description = "draws as it likes"
    positions = ()

    def pair_maker(self, words: Words) -> PairMaker:
        names = words.single(NAMES)

        def make(draw: random.Random) -> PromptPair:
            one, two = random.SystemRandom().sample(names, 2)
            return PromptPair(one, two, (one,), (two,), {})

        return make


def relative(logits: Any, key: Any) -> Any:
    values = logits.amax(-1)
    return values - values.mean() + torch.arange(len(values))


@hookimpl
def register_tasks() -> list[Task]:
    return [Whimsical()]


@hookimpl
def register_metrics() -> list[Metric]:
    return [Metric("relative", "logits", "above the mean prompt", True, (-math.inf, math.inf), relative)]


@hookimpl
def register_exporters() -> Mapping[str, Any]:
    return {"nothing": lambda circuit, path: None}


@pytest.mark.parametrize(
    ("hook", "check"),
    [(register_tasks, "tasks"), (register_metrics, "metrics"), (register_exporters, "exporters")],
)
def test_what_is_offered_beside_analyses_is_checked_too(hook: Any, check: str) -> None:
    report = examined(module(**{hook.__name__: hook}))
    assert [failure.check for failure in report.failures] == [check], str(report)


def test_every_check_has_a_broken_plugin_but_the_one_that_needs_a_gpu() -> None:
    caught = {*BROKEN.values(), "hooks", "tasks", "metrics", "exporters"}
    assert {check.name for check in CHECKS} - caught == {"device"}


def test_chosen_checks_are_run_alone_and_progress_is_reported() -> None:
    steps: list[tuple[str, int, int]] = []
    report = examined(offering(Loyal), only=["hooks", "settings"], progress=lambda *step: steps.append(step))
    assert [outcome.check for outcome in report.outcomes] == ["hooks", "settings"]
    assert [done for _, done, _ in steps] == [0, 1, 2]
    assert report.as_dict()["passed"] is True


def test_what_is_not_there_cannot_be_examined() -> None:
    with pytest.raises(UnknownNameError, match="no plugin is called 'lens'; there are plugin"):
        check_plugin("lens", Registry({"plugin": offering(Loyal)}))
    with pytest.raises(UnknownNameError, match="no check is called 'colour'"):
        check_plugin("plugin", only=["colour"])


def test_a_check_that_cannot_be_tried_is_no_check_that_is_passed() -> None:
    class Elsewhere(Loyal):
        trial = Trial(task="no_such_task")

    report = examined(offering(Elsewhere), only=["result"])
    assert "could not be tried: UnknownNameError" in report.failures[0].detail


def test_a_report_of_nothing_but_skipped_checks_is_not_passed() -> None:
    assert not examined(module(register_exporters=register_exporters), only=["progress"]).passed


@pytest.mark.parametrize(
    ("status", "ending"), [("passed", None), ("failed", pytest.fail.Exception), ("skipped", pytest.skip.Exception)]
)
def test_a_check_in_a_test_suite_ends_as_its_outcome(status: Any, ending: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class Found:
        def outcomes(self, check: Check) -> list[Outcome]:
            return [Outcome(check.name, "loyal", status, "seen", check.promise, check.remedy)]

    monkeypatch.setattr(parametrised, "_examination", lambda plugin: Found())
    case = CheckOfPlugin("plugin", CHECKS[0])
    with pytest.raises(ending, match="seen") if ending else nullcontext():
        case()


def test_the_decorator_makes_a_case_of_every_check() -> None:
    @conformance("plugin")
    def test(check: CheckOfPlugin) -> None:
        check()

    (mark,) = test.pytestmark
    assert [case.id for case in mark.args[1]] == [check.name for check in CHECKS]
