"""File formats: what each is called, which one a file's name stands for, and what it can hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from jackfield_circuits.circuit import Circuit
from jackfield_circuits.csv_pair import write_csv
from jackfield_circuits.dot import write_dot
from jackfield_circuits.eap_ig import eap_ig_part, write_eap_ig
from jackfield_circuits.errors import CircuitFileError
from jackfield_circuits.gexf import write_gexf
from jackfield_circuits.graphml import read_graphml, write_graphml
from jackfield_circuits.node_link import read_json, write_json

__all__ = ["FORMATS", "Format", "format_of", "read_circuit", "write_circuit"]


def _whole(circuit: Circuit) -> Circuit:
    return circuit


@dataclass(frozen=True)
class Format:
    """A format of files.

    Attributes
    ----------
    name
        What it is called on the command line.
    suffix
        What the names of its files end with.
    write
        Writes a circuit to a file, whole or not at all.
    read
        Reads what ``write`` wrote, all of it; ``None`` for a format that leaves something out.
    part
        The part of a circuit that the format has words for; ``write`` refuses the rest.
    """

    name: str
    suffix: str
    write: Callable[[Circuit, Path], None]
    read: Callable[[Path], Circuit] | None = None
    part: Callable[[Circuit], Circuit] = _whole


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        each.name: each
        for each in (
            Format("graphml", ".graphml", write_graphml, read_graphml),
            Format("json", ".json", write_json, read_json),
            Format("gexf", ".gexf", write_gexf),
            Format("dot", ".dot", write_dot),
            Format("csv", ".csv", write_csv),
            Format("eap-ig", ".eap.json", write_eap_ig, part=eap_ig_part),
        )
    }
)
"""Every format that comes with jackfield, by its name."""


def read_circuit(path: Path | str) -> Circuit:
    """Read a circuit from a file, in the format that its name ends with.

    Raises
    ------
    CircuitFileError
        If the name ends with no format that holds all of a circuit, or the file cannot be read.
    """
    path = Path(path)
    found = _named_by(path)
    if found is None or found.read is None:
        readable = ", ".join(each.suffix for each in FORMATS.values() if each.read)
        raise CircuitFileError(f"{path}: circuits are read from {readable}")
    return found.read(path)


def write_circuit(circuit: Circuit, path: Path | str) -> None:
    """Write a circuit to a file, in the format that its name ends with, whole or not at all.

    Raises
    ------
    CircuitFileError
        If the name ends with no known format.
    CircuitError
        If the format has no word for a part of the circuit.
    """
    path = Path(path)
    format_of(path).write(circuit, path)


def format_of(path: Path) -> Format:
    """The format that a file's name ends with.

    Raises
    ------
    CircuitFileError
        If it ends with no known format.
    """
    found = _named_by(path)
    if found is None:
        raise CircuitFileError(f"{path}: circuits are written to {', '.join(each.suffix for each in FORMATS.values())}")
    return found


def _named_by(path: Path) -> Format | None:
    fitting = [each for each in FORMATS.values() if path.name.endswith(each.suffix)]
    return max(fitting, key=lambda each: len(each.suffix), default=None)
