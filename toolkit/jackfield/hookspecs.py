"""What a plugin may offer: the hook specifications, as protocols grouped by noun.

A plugin is a module, or an instance of a class, that implements any of these hooks and marks each with
:data:`hookimpl`. It is found through the entry-point group ``jackfield.plugins``. An implementation may leave out
arguments that it does not need, but may not rename them. Plugins are called in the order of their names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from pluggy import HookimplMarker, HookspecMarker

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

__all__ = [
    "PROJECT",
    "SPECIFICATIONS",
    "AnalysisHooks",
    "CausalModelHooks",
    "CircuitHooks",
    "ExporterHooks",
    "InterventionHooks",
    "MetricHooks",
    "ModelHooks",
    "TaskHooks",
    "hookimpl",
    "hookspec",
]

PROJECT = "jackfield"
"""The name under which pluggy keeps jackfield's marks apart from other projects'."""

hookspec = HookspecMarker(PROJECT)
hookimpl = HookimplMarker(PROJECT)


class ModelHooks(Protocol):
    """Where models come from."""

    @hookspec(firstresult=True)
    def register_models(self, request: LoadRequest) -> HookedModel | None:
        """Load the model that ``request`` names, if this plugin recognises the name.

        Called once for every model that is loaded; the first plugin that returns a model wins, and later ones are not
        asked. Decide by the name alone, before any costly work. A jackfield error raised here (``ModelLoadError``
        where a recognised model cannot be read) reaches the user as it is; after any other exception the remaining
        plugins are asked.

        Parameters
        ----------
        request
            What to load, by name, and how (dtype, device).

        Returns
        -------
        HookedModel or None
            The loaded model; ``None`` for a name that is not this plugin's.

        Examples
        --------
        >>> @hookimpl
        ... def register_models(request):
        ...     return build_reversal_model() if request.name == "toy-reversal" else None
        """
        ...

    @hookspec
    def list_models(self) -> Iterable[tuple[str, str]]:
        """Name the models that ``register_models`` can load without being told where they are.

        Called to list models and to suggest a name for one that is unknown. Load nothing here.

        Returns
        -------
        iterable of (str, str)
            Pairs of a name and a description of one line.

        Examples
        --------
        >>> @hookimpl
        ... def list_models():
        ...     return [("toy-reversal", "two layers that reverse a list; the circuit is known")]
        """
        ...


class TaskHooks(Protocol):
    """Tasks that a model is studied on."""

    @hookspec
    def register_tasks(self) -> Iterable[Task]:
        """Offer tasks, each under its own ``name``.

        Called when tasks are first asked for. Return instances, not classes; make no prompts yet.

        Returns
        -------
        iterable of Task
            Tasks with distinct names.

        Examples
        --------
        >>> @hookimpl
        ... def register_tasks():
        ...     return [CapitalCities(), Opposites()]
        """
        ...


class MetricHooks(Protocol):
    """Metrics that score the answer positions."""

    @hookspec
    def register_metrics(self) -> Iterable[Metric]:
        """Offer metrics, each under its own ``name``.

        Called when metrics are first asked for. Return instances, not classes.

        Returns
        -------
        iterable of Metric
            Metrics with distinct names.

        Examples
        --------
        >>> @hookimpl
        ... def register_metrics():
        ...     return [RankOfAnswer()]
        """
        ...


class AnalysisHooks(Protocol):
    """Analyses, and what happens around each run of one."""

    @hookspec
    def register_analyses(self) -> Iterable[type[Analysis[Any]]]:
        """Offer analyses, each under its own ``name``.

        Called when analyses are first asked for. Return the classes: a study makes the instances.

        Returns
        -------
        iterable of type[Analysis]
            Classes with the class attributes ``name`` and ``version``.

        Examples
        --------
        >>> @hookimpl
        ... def register_analyses():
        ...     return [HeadKnockout]
        """
        ...

    @hookspec
    def before_analysis(self, analysis: Analysis[Any], bench: Bench) -> None:
        """Act just before an analysis runs, for instance to check that the bench suits it.

        An exception raised here stops the analysis, as a ``PluginError`` that names this plugin.

        Parameters
        ----------
        analysis
            The analysis that is about to run.
        bench
            The model, prompts, metric and seed that it will be given.

        Examples
        --------
        >>> @hookimpl
        ... def before_analysis(analysis, bench):
        ...     refuse_if_too_few(bench.pairs, analysis.name)
        """
        ...

    @hookspec
    def after_analysis(self, analysis: Analysis[Any], result: AnalysisResult) -> None:
        """Act on a finished result, for instance to log it; the result cannot be changed.

        An exception raised here stops the study, as a ``PluginError`` that names this plugin.

        Parameters
        ----------
        analysis
            The analysis that ran.
        result
            What it returned.

        Examples
        --------
        >>> @hookimpl
        ... def after_analysis(analysis, result):
        ...     ledger.append((analysis.name, result))
        """
        ...


class InterventionHooks(Protocol):
    """Interventions, by the names that configurations use."""

    @hookspec
    def register_interventions(self) -> Mapping[str, Callable[..., Intervention]]:
        """Offer makers of interventions, by name.

        Called when interventions are first asked for.

        Returns
        -------
        mapping of str to callable
            Each callable returns an ``Intervention``.

        Examples
        --------
        >>> @hookimpl
        ... def register_interventions():
        ...     return {"clamp": make_clamp}
        """
        ...


class CausalModelHooks(Protocol):
    """Algorithms that a network is aligned with."""

    @hookspec
    def register_causal_models(self) -> Mapping[str, object]:
        """Offer high-level causal models, by name.

        Called when causal models are first asked for.

        Returns
        -------
        mapping of str to object
            Causal models, of whatever class the analyses that use them expect.

        Examples
        --------
        >>> @hookimpl
        ... def register_causal_models():
        ...     return {"carry-addition": CarryAddition()}
        """
        ...


class ExporterHooks(Protocol):
    """File formats that a circuit is written to."""

    @hookspec
    def register_exporters(self) -> Mapping[str, Callable[[Circuit, Path], None]]:
        """Offer functions that write a circuit to a file, by the name of the format.

        Called when exporters are first asked for.

        Returns
        -------
        mapping of str to callable
            Each callable takes the circuit and the path of the file to write.

        Examples
        --------
        >>> @hookimpl
        ... def register_exporters():
        ...     return {"dot": write_dot}
        """
        ...


class CircuitHooks(Protocol):
    """How the one circuit of a study comes to be."""

    @hookspec
    def contribute_circuit(self, result: AnalysisResult) -> Circuit | None:
        """Say what a result claims about the circuit, beyond what the result's own analysis says.

        Called once for every result of a study; all returned circuits are merged. An exception raised here stops the
        study, as a ``PluginError`` that names this plugin.

        Parameters
        ----------
        result
            A result of any analysis.

        Returns
        -------
        Circuit or None
            A fragment, each node and edge with its evidence; ``None`` for nothing to say.

        Examples
        --------
        >>> @hookimpl
        ... def contribute_circuit(result):
        ...     return fragment_of(result) if "attention_entropy" in result.data else None
        """
        ...

    @hookspec(firstresult=True)
    def resolve_evidence(self, evidence: Sequence[Evidence]) -> Evidence | None:
        """Choose, from all claims about one node or edge, the one that speaks for it.

        A study asks when it ends, for each task apart: claims about different tasks are never put together. The first
        plugin that chooses wins. Where none does, jackfield takes the strongest finding, provided that all findings of
        a metric and position have one sign and their q-values stand together; otherwise none speaks. No claim is ever
        dropped from the circuit. An exception raised here ends in a ``PluginError`` that names this plugin.

        Parameters
        ----------
        evidence
            The claims, of one model and task, in their canonical order; at least one.

        Returns
        -------
        Evidence or None
            The claim that speaks for the node or edge; ``None`` to leave the choice to others.

        Examples
        --------
        >>> @hookimpl
        ... def resolve_evidence(evidence):
        ...     return max(evidence, key=lambda claim: claim.n)
        """
        ...

    @hookspec
    def finalize_circuit(self, circuit: Circuit) -> Circuit | None:
        """Change the merged circuit before it is written.

        Plugins are called one after the other, each with what the one before returned. An exception raised here stops
        the study, as a ``PluginError`` that names this plugin.

        Parameters
        ----------
        circuit
            The merged circuit.

        Returns
        -------
        Circuit or None
            The circuit to go on with; ``None`` to leave it as it is.

        Examples
        --------
        >>> @hookimpl
        ... def finalize_circuit(circuit):
        ...     return circuit.findings(alpha=0.01)
        """
        ...


SPECIFICATIONS: tuple[type, ...] = (
    ModelHooks,
    TaskHooks,
    MetricHooks,
    AnalysisHooks,
    InterventionHooks,
    CausalModelHooks,
    ExporterHooks,
    CircuitHooks,
)
"""Every group of hooks, in the order in which a study meets them."""
