"""``pytest --jackfield-conformance=NAME``: the conformance kit as tests, without a test file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from jackfield.testing.conformance import CheckOfPlugin

__all__ = ["pytest_addoption", "pytest_collection_modifyitems"]

_OPTION = "--jackfield-conformance"


class _ConformanceItem(pytest.Item):
    """One check of a plugin."""

    def __init__(self, *, check: CheckOfPlugin, **options: Any) -> None:
        super().__init__(**options)
        self._check = check

    def runtest(self) -> None:
        self._check()

    def reportinfo(self) -> tuple[Any, None, str]:
        return self.path, None, self.name


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("jackfield").addoption(
        _OPTION, action="append", default=[], metavar="NAME", help="also check that this installed plugin conforms"
    )


def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    for plugin in config.getoption(_OPTION):
        from jackfield.testing.conformance import CHECKS, CheckOfPlugin

        items += [
            _ConformanceItem.from_parent(
                session, name=f"{plugin} keeps its promise: {check.name}", check=CheckOfPlugin(plugin, check)
            )
            for check in CHECKS
        ]
