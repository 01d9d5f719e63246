"""The kit as tests: one test function, and each check a case of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, TypeVar

from jackfield.testing.conformance.checks import CHECKS
from jackfield.testing.conformance.examination import Examination

if TYPE_CHECKING:
    from jackfield.testing.conformance.check import Check
    from jackfield.testing.conformance.report import Outcome

__all__ = ["CheckOfPlugin", "conformance"]

Test = TypeVar("Test", bound=Callable[..., object])


class CheckOfPlugin:
    """One check of an installed plugin, to be called in a test: it passes, fails, or skips the test with its reason."""

    def __init__(self, plugin: str, check: Check) -> None:
        self.plugin, self.check = plugin, check

    def __repr__(self) -> str:
        return f"<check {self.check.name} of {self.plugin}>"

    def __call__(self) -> None:
        """Try the check."""
        import pytest

        outcomes = _examination(self.plugin).outcomes(self.check)
        if failures := [outcome for outcome in outcomes if outcome.status == "failed"]:
            pytest.fail("\n".join(map(str, failures)), pytrace=False)
        if all(outcome.status == "skipped" for outcome in outcomes):
            pytest.skip("; ".join(_reason(outcome) for outcome in outcomes))


def conformance(plugin: str) -> Callable[[Test], Test]:
    """Make a test function of a parameter ``check`` run once for each check of the kit.

    Parameters
    ----------
    plugin
        The name under which the plugin is installed.

    Examples
    --------
    >>> @conformance("my_plugin")
    ... def test_my_plugin_keeps_its_promises(check):
    ...     check()
    """
    import pytest

    cases = [pytest.param(CheckOfPlugin(plugin, check), id=check.name) for check in CHECKS]
    return pytest.mark.parametrize("check", cases)


@cache
def _examination(plugin: str) -> Examination:
    return Examination(plugin)


def _reason(outcome: Outcome) -> str:
    return f"{outcome.subject}: {outcome.detail}"
