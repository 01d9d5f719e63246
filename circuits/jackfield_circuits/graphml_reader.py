"""What the parts of a GraphML document say of a circuit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from jackfield_circuits.attributes import JSON_ATTRIBUTES, read_edge, read_node, read_runs
from jackfield_circuits.circuit import Circuit
from jackfield_circuits.edge import Edge
from jackfield_circuits.errors import CircuitError, CircuitFileError
from jackfield_circuits.escape import unescape
from jackfield_circuits.node import Node
from jackfield_circuits.xml_guard import Part, fault, visit_document

__all__ = ["read_document"]

_TRUTH = {"true": True, "false": False, "1": True, "0": False}
_CONVERTERS: Mapping[str, Callable[[str], Any]] = {
    "boolean": lambda text: _TRUTH[text.lower()],
    "int": int,
    "long": int,
    "float": float,
    "double": float,
    "string": unescape,
}


def read_document(text: str) -> Circuit:
    """Read a circuit from the text of a GraphML document.

    Raises
    ------
    CircuitError
        If the document is not a plain one, or if a datum has no key, is given twice or does not fit its key, or if the
        data do not hold a valid circuit.
    """
    reader = _Reader()
    visit_document(text, reader.take)
    return reader.circuit()


class _Reader:
    """Collects what a document says; the keys of its attributes come before their first use.

    The schema may come last. So a refusal waits for it: to be told of a newer schema helps more than to be told of what
    this version cannot make sense of.
    """

    def __init__(self) -> None:
        self._keys: dict[tuple[str, str], tuple[str, Callable[[str], Any]]] = {}
        self._of_graph: dict[str, Any] = {}
        self._nodes: list[Node] = []
        self._edges: dict[str, Edge] = {}
        self._refusal: CircuitError | None = None

    def take(self, part: Part) -> None:
        if part.kind == "key":
            self._take_key(part.attributes)
        elif part.kind == "graph":
            self._read(part, self._of_graph)
        elif self._refusal is None:
            try:
                self._take_element(part)
            except CircuitFileError:
                raise
            except CircuitError as refusal:
                self._refusal = refusal

    def circuit(self) -> Circuit:
        runs = read_runs(self._of_graph)
        if self._refusal:
            raise self._refusal
        return Circuit(self._nodes, self._edges.values(), runs)

    def _take_key(self, found: Mapping[str, str]) -> None:
        name = unescape(found["attr.name"])
        convert = _CONVERTERS[found["attr.type"]]
        is_json = name in JSON_ATTRIBUTES and convert is unescape
        self._keys[found["for"], found["id"]] = name, str if is_json else convert

    def _take_element(self, part: Part) -> None:
        found, attributes = part.attributes, self._read(part, {})
        if part.kind == "node":
            self._nodes.append(read_node(unescape(found["id"]), attributes))
            return
        edge = read_edge(unescape(found.get("source", "")), unescape(found.get("target", "")), attributes)
        if self._edges.setdefault(edge.name, edge) is not edge:
            raise CircuitError(f"the graph has the edge {edge} twice")

    def _read(self, part: Part, attributes: dict[str, Any]) -> dict[str, Any]:
        """Add to the attributes what the data give; an empty datum is an empty text, whatever its type."""
        for key, text in part.data:
            if (part.kind, key) not in self._keys:
                raise fault(f"there is no key {key} for a {part.kind}")
            name, convert = self._keys[part.kind, key]
            if name in attributes:
                raise fault(f"the datum {key!r} is given twice")
            try:
                attributes[name] = convert(text) if text else ""
            except (KeyError, ValueError, OverflowError) as error:
                raise CircuitError(f"the GraphML has a value that does not fit its key: {name} is {text!r}") from error
        return attributes
