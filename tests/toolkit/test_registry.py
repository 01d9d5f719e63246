"""The registry: what it admits, what it collects, and how it calls."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pluggy import HookimplMarker

from jackfield.errors import ModelLoadError, PluginError, PluginWarning, UnknownNameError
from jackfield.hookspecs import AnalysisHooks, hookimpl
from jackfield.loading import LoadRequest
from jackfield.registry import Registry
from jackfield_circuits import Circuit, Evidence, Node


def plugin(**hooks: Callable[..., Any]) -> SimpleNamespace:
    """A plugin of marked functions."""
    return SimpleNamespace(**{name: hookimpl(function) for name, function in hooks.items()})


def named(name: str) -> SimpleNamespace:
    """Stands in for a task or a metric."""
    return SimpleNamespace(name=name)


def analysis(name: str) -> type:
    return type("Analysis", (), {"name": name, "version": "1"})


def failing() -> None:
    raise KeyError("a5.h1")


def refusal(candidate: object) -> str:
    """Why the registry refuses a plugin."""
    with pytest.warns(PluginWarning, match="plugin 'candidate'"):
        registry = Registry({"candidate": candidate})
    (record,) = registry.records
    assert record.status == "broken"
    assert record.hooks == ()
    return str(record.error)


def complaints(registry: Registry, name: str) -> tuple[str, ...]:
    (record,) = [record for record in registry.records if record.name == name]
    assert record.status == "loaded"
    return record.warnings


# What is admitted.


def test_modules_and_instances_are_plugins() -> None:
    module = ModuleType("a_plugin")
    module.register_tasks = hookimpl(lambda: [named("from a module")])  # type: ignore[attr-defined]

    class Plugin:
        @hookimpl
        def register_tasks(self) -> list[SimpleNamespace]:
            return [named("from an instance")]

        @staticmethod
        @hookimpl
        def register_metrics() -> list[SimpleNamespace]:
            return [named("static")]

    registry = Registry({"one": module, "two": Plugin()})
    assert list(registry.tasks()) == ["from a module", "from an instance"]
    assert list(registry.metrics()) == ["static"]
    assert [record.module for record in registry.records] == ["a_plugin", __name__]
    assert registry.records[1].hooks == ("register_metrics", "register_tasks")


def test_a_class_may_inherit_a_specification_and_implement_some_of_it() -> None:
    class Plugin(AnalysisHooks):
        @hookimpl
        def register_analyses(self) -> list[Any]:
            return [analysis("knockout")]

    registry = Registry({"mine": Plugin()})  # type: ignore[abstract]
    assert list(registry.analyses()) == ["knockout"]
    assert registry.records[0].hooks == ("register_analyses",)


@pytest.mark.parametrize(
    ("candidate", "reason"),
    [
        (None, "got None"),
        (SimpleNamespace, "got the class SimpleNamespace; register an instance"),
        (plugin(register_analysis=lambda: []), "which does not exist; did you mean register_analyses?"),
        (plugin(frobnicate=lambda: []), "the hooks are after_analysis, before_analysis"),
        (plugin(register_models=lambda name: None), "can not be found in the hookspec"),
        (plugin(register_tasks=lambda *names: []), "parameter names; it is given, by position: nothing"),
        (plugin(after_analysis=lambda **rest: None), "parameter rest; it is given, by position: analysis, result"),
        (plugin(after_analysis=lambda *, result: None), "with the keyword-only parameter result"),
        (plugin(after_analysis=lambda *, result=0: None), "with the keyword-only parameter result"),
    ],
)
def test_what_breaks_the_protocol_is_refused_with_the_reason(candidate: object, reason: str) -> None:
    assert reason in refusal(candidate)


def test_an_optional_hook_of_another_version_is_passed_over() -> None:
    candidate = plugin(register_tasks=lambda: [])
    candidate.register_dashboards = hookimpl(lambda: [], optionalhook=True)
    (record,) = Registry({"mine": candidate}).records
    assert (record.status, record.hooks) == ("loaded", ("register_tasks",))


def test_wrappers_and_async_functions_are_refused() -> None:
    def wrapper() -> Iterator[None]:
        yield

    async def asynchronous() -> list[object]:
        return []

    assert "as a wrapper" in refusal(SimpleNamespace(register_tasks=hookimpl(wrapper, wrapper=True)))
    assert "as an async function" in refusal(plugin(register_tasks=asynchronous))


@pytest.mark.parametrize("name", ["", " ", "one,two"])
def test_a_name_that_could_not_be_asked_for_is_refused(name: str) -> None:
    with pytest.warns(PluginWarning, match="not blank and holds no comma"):
        assert Registry().register(name, plugin(register_tasks=lambda: [])).status == "broken"


def test_a_refused_plugin_leaves_nothing_behind() -> None:
    registry = Registry()
    half_right = plugin(register_tasks=lambda: [named("ioi")], register_taskz=lambda: [])
    with pytest.warns(PluginWarning, match="register_taskz"):
        registry.register("half-right", half_right)
    assert not registry.tasks()
    assert registry.register("right", plugin(register_tasks=lambda: [named("ioi")])).status == "loaded"
    assert registry.provider("task", "ioi") == "right"


def test_a_name_or_an_object_is_registered_once() -> None:
    first = plugin(register_tasks=lambda: [named("ioi")])
    registry = Registry({"mine": first})
    with pytest.warns(PluginWarning, match="the name 'mine' is taken"):
        registry.register("mine", plugin(register_tasks=lambda: [named("other")]))
    with pytest.warns(PluginWarning, match="already registered as the plugin 'mine'"):
        registry.register("yours", first)
    assert list(registry.tasks()) == ["ioi"]
    assert [record.status for record in registry.records] == ["loaded", "broken", "broken"]


def test_a_forgotten_mark_is_pointed_out() -> None:
    candidate = plugin(register_tasks=lambda: [])
    candidate.register_metrics = lambda: []
    with pytest.warns(PluginWarning, match="a function register_metrics without @hookimpl") as caught:
        registry = Registry({"mine": candidate})
    assert [warning.filename for warning in caught] == [__file__]
    assert complaints(registry, "mine") == ("has a function register_metrics without @hookimpl, so it is never called",)


def test_the_mark_of_another_project_does_not_count() -> None:
    candidate = SimpleNamespace(register_tasks=HookimplMarker("pytest")(lambda: []))
    with pytest.warns(PluginWarning, match="without @hookimpl"):
        assert Registry().register("mine", candidate).hooks == ()


# What is collected.


def test_each_kind_of_thing_is_found_by_its_name() -> None:
    knockout, sums = analysis("knockout"), object()
    clamp: Any = failing
    registry = Registry(
        {
            "all": plugin(
                list_models=lambda: [("toy", "two layers")],
                register_tasks=lambda: [named("ioi")],
                register_metrics=lambda: (named(name) for name in ("rank", "probability")),
                register_analyses=lambda: [knockout],
                register_interventions=lambda: {"clamp": clamp},
                register_causal_models=lambda: {"sum": sums},
                register_exporters=lambda: {"dot": print},
            )
        }
    )
    assert dict(registry.models()) == {"toy": "two layers"}
    assert registry.task("ioi").name == "ioi"
    assert list(registry.metrics()) == ["probability", "rank"]
    assert registry.metric("rank").name == "rank"
    assert registry.analysis("knockout") is knockout
    assert dict(registry.interventions()) == {"clamp": registry.intervention("clamp")} == {"clamp": clamp}
    assert registry.causal_model("sum") is sums
    assert dict(registry.exporters()) == {"dot": registry.exporter("dot")} == {"dot": print}
    assert registry.provider("causal model", "sum") == registry.provider("model", "toy") == "all"
    assert complaints(registry, "all") == ()


def test_what_is_handed_out_cannot_be_changed() -> None:
    tasks: Any = Registry({"mine": plugin(register_tasks=lambda: [named("ioi")])}).tasks()
    with pytest.raises(TypeError, match="does not support item assignment"):
        tasks["mine"] = named("mine")


def test_plugins_are_asked_once_until_another_is_registered() -> None:
    asked: list[str] = []

    def register_tasks() -> list[SimpleNamespace]:
        asked.append("once more")
        return [named("ioi")]

    registry = Registry({"mine": plugin(register_tasks=register_tasks)})
    assert not asked
    assert registry.task("ioi") is registry.tasks()["ioi"]
    assert registry.records
    assert len(asked) == 1
    registry.register("another", plugin(register_tasks=lambda: [named("svo")]))
    assert list(registry.tasks()) == ["ioi", "svo"]
    assert len(asked) == 2


@pytest.mark.parametrize(
    ("hook", "answer", "reason"),
    [
        ("register_tasks", failing, "failed in register_tasks: KeyError: 'a5.h1'"),
        ("register_tasks", lambda: sys.exit(2), "failed in register_tasks: SystemExit: 2"),
        ("register_tasks", lambda: None, "expected an iterable of things with names, got NoneType"),
        ("register_tasks", lambda: "ioi", "expected an iterable of things with names, got str"),
        ("register_tasks", lambda: {"ioi": named("ioi")}, "expected an iterable of things with names, got dict"),
        ("register_tasks", lambda: (1 / 0 for _ in "x"), "failed in register_tasks: ZeroDivisionError"),
        ("register_tasks", lambda: [object()], "item 0 is left out: TypeError: expected a name of object"),
        ("register_metrics", lambda: [named("")], "expected a name of SimpleNamespace that is a string and not blank"),
        ("register_metrics", lambda: [analysis("rank")], "expected an instance, got the class Analysis"),
        ("register_analyses", lambda: [named("knockout")], "expected a class, got an instance of SimpleNamespace"),
        ("register_analyses", lambda: [type("A", (), {"name": "a"})], "expected a version of A that is a string"),
        ("register_analyses", lambda: [Path], "expected a version of Path that is a string"),
        ("register_exporters", lambda: [("dot", failing)], "expected a mapping from names, got list"),
        ("register_exporters", lambda: {"dot": "a.dot"}, "something to call under the name 'dot', got str"),
        ("register_interventions", lambda: {3: failing}, "expected a name that is a string and not blank, got 3"),
        ("register_causal_models", lambda: {" ": object()}, "expected a name that is a string and not blank, got ' '"),
        ("list_models", lambda: ["toy"], "expected a pair of a name and a description, got 'toy'"),
        ("list_models", lambda: [("toy", None)], "expected a description that is a string"),
    ],
)
def test_an_answer_of_the_wrong_kind_is_left_out_and_recorded(
    hook: str, answer: Callable[[], object], reason: str
) -> None:
    registry = Registry({"bad": plugin(**{hook: answer}), "good": plugin(register_tasks=lambda: [named("ioi")])})
    (complaint,) = complaints(registry, "bad")
    assert reason in complaint
    assert hook in complaint
    assert "\n" not in complaint
    assert "Traceback" in str(registry.records[0].traceback)
    assert complaints(registry, "good") == ()
    offered = [registry.models(), registry.metrics(), registry.analyses(), registry.interventions()]
    assert not any([*offered, registry.causal_models(), registry.exporters()])
    assert list(registry.tasks()) == ["ioi"]


def test_an_abstract_analysis_is_left_out() -> None:
    from abc import ABC, abstractmethod

    class Unfinished(ABC):
        name, version = "unfinished", "1"

        @abstractmethod
        def run(self) -> None: ...

    registry = Registry({"mine": plugin(register_analyses=lambda: [Unfinished])})
    assert not registry.analyses()
    assert "Unfinished, which is abstract" in complaints(registry, "mine")[0]


def test_one_bad_item_does_not_take_the_others_with_it() -> None:
    registry = Registry({"mine": plugin(register_tasks=lambda: [named("a"), object(), named("b")])})
    assert list(registry.tasks()) == ["a", "b"]
    assert "item 1 is left out" in complaints(registry, "mine")[0]


def test_the_first_plugin_by_name_keeps_a_contested_name() -> None:
    ours: Any = named("ioi")
    theirs: Any = named("ioi")
    registry = Registry()
    registry.register("zeta", plugin(register_tasks=lambda: [theirs, named("svo")]))
    assert registry.task("ioi") is theirs
    registry.register("alpha", plugin(register_tasks=lambda: [ours]))
    assert registry.task("ioi") is ours
    assert registry.provider("task", "ioi") == "alpha"
    assert complaints(registry, "alpha") == ()
    assert complaints(registry, "zeta") == (
        "register_tasks: the task 'ioi' is left out: the plugin 'alpha' provides it already",
    )
    assert list(registry.tasks()) == ["ioi", "svo"]


def test_a_plugin_that_names_a_thing_twice_keeps_the_first() -> None:
    first: Any = named("ioi")
    registry = Registry({"mine": plugin(register_tasks=lambda: [first, named("ioi")])})
    assert registry.task("ioi") is first
    assert "provides it already" in complaints(registry, "mine")[0]


@given(
    claims=st.dictionaries(st.sampled_from("abcdef"), st.sets(st.sampled_from("uvwxyz"), min_size=1), min_size=1),
    data=st.data(),
)
def test_the_order_of_registration_changes_nothing(claims: dict[str, set[str]], data: st.DataObject) -> None:
    plugins = {name: plugin(register_tasks=lambda tasks=tasks: map(named, tasks)) for name, tasks in claims.items()}
    registry = Registry()
    for name in data.draw(st.permutations(sorted(plugins))):
        registry.register(name, plugins[name])
    owners = {task: min(name for name in claims if task in claims[name]) for task in set().union(*claims.values())}
    assert {task: registry.provider("task", task) for task in registry.tasks()} == owners
    assert list(registry.tasks()) == sorted(owners)
    assert [record.name for record in registry.records] == sorted(claims)


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("acivation_patching", "did you mean 'activation_patching'?"),
        ("Activation_Patching", "did you mean 'activation_patching'?"),
        ("zzz", "known analyses: activation_patching, knockout"),
    ],
)
def test_an_unknown_name_is_answered_with_those_that_are_known(name: str, advice: str) -> None:
    registry = Registry(
        {"mine": plugin(register_analyses=lambda: [analysis("knockout"), analysis("activation_patching")])}
    )
    with pytest.raises(UnknownNameError) as caught:
        registry.analysis(name)
    message = str(caught.value)
    assert message.startswith(f"no plugin offers the analysis {name!r}; ")
    assert advice in message
    assert "faults" not in message


def test_an_unknown_name_points_at_a_plugin_whose_registration_failed() -> None:
    registry = Registry({"mine": plugin(register_tasks=failing)})
    with pytest.raises(UnknownNameError, match="known tasks: none; plugins with faults: mine"):
        registry.task("ioi")


def test_the_provider_of_an_unknown_kind_is_an_error() -> None:
    with pytest.raises(UnknownNameError, match="the kinds are model, task, metric, analysis, intervention"):
        Registry().provider("dashboard", "main")


# How hooks are called.


def test_hooks_around_an_analysis_are_called_by_plugin_name_with_what_they_take() -> None:
    calls: list[tuple[object, ...]] = []
    registry = Registry(
        {
            "c": plugin(before_analysis=lambda bench, analysis: calls.append(("c", analysis, bench))),
            "b": SimpleNamespace(before_analysis=hookimpl(lambda bench=0: calls.append(("b", bench)), tryfirst=True)),
            "a": plugin(before_analysis=lambda: calls.append(("a",))),
            "d": plugin(after_analysis=lambda result: calls.append((result,))),
        }
    )
    before: Any = registry.before_analysis
    after: Any = registry.after_analysis
    before("the analysis", "the bench")
    after("the analysis", "the result")
    assert calls == [("a",), ("b", "the bench"), ("c", "the analysis", "the bench"), ("the result",)]


@pytest.mark.parametrize("hook", ["before_analysis", "after_analysis", "contribute_circuit", "finalize_circuit"])
def test_a_failure_that_could_change_a_result_is_an_error_that_names_the_plugin(hook: str) -> None:
    registry = Registry({"tidy": plugin(**{hook: failing})})
    arguments = {"before_analysis": (None, None), "after_analysis": (None, None), "finalize_circuit": (Circuit(),)}
    for _ in range(2):
        with pytest.raises(PluginError, match=f"plugin 'tidy' failed in {hook}: KeyError: 'a5.h1'") as caught:
            getattr(registry, hook)(*arguments.get(hook, (None,)))
        assert isinstance(caught.value.__cause__, KeyError)
    assert complaints(registry, "tidy") == (f"failed in {hook}: KeyError: 'a5.h1'",)
    assert "raise KeyError" in str(registry.records[0].traceback)


def test_a_hook_that_should_return_nothing_may_not_be_a_generator() -> None:
    def lazily(analysis: object) -> Iterator[object]:
        yield analysis

    with pytest.raises(PluginError, match="expected None to be returned, got generator"):
        Registry({"lazy": plugin(before_analysis=lazily)}).before_analysis(None, None)  # type: ignore[arg-type]


def circuit(*ids: str) -> Circuit:
    return Circuit(nodes=[Node(id=node) for node in ids])


def test_contributions_come_by_plugin_name_without_those_that_have_none() -> None:
    registry = Registry(
        {
            "b": plugin(contribute_circuit=lambda result: circuit(f"{result}.h1")),
            "a": plugin(contribute_circuit=lambda: circuit("m0")),
            "c": plugin(contribute_circuit=lambda: None),
        }
    )
    contribute: Any = registry.contribute_circuit
    assert contribute("a3") == [circuit("m0"), circuit("a3.h1")]


def test_a_contribution_must_be_a_circuit() -> None:
    registry = Registry({"mine": plugin(contribute_circuit=lambda: {"nodes": []})})
    with pytest.raises(PluginError, match="expected Circuit or None to be returned, got dict"):
        registry.contribute_circuit(None)  # type: ignore[arg-type]


def test_each_plugin_finalizes_what_the_one_before_returned() -> None:
    seen: list[Node] = []
    registry = Registry(
        {
            "c": plugin(finalize_circuit=lambda circuit: seen.extend(circuit.nodes)),
            "b": plugin(finalize_circuit=lambda circuit: None),
            "a": plugin(finalize_circuit=lambda circuit: circuit | Circuit(nodes=[Node(id="m1")])),
        }
    )
    assert registry.finalize_circuit(circuit("m0")) == circuit("m0", "m1")
    assert seen == [Node(id="m0"), Node(id="m1")]


def test_a_plugin_may_empty_the_circuit() -> None:
    registry = Registry({"strict": plugin(finalize_circuit=lambda circuit: Circuit(runs=circuit.runs))})
    assert registry.finalize_circuit(circuit("m0")) == Circuit()


def test_without_plugins_a_circuit_stays_as_it_is() -> None:
    assert Registry().finalize_circuit(circuit("m0")) == circuit("m0")
    assert Registry().contribute_circuit(None) == []  # type: ignore[arg-type]
    assert Registry().resolve_evidence([]) is None


def claim(score: float) -> Evidence:
    return Evidence(plugin="p", method="m", metric="d", unit="logits", score=score, n=4, run="r")


def test_the_first_plugin_with_a_choice_resolves_the_evidence() -> None:
    registry = Registry(
        {
            "a": plugin(resolve_evidence=lambda evidence: None),
            "b": plugin(resolve_evidence=lambda evidence: min(evidence, key=lambda one: one.score)),
            "c": plugin(resolve_evidence=lambda: pytest.fail("asked in vain")),
        }
    )
    assert registry.resolve_evidence([claim(1.0), claim(-2.0)]) == claim(-2.0)
    with pytest.raises(PluginError, match="expected Evidence or None to be returned, got int"):
        Registry({"mine": plugin(resolve_evidence=lambda evidence: 3)}).resolve_evidence([claim(1.0)])


def test_without_a_choice_the_strongest_supported_finding_speaks_and_conflicts_abstain() -> None:
    def found(score: float) -> Evidence:
        ends = {"low": score - 0.1, "high": score + 0.1, "control": 0.0, "q_value": 0.001}
        return Evidence(**claim(score).model_dump() | ends)

    registry = Registry({"a": plugin(resolve_evidence=lambda evidence: None)})
    assert registry.resolve_evidence([claim(9.0), found(1.0), found(2.0)]) == found(2.0)
    assert registry.resolve_evidence([found(1.0), found(-2.0)]) is None
    assert registry.resolve_evidence([claim(9.0)]) is None


def model() -> Any:
    """A model that is never run."""
    from jackfield.hooked_model import HookedModel

    return object.__new__(HookedModel)


def test_the_first_plugin_that_recognises_a_model_loads_it() -> None:
    toy = model()
    registry = Registry(
        {
            "a": plugin(register_models=lambda request: None),
            "b": plugin(register_models=lambda request: toy if request.name == "toy" else None),
            "c": plugin(register_models=lambda: pytest.fail("asked in vain")),
        }
    )
    assert registry.load_model(LoadRequest("toy")) is toy


def test_an_unknown_model_is_answered_with_those_that_are_listed() -> None:
    registry = Registry({"mine": plugin(list_models=lambda: [("fieldmouse", "the embedded model")])})
    with pytest.raises(
        UnknownNameError, match=r"the model 'feldmouse'; did you mean 'fieldmouse'\?; known models: fieldmouse"
    ):
        registry.load_model(LoadRequest("feldmouse"))


def test_a_model_that_a_plugin_recognises_and_cannot_load_is_not_tried_elsewhere() -> None:
    def refuse(request: LoadRequest) -> None:
        raise ModelLoadError("two tensors are missing")

    registry = Registry({"a": plugin(register_models=refuse), "b": plugin(register_models=lambda request: model())})
    with pytest.raises(ModelLoadError, match="two tensors are missing"):
        registry.load_model(LoadRequest("toy"))


def test_a_loader_that_breaks_down_does_not_hide_the_models_of_others() -> None:
    toy = model()
    loaders: dict[str, Callable[..., object]] = {
        "a": failing,
        "b": lambda: ["toy"],
        "c": lambda request: toy if request.name == "toy" else None,
    }
    registry = Registry({name: plugin(register_models=load) for name, load in loaders.items()})
    assert registry.load_model(LoadRequest("toy")) is toy
    with pytest.raises(PluginError, match="plugin 'a' failed in register_models: KeyError") as caught:
        registry.load_model(LoadRequest("another"))
    assert isinstance(caught.value.__cause__, KeyError)
    assert "expected HookedModel or None to be returned, got list" in complaints(registry, "b")[0]


def test_an_interrupt_is_never_held_against_a_plugin() -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    registry = Registry({"slow": plugin(register_tasks=interrupt, before_analysis=interrupt)})
    with pytest.raises(KeyboardInterrupt):
        registry.tasks()
    with pytest.raises(KeyboardInterrupt):
        registry.before_analysis(None, None)  # type: ignore[arg-type]


def test_the_registry_loads_nothing_heavy() -> None:
    code = "import sys, jackfield.registry; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pluggy" in done.stdout.split()
    assert not {"torch", "transformers", "xarray", "networkx", "pandas", "matplotlib"} & set(done.stdout.split())
