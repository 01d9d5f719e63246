"""The execution of a study: each analysis on its own, each result on disk at once, then one circuit and a report."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from jackfield.agreement import settle
from jackfield.calls import FAILURES
from jackfield.chapter import Chapter
from jackfield.errors import JackfieldError, PluginError, ResultError
from jackfield.files import write_text
from jackfield.manifest import AnalysisRecord, Asked, CircuitRecord, Manifest, Setup
from jackfield.plugin_record import describe, format_traceback
from jackfield.progress import Progress, track
from jackfield.provenance import versions
from jackfield.report import render
from jackfield.run_folder import file_stems
from jackfield.visible import visible

if TYPE_CHECKING:
    from jackfield.analysis import Analysis, AnalysisConfig
    from jackfield.bench import Bench
    from jackfield.registry import Registry
    from jackfield.results import AnalysisResult
    from jackfield.run_folder import RunFolder
    from jackfield.study_config import Question, StudyConfig
    from jackfield_circuits import Circuit

__all__ = ["Execution", "Step"]


_INTERRUPTED = "was interrupted; interrupted once more, it is given up and the others go on"


@dataclass(frozen=True)
class Step:
    """One analysis of a study, with settings that were accepted, and what it is asked about."""

    label: str
    plugin: str
    analysis: Analysis[Any]
    config: AnalysisConfig
    question: Question

    def repeats(self, other: Step) -> bool:
        """Whether both do the same."""
        ours, theirs = ((each.plugin, each.analysis.name, each.config, each.question) for each in (self, other))
        return ours == theirs

    def record(self, bench: Bench, asked: Asked | None) -> AnalysisRecord:
        settings = self.config.model_dump(mode="json")
        digest = bench.provenance(self.analysis.name, self.analysis.version, settings).digest
        return AnalysisRecord(
            label=self.label, analysis=self.analysis.name, version=self.analysis.version, plugin=self.plugin,
            config=settings, asked=asked, digest=digest,
        )  # fmt: skip


class _Relay:
    """Passes progress on, and remembers an exception that its receiver raised: that one cancels the study."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self.cancelled_by: BaseException | None = None

    def under(self, label: str) -> Progress:
        def report(description: str, done: int, total: int) -> None:
            try:
                self._progress(f"{label}: {description}", done, total)
            except BaseException as refusal:
                self.cancelled_by = refusal
                raise

        return report


class Execution:
    """One run of a study: the state that its steps share.

    Parameters
    ----------
    config, registry, folder, progress
        What is asked, who answers, where that is written, and who hears how far it came.
    benches
        What each question of the study is answered on, that of the study as a whole included.
    """

    def __init__(
        self,
        config: StudyConfig,
        registry: Registry,
        folder: RunFolder,
        benches: Mapping[Question, Bench],
        progress: Progress,
    ) -> None:
        self._config, self._registry, self._folder, self._benches = config, registry, folder, benches
        self._relay = _Relay(progress)
        self._results: dict[str, AnalysisResult] = {}

    def carry_out(self, steps: list[Step], earlier: Manifest | None) -> RunFolder:
        known = {record.label: record for record in earlier.analyses} if earlier else {}
        whole = self._config.question()
        self._manifest = Manifest(
            started=_now(),
            study=self._config.model_dump(mode="json"),
            setup=_setup(self._asked(whole), self._benches[whole]),
            analyses=tuple(self._kept_or_pending(step, known.get(step.label)) for step in steps),
        )
        self._folder.write_manifest(self._manifest)
        write_text(self._folder.study_file, self._config.to_yaml())
        for step, record in zip(steps, self._manifest.analyses, strict=True):
            if record.status == "pending":
                self._compute(step, record)
        self._tell(self._chapters())
        return self._folder

    def _asked(self, question: Question) -> Asked:
        task, bench = self._registry.task(question.task.name), self._benches[question]
        return Asked(
            task=task.name, task_description=task.description, positions=task.positions, metric=bench.metric.name,
            metric_description=bench.metric.description, unit=bench.metric.unit, seed=bench.seed,
            pairs=len(bench.pairs), drawn=bench.pairs.drawn,
            dropped_words=tuple(map(visible, bench.pairs.dropped_words)),
        )  # fmt: skip

    def _kept_or_pending(self, step: Step, earlier: AnalysisRecord | None) -> AnalysisRecord:
        """The earlier record if its result still stands, otherwise a new one that says why it does not."""
        asked = None if step.question == self._config.question() else self._asked(step.question)
        pending = step.record(self._benches[step.question], asked)
        if earlier is None or earlier.status != "complete":
            again = earlier is not None and earlier.digest == pending.digest and _INTERRUPTED in earlier.notes
            return pending.model_copy(update={"notes": (_INTERRUPTED,)}) if again else pending
        if earlier.digest != pending.digest:
            note = "computed again, because the model, the task, the plugin or a package has changed"
            return pending.model_copy(update={"notes": (note,)})
        try:
            self._results[step.label] = self._folder.load_result(earlier, step.analysis.Result)
        except ResultError as error:
            return pending.model_copy(update={"notes": (visible(f"computed again, because {error}"),)})
        return earlier

    def _compute(self, step: Step, record: AnalysisRecord) -> None:
        bench = replace(
            self._benches[step.question],
            progress=self._relay.under(step.label),
            checkpoint=self._folder.checkpoint(step.label, record.digest),
        )
        started = time.monotonic()
        with self._failing_alone(record):
            self._registry.before_analysis(step.analysis, bench)
            result = step.analysis.run(bench, step.config)
            _require_honest(step, record, result)
            sha256 = self._folder.write_result(step.label, result)
            done = {"status": "complete", "sha256": sha256, "seconds": round(time.monotonic() - started, 3)}
            notes = tuple(note for note in record.notes if note != _INTERRUPTED)
            record = record.model_copy(update={**done, "notes": notes})
            self._results[step.label] = self._folder.load_result(record, step.analysis.Result)
            self._note(record)
        if step.label in self._results:
            self._registry.after_analysis(step.analysis, result)

    @contextmanager
    def _failing_alone(self, record: AnalysisRecord) -> Iterator[None]:
        """Record an exception as the failure of one analysis, unless it cancels the study.

        An interrupt ends the run; when the same analysis is interrupted again after that, it alone has failed.
        """
        try:
            yield
        except FAILURES as failure:
            if failure is self._relay.cancelled_by:
                raise
            self._results.pop(record.label, None)
            expected = isinstance(failure, JackfieldError)
            text = f"{type(failure).__name__}: {failure}" if expected else describe(failure)
            reason = {"error": visible(text), "traceback": None if expected else visible(format_traceback(failure))}
            self._note(record.model_copy(update={"status": "failed", **reason}))
        except KeyboardInterrupt as interrupt:
            if record.status != "pending" or interrupt is self._relay.cancelled_by:
                raise
            if _INTERRUPTED not in record.notes:
                self._note(record.model_copy(update={"notes": (*record.notes, _INTERRUPTED)}))
                raise
            self._note(record.model_copy(update={"status": "failed", "error": "interrupted twice", "notes": ()}))

    def _note(self, record: AnalysisRecord) -> None:
        self._manifest = self._manifest.with_record(record)
        self._folder.write_manifest(self._manifest)

    def _chapters(self) -> dict[str, Chapter]:
        """What each result has to tell; a result that cannot tell it has failed after all."""
        chapters = {}
        complete = [record for record in self._manifest.analyses if record.label in self._results]
        for record in track(complete, "report", self._relay.under("study")):
            with self._failing_alone(record):
                chapter = Chapter.of(self._results[record.label])
                found = {"summary": chapter.summary, "claims": chapter.claims, "findings": chapter.findings}
                self._note(record.model_copy(update=found))
                chapters[record.label] = chapter
        return chapters

    def _tell(self, chapters: Mapping[str, Chapter]) -> None:
        from jackfield_circuits import write_graphml, write_json

        circuit = self._circuit(chapters)
        settlements = settle(circuit, self._registry.resolve_evidence)
        named = [
            (f"{label} {picture.title}", picture.png) for label, told in chapters.items() for picture in told.pictures
        ]
        stems = file_stems(name for name, _ in named)
        self._folder.write_pictures({stem: png for stem, (_, png) in zip(stems, named, strict=True)})
        write_graphml(circuit, self._folder.graphml_file)
        write_json(circuit, self._folder.json_file)
        ended = self._manifest.model_copy(
            update={
                "status": "failed" if self._manifest.failures else "complete",
                "finished": _now(),
                "circuit": CircuitRecord.of(circuit, settlements),
            }
        )
        self._folder.write_page(ended, circuit)
        write_text(self._folder.report_file, render(ended, chapters))
        self._folder.write_manifest(ended)

    def _circuit(self, chapters: Mapping[str, Chapter]) -> Circuit:
        from jackfield_circuits import Circuit

        fragments = [chapter.circuit for chapter in chapters.values()]
        for label in chapters:
            fragments += self._registry.contribute_circuit(self._results[label])
        return self._registry.finalize_circuit(Circuit().merge(*fragments))


def _setup(asked: Asked, bench: Bench) -> Setup:
    return Setup(**asked.model_dump(), model=asdict(bench.model.identity), packages=versions())


def _require_honest(step: Step, record: AnalysisRecord, result: object) -> None:
    """Refuse what is no result of this analysis, or says that it comes from something else than it does."""
    kind = step.analysis.Result
    if not isinstance(result, kind):
        raise PluginError(f"{step.analysis.name} returned a {type(result).__name__}, promised was a {kind.__name__}")
    if result.provenance.digest != record.digest:
        raise PluginError(
            f"the result of {step.analysis.name} states another provenance than the study's: make it with "
            "bench.provenance(self.name, self.version, config.model_dump(mode='json'))"
        )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
