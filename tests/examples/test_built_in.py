"""The plugins that come with jackfield keep the promises that a stranger's has to keep."""

from __future__ import annotations

import pytest

from jackfield.discovery import installed_entry_points
from jackfield.testing import check_plugin

BUILT_IN = [point.name for point in installed_entry_points() if point.dist and point.dist.name == "jackfield"]


@pytest.mark.slow
@pytest.mark.parametrize("plugin", BUILT_IN)
def test_a_built_in_plugin_passes(plugin: str) -> None:
    report = check_plugin(plugin)
    assert report.passed, str(report)
