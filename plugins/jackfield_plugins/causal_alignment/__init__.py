"""Causal alignment: does a subspace play the part of an algorithm's variable, or could any: a jackfield plugin."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from jackfield.hookspecs import hookimpl

if TYPE_CHECKING:
    from jackfield.analysis import Analysis

__all__ = ["register_analyses"]


@hookimpl
def register_analyses() -> Iterable[type[Analysis[Any]]]:
    from jackfield_plugins.causal_alignment.analysis import CausalAlignment

    return [CausalAlignment]
