"""The root of jackfield's errors, and those of the circuit graph."""

from __future__ import annotations


class JackfieldError(Exception):
    """Base of every error that jackfield raises on purpose; each has a page under ``docs/errors/``."""


class CircuitError(JackfieldError):
    """A circuit, a node, an edge or a piece of evidence is not valid."""


class CircuitFileError(CircuitError):
    """A file does not hold a circuit that can be read."""
