"""The registry: every plugin, what each offers, and the calls to their hooks."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar

from pluggy import PluginManager, PluginValidationError

from jackfield.admission import admit
from jackfield.calls import FAILURES, HookCalls, call_for
from jackfield.catalogue import OFFERS, Catalogue
from jackfield.discovery import installed_entry_points, record_of, wanted_names
from jackfield.errors import JackfieldError, PluginError, PluginWarning, UnknownNameError
from jackfield.hookspecs import PROJECT, SPECIFICATIONS
from jackfield.plugin_record import PluginRecord

if TYPE_CHECKING:
    from jackfield.analysis import Analysis
    from jackfield.bench import Bench
    from jackfield.hooked_model import HookedModel
    from jackfield.interventions import Intervention
    from jackfield.loading import LoadRequest
    from jackfield.metrics import Metric
    from jackfield.results import AnalysisResult
    from jackfield.tasks import Task
    from jackfield_circuits import Circuit, Evidence

__all__ = ["Registry"]

T = TypeVar("T")


class Registry:
    """Every plugin, in the order of their names.

    A plugin that is broken is recorded and stops nothing: it is as if it were not there, and ``records`` says why.
    What plugins offer is asked of them when it is first wanted, and again after a new plugin is registered.

    Parameters
    ----------
    plugins
        Modules or instances, by plugin name. ``discover`` finds the installed ones instead.

    Warns
    -----
    PluginWarning
        If a plugin implements no hook, has a function that is named like a hook and lacks ``@hookimpl``, or was given
        by hand and is broken.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> from jackfield.hookspecs import hookimpl
    >>> @hookimpl
    ... def register_causal_models():
    ...     return {"carry-addition": "an algorithm"}
    >>> registry = Registry({"sums": SimpleNamespace(register_causal_models=register_causal_models)})
    >>> dict(registry.causal_models())
    {'carry-addition': 'an algorithm'}
    >>> registry.provider("causal model", "carry-addition")
    'sums'
    """

    def __init__(self, plugins: Mapping[str, object] | None = None) -> None:
        self._manager = PluginManager(PROJECT)
        for group in SPECIFICATIONS:
            self._manager.add_hookspecs(group)
        self._calls = HookCalls(self._manager)
        self._records: list[PluginRecord] = []
        self._catalogues: dict[str, Catalogue] = {}
        for name, plugin in sorted((plugins or {}).items()):
            _announce(self._add(_record_of_object(name, plugin), plugin))

    @classmethod
    def discover(cls, only: Collection[str] | None = None) -> Registry:
        """Load the installed plugins, each on its own.

        Parameters
        ----------
        only
            Names of the plugins to load; the others are recorded as disabled and never imported. ``None`` takes the
            names from the environment variable ``JACKFIELD_PLUGINS``, separated by commas; where that is unset or
            blank, all are loaded.

        Raises
        ------
        PluginError
            If a plugin is asked for that is not installed.

        Warns
        -----
        PluginWarning
            As the class does.
        """
        points = installed_entry_points()
        wanted = wanted_names([point.name for point in points], only)
        registry = cls()
        for point in points:
            record = record_of(point)
            if point.name not in wanted:
                registry._records.append(replace(record, status="disabled"))
                continue
            try:
                plugin = point.load()
            except FAILURES as failure:
                registry._records.append(record.broken_by(failure))
            else:
                added = registry._add(record, plugin)
                if added.status == "loaded":
                    _announce(added)
        return registry

    def register(self, name: str, plugin: object) -> PluginRecord:
        """Add a module or an instance as a plugin, and say whether it loaded.

        Returns
        -------
        PluginRecord
            Its status is ``broken`` where the plugin was refused.

        Warns
        -----
        PluginWarning
            As the class does.
        """
        record = self._add(_record_of_object(name, plugin), plugin)
        _announce(record)
        return record

    @property
    def records(self) -> tuple[PluginRecord, ...]:
        """The state of every plugin, by name. Asks the plugins for all that they offer, so that every fault shows."""
        complaints = [complaint for noun in OFFERS for complaint in self._catalogue(noun).complaints]
        complaints += self._calls.complaints
        return tuple(sorted((record.with_complaints(complaints) for record in self._records), key=_by_name))

    def models(self) -> Mapping[str, str]:
        """Descriptions of the models that can be loaded by name alone."""
        return self._catalogue("model").values

    def tasks(self) -> Mapping[str, Task]:
        return self._catalogue("task").values

    def metrics(self) -> Mapping[str, Metric]:
        return self._catalogue("metric").values

    def analyses(self) -> Mapping[str, type[Analysis[Any]]]:
        return self._catalogue("analysis").values

    def interventions(self) -> Mapping[str, Callable[..., Intervention]]:
        return self._catalogue("intervention").values

    def causal_models(self) -> Mapping[str, object]:
        return self._catalogue("causal model").values

    def exporters(self) -> Mapping[str, Callable[[Circuit, Path], None]]:
        return self._catalogue("exporter").values

    def task(self, name: str) -> Task:
        """The task of this name, or ``UnknownNameError`` with those that come close."""
        return self._find("task", self.tasks(), name)

    def metric(self, name: str) -> Metric:
        """The metric of this name, or ``UnknownNameError`` with those that come close."""
        return self._find("metric", self.metrics(), name)

    def analysis(self, name: str) -> type[Analysis[Any]]:
        """The analysis of this name, or ``UnknownNameError`` with those that come close."""
        return self._find("analysis", self.analyses(), name)

    def intervention(self, name: str) -> Callable[..., Intervention]:
        """The maker of interventions of this name, or ``UnknownNameError`` with those that come close."""
        return self._find("intervention", self.interventions(), name)

    def causal_model(self, name: str) -> object:
        """The causal model of this name, or ``UnknownNameError`` with those that come close."""
        return self._find("causal model", self.causal_models(), name)

    def exporter(self, name: str) -> Callable[[Circuit, Path], None]:
        """The exporter of this name, or ``UnknownNameError`` with those that come close."""
        return self._find("exporter", self.exporters(), name)

    def provider(self, noun: str, name: str) -> str:
        """The plugin that a thing comes from.

        Parameters
        ----------
        noun
            ``"model"``, ``"task"``, ``"metric"``, ``"analysis"``, ``"intervention"``, ``"causal model"`` or
            ``"exporter"``.
        name
            The name of the thing.

        Raises
        ------
        UnknownNameError
            If plugins offer no such kind of thing, or none of this name.
        """
        if noun not in OFFERS:
            raise UnknownNameError(f"plugins offer no kind of thing called {noun!r}; the kinds are {', '.join(OFFERS)}")
        return self._find(noun, self._catalogue(noun).providers, name)

    def load_model(self, request: LoadRequest) -> HookedModel:
        """Load the model that ``request`` names through the first plugin that recognises it.

        Raises
        ------
        ModelLoadError
            If a plugin recognises the name but cannot load the model.
        PluginError
            If no plugin recognises the name, and one failed when it was asked.
        UnknownNameError
            If no plugin recognises the name.
        """
        from jackfield.hooked_model import HookedModel

        failures: list[tuple[PluginError, BaseException]] = []
        for implementation in self._calls.implementations("register_models"):
            try:
                model = call_for(HookedModel, implementation, {"request": request})
            except JackfieldError:
                raise
            except FAILURES as failure:
                failures.append((self._calls.blame(implementation, "register_models", failure), failure))
            else:
                if model is not None:
                    return model
        for error, cause in failures:
            raise error from cause
        raise self._unknown("model", request.name, self.models())

    def before_analysis(self, analysis: Analysis[Any], bench: Bench) -> None:
        """Tell every plugin that an analysis is about to run; ``PluginError`` where one fails."""
        self._calls.tell("before_analysis", analysis=analysis, bench=bench)

    def after_analysis(self, analysis: Analysis[Any], result: AnalysisResult) -> None:
        """Tell every plugin that an analysis has run; ``PluginError`` where one fails."""
        self._calls.tell("after_analysis", analysis=analysis, result=result)

    def contribute_circuit(self, result: AnalysisResult) -> list[Circuit]:
        """What plugins say that a result claims about the circuit, by plugin name.

        Raises
        ------
        PluginError
            If a plugin fails, or returns something else than a circuit.
        """
        from jackfield_circuits import Circuit

        return list(self._calls.answers(Circuit, "contribute_circuit", result=result))

    def resolve_evidence(self, evidence: Sequence[Evidence]) -> Evidence | None:
        """The claim that speaks for a node or edge, chosen by the first plugin that has a choice.

        Where none has, it is jackfield's own choice, see `jackfield_circuits.resolution.speaker`: the strongest finding
        that the claims support together, or ``None`` where they contradict each other or support nothing.

        Raises
        ------
        PluginError
            If a plugin fails, or returns something else than a piece of evidence.
        """
        from jackfield_circuits import Evidence, speaker

        chosen = next(self._calls.answers(Evidence, "resolve_evidence", evidence=evidence), None)
        return speaker(evidence) if chosen is None else chosen

    def finalize_circuit(self, circuit: Circuit) -> Circuit:
        """The circuit as the plugins leave it, each given what the one before returned.

        Raises
        ------
        PluginError
            If a plugin fails, or returns something else than a circuit.
        """
        from jackfield_circuits import Circuit

        for implementation in self._calls.implementations("finalize_circuit"):
            changed = self._calls.answer(Circuit, implementation, "finalize_circuit", {"circuit": circuit})
            circuit = circuit if changed is None else changed
        return circuit

    def _add(self, record: PluginRecord, plugin: object) -> PluginRecord:
        try:
            self._require_free(record.name)
            hooks, suspicions = admit(self._manager, record.name, plugin)
        except (PluginError, PluginValidationError) as refusal:
            record = replace(record, status="broken", error=" ".join(str(refusal).split()))
        except FAILURES as failure:
            record = record.broken_by(failure)
        else:
            record = replace(record, hooks=hooks, warnings=suspicions)
        self._records.append(record)
        self._catalogues.clear()
        return record

    def _require_free(self, name: str) -> None:
        for record in self._records:
            if record.name == name and record.status == "loaded":
                raise PluginError(f"the name {name!r} is taken by the plugin from {record.origin}")

    def _catalogue(self, noun: str) -> Catalogue:
        if noun not in self._catalogues:
            offer = OFFERS[noun]
            self._catalogues[noun] = Catalogue.collect(offer, self._calls.implementations(offer.hook))
        return self._catalogues[noun]

    def _find(self, noun: str, known: Mapping[str, T], name: str) -> T:
        if name not in known:
            raise self._unknown(noun, name, known)
        return known[name]

    def _unknown(self, noun: str, name: str, known: Collection[str]) -> UnknownNameError:
        folded = {other.casefold(): other for other in known}
        close = [folded[match] for match in get_close_matches(name.casefold(), folded)]
        faulty = {record.name for record in self._records if record.status == "broken"}
        faulty |= {complaint.plugin for complaint in self._catalogue(noun).complaints}
        disabled = {record.name for record in self._records if record.status == "disabled"}
        parts = [f"no plugin offers the {noun} {name!r}"]
        if close:
            parts.append(f"did you mean {' or '.join(map(repr, close))}?")
        parts.append(f"known {OFFERS[noun].plural}: {', '.join(known) or 'none'}")
        if faulty:
            parts.append(f"plugins with faults: {', '.join(sorted(faulty))} (run `jackfield plugins` to see them)")
        if disabled:
            parts.append(f"plugins left out: {', '.join(sorted(disabled))}")
        return UnknownNameError("; ".join(parts))


def _record_of_object(name: str, plugin: object) -> PluginRecord:
    module = plugin.__name__ if isinstance(plugin, ModuleType) else type(plugin).__module__
    return PluginRecord(name, module=module)


def _announce(record: PluginRecord) -> None:
    """Warn whoever called the registry about a plugin."""
    for text in ([record.error] if record.error else []) + list(record.warnings):
        warnings.warn(f"plugin {record.name!r} ({record.origin}): {text}", PluginWarning, stacklevel=3)


def _by_name(record: PluginRecord) -> tuple[str, str]:
    return record.name, record.distribution or ""
