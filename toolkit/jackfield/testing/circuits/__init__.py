"""The known circuits, one to a module."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from jackfield.testing.circuits import (
    conjunction,
    copy,
    equality,
    grouped,
    induction,
    parallel_lookup,
    suppression,
    two_step_lookup,
)
from jackfield.testing.known_circuit import KnownCircuit

__all__ = ["CIRCUITS"]

CIRCUITS: Mapping[str, Callable[[], KnownCircuit]] = MappingProxyType(
    {
        "copy": copy.build,
        "induction": induction.build,
        "two_step_lookup": two_step_lookup.build,
        "and": conjunction.build,
        "parallel_lookup": parallel_lookup.build,
        "grouped": grouped.build,
        "suppression": suppression.build,
        "equality": equality.build,
    }
)
