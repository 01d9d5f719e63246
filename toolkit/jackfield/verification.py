"""Whether a circuit's claims can be made again: from its own provenance, by the same analyses, on the same model."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from jackfield.bench import Bench
from jackfield.calls import FAILURES
from jackfield.errors import JackfieldError, ResultError
from jackfield.loading import LoadRequest
from jackfield.plugin_record import describe
from jackfield.progress import Progress, silent
from jackfield.provenance import Provenance, versions

if TYPE_CHECKING:
    from jackfield.hooked_model import HookedModel
    from jackfield.registry import Registry
    from jackfield_circuits import Circuit, Evidence

__all__ = ["Check", "Verification", "verify"]

_RELATIVE, _ABSOLUTE = 1e-3, 1e-5
_NUMBERS = ("score", "low", "high", "control", "control_low", "control_high", "p_value", "q_value")
_WORDS = ("plugin", "method", "metric", "unit", "position", "level", "n", "control_kind")


@dataclass(frozen=True)
class Check:
    """One thing that was checked.

    Parameters
    ----------
    subject
        The run's digest, or the node or edge that the claim is about.
    run
        Digest of the run that it belongs to.
    problem
        Why it failed; empty if it passed.
    """

    subject: str
    run: str
    problem: str = ""

    @property
    def passed(self) -> bool:
        return not self.problem


@dataclass(frozen=True)
class Verification:
    """What became of a circuit's runs and claims.

    Parameters
    ----------
    runs, claims
        Their checks.
    notes
        What is worth knowing and no failure, such as other versions of packages.
    """

    runs: tuple[Check, ...]
    claims: tuple[Check, ...]
    notes: tuple[str, ...] = ()

    @property
    def failures(self) -> tuple[Check, ...]:
        return tuple(check for check in (*self.runs, *self.claims) if not check.passed)

    @property
    def passed(self) -> bool:
        """Whether there was something to check, and all of it passed."""
        return bool(self.claims) and not self.failures

    def as_dict(self) -> dict[str, Any]:
        """The verification as JSON's types."""
        return {"passed": self.passed, **asdict(self)}


@dataclass
class _Benches:
    """The benches of runs, made again; each model is loaded once."""

    registry: Registry
    progress: Progress
    instead: str | None
    models: dict[str, HookedModel] = field(default_factory=dict)

    def of(self, stated: Provenance) -> Bench:
        """The bench that a run states, made again.

        Raises
        ------
        ResultError
            If it is another one now.
        """
        identity = stated.model
        name = self.instead or identity.name
        if name not in self.models:
            dtype: Any = identity.dtype.removeprefix("torch.")
            self.models[name] = self.registry.load_model(LoadRequest(name, dtype))
        model = self.models[name]
        for what in ("architecture", "dtype", "weights", "tokenizer"):
            then, now = getattr(identity, what), getattr(model.identity, what)
            if then != now:
                raise ResultError(f"it was made on a model whose {what} is {then}; that of {name} is {now}")
        task, metric = self.registry.task(stated.task), self.registry.metric(stated.metric)
        bench = Bench.prepare(model, task, metric, stated.drawn, stated.seed, progress=self.progress)
        if bench.pairs.digest != stated.prompts:
            raise ResultError(
                f"task {stated.task!r} with seed {stated.seed} gives other prompts now: {bench.pairs.digest}, "
                f"not {stated.prompts}"
            )
        return replace(bench, causal_models=self.registry.causal_models())


def verify(
    circuit: Circuit, registry: Registry, progress: Progress = silent, *, model: str | None = None
) -> Verification:
    """Make every run of a circuit again, and compare what it claims now with what the circuit says.

    Parameters
    ----------
    circuit
        What is verified.
    registry
        The plugins that make the runs.
    progress
        Where the runs report.
    model
        Where the model is now, if its name does not lead to it.

    Returns
    -------
    Verification
        A run fails if its digest is not that of what it states, if the model, the prompts or the analysis are others
        now, or if it cannot be run. A claim fails with its run, or if it is not made again: same words, and numbers
        within a thousandth. Claims that the circuit has left out are no failure.
    """
    claims: dict[str, list[tuple[str, Evidence]]] = defaultdict(list)
    for element in (*circuit.nodes, *circuit.edges):
        for claim in element.evidence:
            claims[claim.run].append((str(element), claim))
    benches, runs, checked, notes = _Benches(registry, progress, model), list[Check](), list[Check](), list[str]()
    for digest in sorted({*claims, *circuit.runs}):
        made: Mapping[str, list[Evidence]] = {}
        try:
            stated = _stated(circuit.runs, digest)
            made = _made_again(stated, benches, registry)
            problem = ""
            notes += _notes(digest, stated, claims[digest], made)
        except FAILURES as failure:
            problem = str(failure) if isinstance(failure, JackfieldError) else describe(failure)
        runs.append(Check(digest, digest, problem))
        checked += [
            Check(name, digest, "its run was not made again" if problem else _difference(claim, made.get(name, ())))
            for name, claim in claims[digest]
        ]
    return Verification(tuple(runs), tuple(checked), tuple(notes))


def _stated(runs: Mapping[str, Mapping[str, Any]], digest: str) -> Provenance:
    if digest not in runs:
        raise ResultError(f"the circuit does not say what run {digest} was")
    try:
        stated = Provenance.from_dict(dict(runs[digest]))
        found = stated.digest
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ResultError(f"run {digest} does not state a jackfield run: {type(error).__name__}: {error}") from error
    if found != digest:
        raise ResultError(f"what run {digest} states has the digest {found}: it was changed after it was made")
    return stated


def _made_again(stated: Provenance, benches: _Benches, registry: Registry) -> Mapping[str, list[Evidence]]:
    """What a run claims now, by the name of the node or edge."""
    kind = registry.analysis(stated.analysis)
    if kind.version != stated.analysis_version:
        raise ResultError(
            f"it was made by version {stated.analysis_version} of {stated.analysis}; this is version {kind.version}"
        )
    analysis = kind()
    result = analysis.run(benches.of(stated), analysis.Config.parse(stated.config))
    claims: dict[str, list[Evidence]] = defaultdict(list)
    for circuit in (result.to_circuit(), *registry.contribute_circuit(result)):
        for element in (*circuit.nodes, *circuit.edges):
            claims[str(element)] += element.evidence
    return claims


def _difference(claim: Evidence, made: Iterable[Evidence]) -> str:
    """How a claim differs from the nearest of those that are made now; nothing if one is the same."""
    alike = [other for other in made if all(getattr(other, word) == getattr(claim, word) for word in _WORDS)]
    if not alike:
        return f"no such claim is made now: {claim.method}, {claim.metric} by {claim.plugin}"
    nearest: list[str] = min((list(_unequal(claim, other)) for other in alike), key=len)
    return "; ".join(nearest)


def _unequal(claim: Evidence, other: Evidence) -> Iterator[str]:
    for name in _NUMBERS:
        then, now = getattr(claim, name), getattr(other, name)
        given = [number for number in (then, now) if number is not None]
        if given and not (len(given) == 2 and math.isclose(*given, rel_tol=_RELATIVE, abs_tol=_ABSOLUTE)):
            yield f"{name} is {_spelled(then)} in the circuit and {_spelled(now)} now"


def _spelled(number: float | None) -> str:
    return "missing" if number is None else f"{number:.6g}"


def _notes(
    digest: str, stated: Provenance, claims: Iterable[tuple[str, Evidence]], made: Mapping[str, list[Evidence]]
) -> Iterator[str]:
    now = versions()
    then = stated.packages
    others = [f"{name} {then.get(name)} then, {now[name]} now" for name in now if then.get(name) != now[name]]
    if others:
        yield f"run {digest} used other packages: {'; '.join(others)}"
    left_out = sum(map(len, made.values())) - len(list(claims))
    if left_out > 0:
        yield f"run {digest} makes {left_out} more claims than the circuit holds"
