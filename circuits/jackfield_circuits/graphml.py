"""Circuits as GraphML: what is written is read back equal, and what cannot be trusted is not read."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import networkx as nx

from jackfield_circuits.attributes import JSON_ATTRIBUTES
from jackfield_circuits.circuit import Circuit
from jackfield_circuits.errors import CircuitError, CircuitFileError
from jackfield_circuits.escape import escape, escape_json, unescape
from jackfield_circuits.files import read_text, write_text
from jackfield_circuits.xml_guard import check_document

__all__ = ["from_graphml", "read_graphml", "to_graphml", "write_graphml"]


def to_graphml(circuit: Circuit) -> str:
    """Spell a circuit as a GraphML document.

    Equal circuits give equal text. Characters that XML cannot carry are spelled ``\\uXXXX``.

    Examples
    --------
    >>> from_graphml(to_graphml(Circuit())) == Circuit()
    True
    """
    plain = circuit.to_networkx()
    graph = nx.MultiDiGraph(**_escape(plain.graph))
    graph.add_nodes_from((escape(node), _escape(found)) for node, found in plain.nodes(data=True))
    graph.add_edges_from(
        (escape(source), escape(target), escape(name), _escape(found))
        for source, target, name, found in plain.edges(keys=True, data=True)
    )
    document = io.BytesIO()
    nx.write_graphml_xml(graph, document)
    return document.getvalue().decode("utf-8")


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
    check_document(text)
    try:
        escaped = nx.parse_graphml(text, edge_key_type=str, force_multigraph=True)
    except (nx.NetworkXError, KeyError, ValueError, OverflowError) as error:
        raise CircuitFileError(f"the GraphML has a value that does not fit its key: {error}") from error
    graph = nx.MultiDiGraph(**_unescape(escaped.graph))
    graph.add_nodes_from((unescape(node), _unescape(found)) for node, found in escaped.nodes(data=True))
    graph.add_edges_from(
        (unescape(source), unescape(target), name, _unescape(found))
        for source, target, name, found in escaped.edges(keys=True, data=True)
    )
    try:
        return Circuit.from_networkx(graph)
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


def _escape(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {
        escape(name): (escape_json if name in JSON_ATTRIBUTES else escape)(value) if isinstance(value, str) else value
        for name, value in attributes.items()
    }


def _unescape(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {
        unescape(name): unescape(value) if isinstance(value, str) and name not in JSON_ATTRIBUTES else value
        for name, value in attributes.items()
    }
