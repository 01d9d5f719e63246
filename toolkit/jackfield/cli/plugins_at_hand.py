"""The installed plugins, as the command line sees them."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from jackfield.cli.terminal import complain

if TYPE_CHECKING:
    from jackfield.registry import Registry

__all__ = ["discover"]


def discover() -> Registry:
    """Load the installed plugins; a warning about one becomes a line on standard error."""
    from jackfield.registry import Registry

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        registry = Registry.discover()
    for warning in caught:
        complain("warning", warning.message)
    return registry
