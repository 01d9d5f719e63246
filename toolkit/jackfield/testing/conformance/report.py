"""What an examination found: an outcome for each check and analysis."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

__all__ = ["Outcome", "Report"]


@dataclass(frozen=True)
class Outcome:
    """How one check of one analysis ended.

    Parameters
    ----------
    check
        Name of the check.
    subject
        The analysis, or the plugin where the check is about all of it.
    status
        ``passed``, ``failed``, or ``skipped`` where the check says nothing about the subject.
    detail
        What was seen, or why nothing was.
    promise, remedy
        What should hold, and what to do where it does not.
    """

    check: str
    subject: str
    status: Literal["passed", "failed", "skipped"]
    detail: str
    promise: str
    remedy: str

    def __str__(self) -> str:
        line = f"{self.status} {self.check} [{self.subject}]: {self.detail}"
        return line if self.status != "failed" else f"{line}\n  promised: {self.promise}\n  to mend it: {self.remedy}"


@dataclass(frozen=True)
class Report:
    """All outcomes of one plugin, in the order of the checks.

    Examples
    --------
    >>> outcome = Outcome("quiet", "lens", "failed", "it printed 'found'", "It prints nothing.", "Report progress.")
    >>> report = Report("lens", (outcome,))
    >>> report.passed
    False
    >>> print(report)
    failed quiet [lens]: it printed 'found'
      promised: It prints nothing.
      to mend it: Report progress.
    lens breaks 1 of 1 promises that were tried; 0 checks do not apply.
    """

    plugin: str
    outcomes: tuple[Outcome, ...]

    @property
    def failures(self) -> tuple[Outcome, ...]:
        return tuple(outcome for outcome in self.outcomes if outcome.status == "failed")

    @property
    def passed(self) -> bool:
        """Whether some promise was tried, and none was broken."""
        return not self.failures and any(outcome.status == "passed" for outcome in self.outcomes)

    @property
    def verdict(self) -> str:
        """The report in a sentence."""
        skipped = sum(outcome.status == "skipped" for outcome in self.outcomes)
        kept = "keeps all" if not self.failures else f"breaks {len(self.failures)} of"
        tried = len(self.outcomes) - skipped
        return f"{self.plugin} {kept} {tried} promises that were tried; {skipped} checks do not apply."

    def __str__(self) -> str:
        return "\n".join([*map(str, self.outcomes), self.verdict])

    def as_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "plugin": self.plugin,
            "passed": self.passed,
            "outcomes": [asdict(outcome) for outcome in self.outcomes],
        }
