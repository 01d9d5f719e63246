"""Circuits as GraphML: what is written is read back equal, and what cannot be trusted is not read."""

from __future__ import annotations

from pathlib import Path

from jackfield_circuits.circuit import Circuit
from jackfield_circuits.errors import CircuitError, CircuitFileError
from jackfield_circuits.files import read_text, write_text
from jackfield_circuits.graphml_reader import read_document
from jackfield_circuits.graphml_writer import spell_document

__all__ = ["from_graphml", "read_graphml", "to_graphml", "write_graphml"]


def to_graphml(circuit: Circuit) -> str:
    """Spell a circuit as a GraphML document.

    Equal circuits give equal text. Characters that XML cannot carry are spelled ``\\uXXXX``.

    Examples
    --------
    >>> from_graphml(to_graphml(Circuit())) == Circuit()
    True
    """
    return spell_document(circuit)


def from_graphml(text: str) -> Circuit:
    """Read a circuit from a GraphML document; the inverse of `to_graphml`.

    The document may have been written by other programs: their attributes are passed over, but those of jackfield must
    agree with the evidence.

    Raises
    ------
    CircuitFileError
        If the text is not a plain GraphML document, tries to harm its reader, has a schema that this version cannot
        read, or does not hold a valid circuit.
    """
    try:
        return read_document(text)
    except CircuitFileError:
        raise
    except CircuitError as error:
        raise CircuitFileError(str(error)) from error


def write_graphml(circuit: Circuit, path: Path | str) -> None:
    """Write a circuit to a GraphML file, whole or not at all."""
    write_text(Path(path), to_graphml(circuit))


def read_graphml(path: Path | str) -> Circuit:
    """Read a circuit from a GraphML file.

    Raises
    ------
    CircuitFileError
        If the file cannot be opened, or for the reasons of `from_graphml`; the message names the file.
    """
    try:
        return from_graphml(read_text(Path(path)))
    except CircuitFileError as error:
        raise CircuitFileError(f"{path}: {error}") from error
