"""File formats: which one a file's name stands for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from jackfield_circuits.circuit import Circuit
from jackfield_circuits.errors import CircuitFileError
from jackfield_circuits.graphml import read_graphml, write_graphml
from jackfield_circuits.node_link import read_json, write_json

__all__ = ["read_circuit", "write_circuit"]

_READERS: Mapping[str, Callable[[Path], Circuit]] = {".graphml": read_graphml, ".json": read_json}
_WRITERS: Mapping[str, Callable[[Circuit, Path], None]] = {".graphml": write_graphml, ".json": write_json}


def read_circuit(path: Path | str) -> Circuit:
    """Read a circuit from a file, in the format that its name ends with.

    Raises
    ------
    CircuitFileError
        If the name ends with no known format, or the file cannot be read.
    """
    path = Path(path)
    if path.suffix not in _READERS:
        raise CircuitFileError(f"{path}: circuits are read from {', '.join(_READERS)}")
    return _READERS[path.suffix](path)


def write_circuit(circuit: Circuit, path: Path | str) -> None:
    """Write a circuit to a file, in the format that its name ends with, whole or not at all.

    Raises
    ------
    CircuitFileError
        If the name ends with no known format.
    """
    path = Path(path)
    if path.suffix not in _WRITERS:
        raise CircuitFileError(f"{path}: circuits are written to {', '.join(_WRITERS)}")
    _WRITERS[path.suffix](circuit, path)
