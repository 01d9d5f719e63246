"""What is examined: one analysis of a plugin, and the runs of it that several checks look at."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from jackfield.errors import JackfieldError, UndefinedMetricError
from jackfield.plugin_record import describe
from jackfield.testing.conformance.check import BrokenPromise, NotApplicable
from jackfield.testing.conformance.claims import claims_of
from jackfield.testing.conformance.rehearsal import Rehearsal, rehearse
from jackfield.testing.conformance.stage import Stage

if TYPE_CHECKING:
    from jackfield.analysis import Analysis, AnalysisConfig
    from jackfield.bench import Bench
    from jackfield.registry import Registry
    from jackfield_circuits import Evidence

__all__ = ["Subject"]


class Subject:
    """An analysis under examination. Each run is made when it is first asked for, and kept.

    Parameters
    ----------
    kind
        The analysis.
    registry
        Where its trial's model, task and metric come from.
    """

    def __init__(self, kind: type[Analysis[Any]], registry: Registry) -> None:
        self.analysis, self.stage = kind(), Stage(registry, kind.trial)

    @property
    def name(self) -> str:
        return self.analysis.name

    @cached_property
    def config(self) -> AnalysisConfig:
        """The trial's settings."""
        parsed: AnalysisConfig = self.analysis.Config.parse(self.stage.trial.settings)
        return parsed

    @cached_property
    def first(self) -> Rehearsal:
        """The trial."""
        return self.on(self.stage.bench)

    @cached_property
    def stopped(self) -> dict[int, tuple[Rehearsal, BaseException]]:
        """Runs that were cancelled at a report of progress, the first and the one in the middle, and by what."""
        reports = len(self.first.steps)
        stops: dict[int, BaseException] = {1: KeyboardInterrupt(), reports // 2 + 1: _Cancelled("cancelled")}
        return {at: (self._stopped_at(at, by), by) for at, by in stops.items()} if reports else {}

    @cached_property
    def upset(self) -> Rehearsal:
        """A run whose metric fails when it is asked for the second time."""
        metric, calls = self.stage.bench.metric, iter(range(10**9))

        def fail(logits: Any, key: Any) -> Any:
            if next(calls):
                raise UndefinedMetricError("the metric fails, to see what is left behind")
            return metric.compute(logits, key)

        return self.on(replace(self.stage.bench, metric=replace(metric, compute=fail)))

    @cached_property
    def claims(self) -> dict[Any, Evidence]:
        """What the trial's result claims."""
        return claims_of(self.result.to_circuit())

    @property
    def result(self) -> Any:
        """The trial's result; ``NotApplicable`` where there is none."""
        if self.first.raised is not None or not isinstance(self.first.returned, self.analysis.Result):
            raise NotApplicable("the trial gave no result, see the check 'result'")
        return self.first.returned

    def on(self, bench: Bench) -> Rehearsal:
        """A run with the trial's settings on another bench."""
        return rehearse(self.analysis, bench, self.config)

    def claims_on(self, bench: Bench, where: str) -> dict[Any, Evidence]:
        """What is claimed on another bench; ``BrokenPromise`` where the analysis fails there."""
        found = self.claims_unless_refused(bench, where)
        if isinstance(found, JackfieldError):
            raise BrokenPromise(f"{where} it raised {describe(found)}")
        return found

    def claims_unless_refused(self, bench: Bench, where: str) -> dict[Any, Evidence] | JackfieldError:
        """What is claimed on another bench, or the jackfield error by which the analysis declines it."""
        run = self.on(bench)
        if isinstance(run.raised, JackfieldError):
            return run.raised
        if run.raised is not None:
            raise BrokenPromise(f"{where} it raised {describe(run.raised)}")
        return claims_of(run.returned.to_circuit())

    def _stopped_at(self, report: int, by: BaseException) -> Rehearsal:
        countdown = iter(range(report - 1, -1, -1))

        def interrupt(*_: object) -> None:
            if next(countdown, 0) == 0:
                raise by

        return rehearse(self.analysis, self.stage.bench, self.config, interrupt)


class _Cancelled(Exception):  # noqa: N818
    """What a reporter raises to cancel."""
