"""Installed plugins, found through the metadata of fake distributions on a real import path."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from importlib import metadata
from pathlib import Path
from textwrap import dedent

import pytest

from jackfield import discovery
from jackfield.errors import PluginError, PluginWarning, UnknownNameError
from jackfield.plugin_record import PluginRecord
from jackfield.registry import Registry

Install = Callable[..., None]

GOOD = """
    from jackfield.hookspecs import hookimpl

    @hookimpl
    def register_causal_models():
        return {__name__: object()}
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Install a distribution of plugin modules, ``name -> source``; other installed plugins are hidden."""
    found = metadata.entry_points
    modules: set[str] = set()

    def only_fakes(group: str) -> list[metadata.EntryPoint]:
        return [point for point in found(group=group) if point.dist and point.dist.name.startswith("fake-")]

    def install(distribution: str, plugins: Mapping[str, str], *, targets: Mapping[str, str] | None = None) -> None:
        information = tmp_path / f"{distribution.replace('-', '_')}-1.2.dist-info"
        information.mkdir()
        announced = {name: f"{distribution.replace('-', '_')}_{name}" for name in plugins} | dict(targets or {})
        lines = [f"{name} = {target}" for name, target in announced.items()]
        (information / "entry_points.txt").write_text("[jackfield.plugins]\n" + "\n".join(lines) + "\n")
        (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2\n")
        for name, source in plugins.items():
            module = announced[name].partition(":")[0]
            modules.add(module)
            (tmp_path / f"{module}.py").write_text(dedent(source))

    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(discovery, "entry_points", only_fakes)
    monkeypatch.delenv(discovery.VARIABLE, raising=False)
    yield install
    for module in modules:
        sys.modules.pop(module, None)


def record(registry: Registry, name: str) -> PluginRecord:
    (found,) = [record for record in registry.records if record.name == name]
    return found


def statuses(registry: Registry) -> dict[str, str]:
    return {record.name: record.status for record in registry.records}


def test_an_installed_plugin_is_loaded_and_says_where_it_comes_from(install: Install) -> None:
    install("fake-lens", {"lens": GOOD})
    registry = Registry.discover()
    assert record(registry, "lens") == PluginRecord(
        "lens", "fake-lens", "1.2", "fake_lens_lens", "loaded", ("register_causal_models",)
    )
    assert registry.provider("causal model", "fake_lens_lens") == "lens"


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("import a_module_that_nobody_has", "ModuleNotFoundError: No module named 'a_module_that_nobody_has'"),
        ("def half(:", "SyntaxError: invalid syntax"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
    ],
)
def test_a_plugin_that_cannot_be_imported_is_recorded_and_stops_nothing(
    install: Install, source: str, error: str
) -> None:
    install("fake-mixed", {"bad": source, "good": GOOD})
    registry = Registry.discover()
    broken = record(registry, "bad")
    assert broken.status == "broken"
    assert broken.error is not None
    assert broken.error.startswith(error)
    assert broken.traceback is not None
    assert broken.traceback.startswith("Traceback (most recent call last):")
    assert broken.distribution == "fake-mixed"
    assert list(registry.causal_models()) == ["fake_mixed_good"]


def test_an_interrupt_while_a_plugin_is_imported_is_not_swallowed(install: Install) -> None:
    install("fake-slow", {"slow": "raise KeyboardInterrupt"})
    with pytest.raises(KeyboardInterrupt):
        Registry.discover()


@pytest.mark.parametrize(
    ("target", "error"),
    [
        ("fake_odd_good:missing", "has no attribute 'missing'"),
        ("not a module!", "AttributeError"),
        ("fake_odd_good:NOTHING", "a plugin is a module or an instance, got None"),
        ("fake_odd_good:Plugin", "got the class Plugin; register an instance"),
    ],
)
def test_an_entry_point_that_leads_to_no_plugin_is_recorded(install: Install, target: str, error: str) -> None:
    source = dedent(GOOD) + "\nNOTHING = None\nclass Plugin:\n    pass\n"
    install("fake-odd", {"good": source}, targets={"odd": target})
    registry = Registry.discover()
    assert error in str(record(registry, "odd").error)
    assert statuses(registry) == {"good": "loaded", "odd": "broken"}


def test_a_refused_plugin_is_recorded_without_a_warning(install: Install) -> None:
    source = GOOD.replace("register_causal_models()", "register_causal_models(model)")
    install("fake-wrong", {"wrong": source, "good": GOOD})
    assert statuses(Registry.discover()) == {"good": "loaded", "wrong": "broken"}


def test_a_plugin_without_hooks_is_loaded_with_a_warning(install: Install) -> None:
    install("fake-empty", {"empty": "colour = 'blue'"})
    with pytest.warns(PluginWarning, match=r"plugin 'empty' \(distribution fake-empty 1.2\): implements no hook"):
        registry = Registry.discover()
    assert record(registry, "empty").status == "loaded"
    assert len(record(registry, "empty").warnings) == 1


def test_the_second_plugin_of_a_name_is_refused(install: Install) -> None:
    install("fake-b", {"twin": GOOD}, targets={"twin": "fake_twin_1"})
    install("fake-a", {"twin": GOOD.replace("object()", "object(), ' ': 0")}, targets={"twin": "fake_twin_2"})
    registry = Registry.discover()
    assert [(record.distribution, record.status) for record in registry.records] == [
        ("fake-a", "loaded"),
        ("fake-b", "broken"),
    ]
    assert "the name 'twin' is taken by the plugin from distribution fake-a 1.2" in str(registry.records[1].error)
    assert list(registry.causal_models()) == ["fake_twin_2"]
    assert [len(record.warnings) for record in registry.records] == [1, 0]


def test_only_the_plugins_asked_for_are_imported(install: Install) -> None:
    install("fake-pair", {"one": GOOD, "two": "raise AssertionError('imported')"})
    registry = Registry.discover(only=["one"])
    assert statuses(registry) == {"one": "loaded", "two": "disabled"}
    assert "fake_pair_two" not in sys.modules


def test_nothing_is_imported_when_no_plugin_is_asked_for(install: Install) -> None:
    install("fake-pair", {"one": GOOD, "two": GOOD})
    assert set(statuses(Registry.discover(only=())).values()) == {"disabled"}


@pytest.mark.parametrize(
    ("value", "loaded"),
    [
        ("one", {"one"}),
        (" one , three,", {"one", "three"}),
        ("", {"one", "two", "three"}),
        (" ", {"one", "two", "three"}),
    ],
)
def test_the_environment_names_the_plugins_to_load(
    install: Install, monkeypatch: pytest.MonkeyPatch, value: str, loaded: set[str]
) -> None:
    install("fake-three", dict.fromkeys(["one", "two", "three"], GOOD))
    monkeypatch.setenv("JACKFIELD_PLUGINS", value)
    assert {name for name, status in statuses(Registry.discover()).items() if status == "loaded"} == loaded


def test_what_the_caller_asks_for_overrides_the_environment(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    install("fake-pair", {"one": GOOD, "two": GOOD})
    monkeypatch.setenv("JACKFIELD_PLUGINS", "no-such-plugin")
    assert statuses(Registry.discover(only=["two"])) == {"one": "disabled", "two": "loaded"}


def test_asking_for_a_plugin_that_is_not_installed_names_those_that_are(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("fake-pair", {"one": GOOD, "two": GOOD})
    with pytest.raises(
        PluginError, match=r"only asks for plugins that are not installed: tow; installed are: one, two"
    ):
        Registry.discover(only=["tow"])
    monkeypatch.setenv("JACKFIELD_PLUGINS", "one,tow")
    with pytest.raises(PluginError, match=r"JACKFIELD_PLUGINS asks for plugins that are not installed: tow"):
        Registry.discover()


def test_an_unknown_name_points_at_the_plugins_that_might_have_offered_it(install: Install) -> None:
    install("fake-three", {"one": GOOD, "two": "import a_module_that_nobody_has", "three": GOOD})
    registry = Registry.discover(only=["one", "two"])
    with pytest.raises(UnknownNameError) as caught:
        registry.task("ioi")
    assert "plugins with faults: two (run `jackfield plugins` to see them)" in str(caught.value)
    assert "plugins left out: three" in str(caught.value)


def test_a_plugin_left_out_can_be_registered_by_hand(install: Install) -> None:
    install("fake-pair", {"one": GOOD, "two": GOOD})
    registry = Registry.discover(only=["one"])
    import fake_pair_two  # type: ignore[import-not-found]

    assert registry.register("two", fake_pair_two).status == "loaded"
    assert list(registry.causal_models()) == ["fake_pair_one", "fake_pair_two"]


def test_every_record_can_be_written_as_json(install: Install) -> None:
    install("fake-mixed", {"bad": "1 / 0", "good": GOOD, "off": GOOD})
    rows = [record.as_dict() for record in Registry.discover(only=["bad", "good"]).records]
    assert json.loads(json.dumps(rows)) == rows
    assert [row["status"] for row in rows] == ["broken", "loaded", "disabled"]
    assert rows[1]["hooks"] == ["register_causal_models"]
