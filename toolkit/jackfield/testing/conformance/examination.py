"""The examination of a plugin: every check, of every analysis that it offers."""

from __future__ import annotations

import warnings
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from jackfield.errors import PluginWarning, UnknownNameError
from jackfield.plugin_record import describe
from jackfield.progress import Progress, silent, track
from jackfield.testing.conformance.check import BrokenPromise, Check, NotApplicable
from jackfield.testing.conformance.checks import CHECKS
from jackfield.testing.conformance.offered import Offered
from jackfield.testing.conformance.report import Outcome, Report
from jackfield.testing.conformance.subject import Subject

if TYPE_CHECKING:
    from jackfield.registry import Registry

__all__ = ["Examination", "check_plugin"]


class Examination:
    """A plugin under examination; the runs that several checks look at are made once.

    Parameters
    ----------
    plugin
        The name that it is registered under.
    registry
        Where it is; all installed plugins if omitted.

    Raises
    ------
    UnknownNameError
        If there is no plugin of this name.
    """

    def __init__(self, plugin: str, registry: Registry | None = None) -> None:
        from jackfield.registry import Registry

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PluginWarning)
            registry = registry or Registry.discover()
            records = {record.name: record for record in registry.records}
        if plugin not in records:
            raise UnknownNameError(f"no plugin is called {plugin!r}; there are {', '.join(records) or 'none'}")
        self._offered = Offered(registry, records[plugin])
        kinds = self._offered.all("analysis", registry.analyses())
        self._subjects = [Subject(kind, registry) for kind in kinds.values()]

    def outcomes(self, check: Check) -> list[Outcome]:
        """How a check of each analysis ends, or of the plugin where it is about all of it."""
        if check.whole:
            return [_outcome(check, self._offered.name, self._offered)]
        if not self._subjects:
            why = "the plugin offers no analysis" if self._offered.record.status == "loaded" else "it is not loaded"
            return [Outcome(check.name, self._offered.name, "skipped", why, check.promise, check.remedy)]
        return [_outcome(check, subject.name, subject) for subject in self._subjects]


def check_plugin(
    plugin: str,
    registry: Registry | None = None,
    *,
    only: Collection[str] = (),
    progress: Progress = silent,
) -> Report:
    """Examine a plugin, offline, on small models.

    Parameters
    ----------
    plugin
        The name that it is registered under.
    registry
        Where it is; all installed plugins if omitted.
    only
        Names of checks; all if empty.
    progress
        Called as ``progress(description, done, total)``.

    Raises
    ------
    UnknownNameError
        If there is no plugin, or no check, of a name.

    Examples
    --------
    >>> print(check_plugin("activation_patching", only=["hooks"]))
    passed hooks [activation_patching]: implements register_analyses
    activation_patching keeps all 1 promises that were tried; 0 checks do not apply.
    """
    if unknown := set(only) - {check.name for check in CHECKS}:
        known = ", ".join(check.name for check in CHECKS)
        raise UnknownNameError(f"no check is called {min(unknown)!r}; there are {known}")
    examination = Examination(plugin, registry)
    chosen = [check for check in CHECKS if not only or check.name in only]
    outcomes = [found for check in track(chosen, "checks", progress) for found in examination.outcomes(check)]
    return Report(plugin, tuple(outcomes))


def _outcome(check: Check, name: str, subject: Any) -> Outcome:
    try:
        seen, status = check.attempt(subject), "passed"
    except BrokenPromise as broken:
        seen, status = str(broken), "failed"
    except NotApplicable as reason:
        seen, status = str(reason), "skipped"
    except Exception as failure:
        seen, status = f"could not be tried: {describe(failure)}", "failed"
    return Outcome(check.name, name, status, seen, check.promise, check.remedy)  # type: ignore[arg-type]
