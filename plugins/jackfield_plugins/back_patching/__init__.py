"""Back-patching: what a later layer knows, written back to an earlier one, with its controls: a jackfield plugin."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from jackfield.hookspecs import hookimpl

if TYPE_CHECKING:
    from jackfield.analysis import Analysis

__all__ = ["register_analyses"]


@hookimpl
def register_analyses() -> Iterable[type[Analysis[Any]]]:
    from jackfield_plugins.back_patching.analysis import BackPatching

    return [BackPatching]
