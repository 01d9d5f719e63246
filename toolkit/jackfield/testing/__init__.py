"""What tests of analyses need: transformers whose circuits are known because they were built by hand."""

from __future__ import annotations

from jackfield.testing.known_circuit import KnownCircuit, known_circuits

__all__ = ["KnownCircuit", "known_circuits"]
