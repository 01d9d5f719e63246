"""What authors of analyses need: the conformance kit, and transformers whose circuits are known from their making.

The kit is ``conformance`` for test suites and ``check_plugin`` for everything else.
"""

from __future__ import annotations

from jackfield.testing.conformance import check_plugin, conformance
from jackfield.testing.known_circuit import KnownCircuit, known_circuits
from jackfield.trial import Trial

__all__ = ["KnownCircuit", "Trial", "check_plugin", "conformance", "known_circuits"]
