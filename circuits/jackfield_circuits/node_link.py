"""Circuits as JSON, in the node-link form that networkx and D3 read."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, TypeVar

from jackfield_circuits import strict_json
from jackfield_circuits.attributes import read_claims
from jackfield_circuits.circuit import Circuit
from jackfield_circuits.edge import Edge
from jackfield_circuits.errors import CircuitError, CircuitFileError
from jackfield_circuits.files import read_text, write_text
from jackfield_circuits.node import Node
from jackfield_circuits.record import Record
from jackfield_circuits.schema import SCHEMA, check_schema

__all__ = ["from_json", "read_json", "to_json", "write_json"]

E = TypeVar("E", Node, Edge)


class _Header(Record):
    jackfield_schema: int
    runs: dict[str, dict[str, Any]]


class _Document(Record):
    directed: Literal[True]
    multigraph: Literal[True]
    graph: _Header
    nodes: list[dict[str, Any]]
    edges: list[dict[str, Any]]


def to_json(circuit: Circuit) -> str:
    """Spell a circuit as indented JSON.

    Equal circuits give equal text. An infinite score is the text ``"inf"`` or ``"-inf"``.

    Examples
    --------
    >>> from_json(to_json(Circuit())) == Circuit()
    True
    """
    document = {
        "directed": True,
        "multigraph": True,
        "graph": {"jackfield_schema": SCHEMA, "runs": dict(circuit.runs)},
        "nodes": [node.model_dump(mode="json", exclude_none=True) for node in circuit.nodes],
        "edges": [edge.model_dump(mode="json", exclude_none=True) for edge in circuit.edges],
    }
    return strict_json.spell(document, indent=2) + "\n"


def from_json(text: str) -> Circuit:
    """Read a circuit from JSON; the inverse of `to_json`.

    Raises
    ------
    CircuitFileError
        If the text is not strict JSON, has a schema that this version cannot read, or does not hold a valid circuit.
    """
    try:
        found = strict_json.parse(text)
    except ValueError as error:
        raise CircuitFileError(f"the text is not JSON, or not all of it: {error}") from error
    try:
        return _read(found)
    except CircuitError as error:
        raise CircuitFileError(str(error)) from error


def write_json(circuit: Circuit, path: Path | str) -> None:
    """Write a circuit to a JSON file, whole or not at all."""
    write_text(Path(path), to_json(circuit))


def read_json(path: Path | str) -> Circuit:
    """Read a circuit from a JSON file.

    Raises
    ------
    CircuitFileError
        If the file cannot be opened, or for the reasons of `from_json`; the message names the file.
    """
    try:
        return from_json(read_text(Path(path)))
    except CircuitFileError as error:
        raise CircuitFileError(f"{path}: {error}") from error


def _read(found: object) -> Circuit:
    if not isinstance(found, dict) or not isinstance(found.get("graph"), dict):
        raise CircuitError("a circuit in JSON is an object with the members directed, multigraph, graph, nodes, edges")
    check_schema(found["graph"].get("jackfield_schema"))
    document = _Document(**found)
    return Circuit(_elements(Node, document.nodes), _elements(Edge, document.edges), document.graph.runs)


def _elements(kind: type[E], records: list[dict[str, Any]]) -> list[E]:
    elements: dict[str, E] = {}
    for record in records:
        bare = kind(**{name: value for name, value in record.items() if name != "evidence"})
        described = f"{kind.__name__.lower()} {bare}"
        element = bare.claiming(read_claims(described, record.get("evidence")))
        if elements.setdefault(str(element), element) is not element:
            raise CircuitError(f"{described} is given twice")
    return list(elements.values())
