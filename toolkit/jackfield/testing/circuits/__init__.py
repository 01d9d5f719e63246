"""The known circuits, one to a module."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from jackfield.testing.circuits import copy, induction
from jackfield.testing.known_circuit import KnownCircuit

__all__ = ["CIRCUITS"]

CIRCUITS: Mapping[str, Callable[[], KnownCircuit]] = MappingProxyType(
    {"copy": copy.build, "induction": induction.build}
)
