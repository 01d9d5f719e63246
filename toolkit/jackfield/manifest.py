"""The manifest: what a run was asked, what it was made from, and how far it came."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from jackfield.agreement import Agreement, Settlement
from jackfield.errors import ResultError

if TYPE_CHECKING:
    from jackfield_circuits import Circuit, Evidence

__all__ = ["AnalysisRecord", "Asked", "CircuitRecord", "Conflict", "Manifest", "Setup"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Asked(_Part):
    """What was asked: a task, how predictions were graded, and the seed.

    ``pairs`` were used, and ``drawn`` before those that the model gets wrong were set aside.
    """

    task: str
    task_description: str
    positions: tuple[str, ...]
    metric: str
    metric_description: str
    unit: str
    seed: int
    pairs: int
    drawn: int
    dropped_words: tuple[str, ...]


class Setup(Asked):
    """What a run worked on, and what its analyses were asked that have no question of their own.

    ``model`` is a ``ModelIdentity``; ``packages`` are the versions that numbers depend on.
    """

    model: dict[str, str]
    packages: dict[str, str]


class AnalysisRecord(_Part):
    """One analysis of a run.

    Parameters
    ----------
    label
        What it is called in this run, and the stem of its file in ``results/``.
    analysis, version, plugin
        Its name and version, and the plugin that offers it.
    config
        All its settings.
    asked
        What it was asked, where that is not what the run as a whole was.
    digest
        Of the provenance that its result has, see ``digest``.
    status
        ``pending`` until it has run.
    sha256
        Of its result file, so that a changed file is noticed.
    error, traceback
        Why it failed; a traceback where the error was not one of jackfield's own.
    notes
        What a reader of the result should know about this run, such as why it was computed again.
    summary, claims, findings
        What it found, in sentences and in numbers.
    seconds
        How long it took.
    """

    label: str = Field(pattern=r"^\w[\w.-]*$")
    analysis: str
    version: str
    plugin: str
    config: dict[str, Any]
    asked: Asked | None = None
    digest: str
    status: Literal["pending", "complete", "failed"] = "pending"
    sha256: str | None = None
    error: str | None = None
    traceback: str | None = None
    notes: tuple[str, ...] = ()
    summary: tuple[str, ...] = ()
    claims: int = 0
    findings: int = 0
    seconds: float | None = None


class Conflict(_Part):
    """A node or edge about which findings of one task contradict each other: what each side says, in words."""

    name: str
    task: str | None
    positive: tuple[str, ...]
    negative: tuple[str, ...]

    @classmethod
    def of(cls, settlement: Settlement) -> Self:
        torn = [each for each in settlement.resolutions if each.verdict == "conflict"]
        positive, negative = (
            tuple(
                f"{claim.plugin}: {claim.method} {claim.score:+.3g}" for each in torn for claim in getattr(each, side)
            )
            for side in ("positive", "negative")
        )
        return cls(name=settlement.name, task=settlement.task, positive=positive, negative=negative)


class CircuitRecord(_Part):
    """The size of the circuit that a run ended with, and what its analyses agree on, task by task."""

    nodes: int
    edges: int
    findings: int
    agreements: tuple[Agreement, ...] = ()
    conflicts: tuple[Conflict, ...] = ()

    @classmethod
    def of(cls, circuit: Circuit, settlements: Sequence[Settlement] = ()) -> Self:
        findings = sum(element.is_finding() for element in (*circuit.nodes, *circuit.edges))
        conflicts = tuple(Conflict.of(each) for each in settlements if each.outcome == "conflicting")
        return cls(
            nodes=len(circuit.nodes), edges=len(circuit.edges), findings=findings,
            agreements=Agreement.count(settlements), conflicts=conflicts,
        )  # fmt: skip


class Manifest(_Part):
    """A run as a whole.

    ``status`` is ``unfinished`` until the last file is written, and ``failed`` if an analysis failed.
    ``started`` and ``finished`` are the only times in a run folder.
    """

    schema_version: Literal[1] = 1
    status: Literal["unfinished", "complete", "failed"] = "unfinished"
    started: str
    finished: str | None = None
    study: dict[str, Any]
    setup: Setup
    analyses: tuple[AnalysisRecord, ...]
    circuit: CircuitRecord | None = None

    @property
    def title(self) -> str:
        """The study in a few words."""
        return f"{', '.join(self.tasks)} on {self.setup.model['name']}"

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks that analyses worked on, in the order in which they first did."""
        return tuple(dict.fromkeys((record.asked or self.setup).task for record in self.analyses))

    @property
    def failures(self) -> tuple[AnalysisRecord, ...]:
        """The analyses that failed."""
        return tuple(record for record in self.analyses if record.status == "failed")

    def with_record(self, changed: AnalysisRecord) -> Self:
        """This manifest with one analysis's record replaced."""
        records = tuple(changed if record.label == changed.label else record for record in self.analyses)
        return self.model_copy(update={"analyses": records})

    def to_json(self) -> str:
        return self.model_dump_json(indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what ``to_json`` wrote.

        Raises
        ------
        ResultError
            If the text is not a manifest, or one of a newer jackfield.
        """
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            problem = error.errors()[0]
            if problem["loc"] == ("schema_version",):
                raise ResultError(
                    f"its schema is {problem['input']!r}, this jackfield reads 1; use the jackfield that made it"
                ) from error
            place = ".".join(map(str, problem["loc"])) or "manifest"
            raise ResultError(f"it is damaged ({place}: {problem['msg']})") from error


def _said(claim: Evidence) -> str:
    return f"{claim.plugin}: {claim.method} {claim.score:+.3g}"
