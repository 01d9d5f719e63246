"""The text of a GraphML document, made element by element: the very bytes that networkx would write, sooner."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape as escape_markup

from jackfield_circuits.attributes import (
    JSON_ATTRIBUTES,
    Attributes,
    edge_attributes,
    graph_attributes,
    node_attributes,
)
from jackfield_circuits.circuit import Circuit
from jackfield_circuits.edge import Edge
from jackfield_circuits.escape import escape, escape_json

__all__ = ["spell_document"]

_HEAD = (
    "<?xml version='1.0' encoding='utf-8'?>\n"
    '<graphml xmlns="http://graphml.graphdrawing.org/xmlns" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
    'xsi:schemaLocation="http://graphml.graphdrawing.org/xmlns http://graphml.graphdrawing.org/xmlns/1.0/graphml.xsd">'
)
_TYPES: dict[type, str] = {str: "string", bool: "boolean", int: "long", float: "double"}


class _Keys:
    """The keys of a document: one for each attribute of the graph, of nodes and of edges, in the order of their use."""

    def __init__(self) -> None:
        self._ids: dict[tuple[str, str, type], str] = {}

    def data(self, scope: str, attributes: Attributes, indent: str) -> Iterator[str]:
        """The data elements of one element, each on its line."""
        for name, value in attributes.items():
            kind = type(value)
            key = self._ids.get((scope, name, kind))
            if key is None:
                key = self._ids[scope, name, kind] = f"d{len(self._ids)}"
            text = _content(name, value)
            yield f'{indent}<data key="{key}">{text}</data>' if text else f'{indent}<data key="{key}" />'

    def elements(self) -> Iterator[str]:
        """The elements that declare the keys, the latest first, as networkx has them."""
        for (scope, name, kind), key in reversed(self._ids.items()):
            yield f'  <key id="{key}" for="{scope}" attr.name="{_quoted(name)}" attr.type="{_TYPES[kind]}" />'


def spell_document(circuit: Circuit) -> str:
    """Spell the circuit as one GraphML document."""
    keys = _Keys()
    of_graph = list(keys.data("graph", graph_attributes(circuit.runs), " " * 4))
    body = ['  <graph edgedefault="directed">']
    for node in circuit.nodes:
        opening = f'    <node id="{_quoted(node.id)}">'
        body.append("\n".join((opening, *keys.data("node", node_attributes(node), " " * 6), "    </node>")))
    for edge in _by_source(circuit):
        source, target, name = map(_quoted, (*edge.ends, edge.name))
        opening = f'    <edge source="{source}" target="{target}" id="{name}">'
        body.append("\n".join((opening, *keys.data("edge", edge_attributes(edge), " " * 6), "    </edge>")))
    return "\n".join((_HEAD, *keys.elements(), *body, *of_graph, "  </graph>", "</graphml>", ""))


def _by_source(circuit: Circuit) -> Iterable[Edge]:
    """Edges in the order in which networkx lists them."""
    ranks = {node.id: rank for rank, node in enumerate(circuit.nodes)}
    return sorted(circuit.edges, key=lambda edge: ranks[edge.source])


def _content(name: str, value: str | float) -> str:
    """A value as the content of an element."""
    if not isinstance(value, str):
        return str(value)
    return escape_markup((escape_json if name in JSON_ATTRIBUTES else escape)(value), quote=False)


def _quoted(text: str) -> str:
    """A text as the value of an attribute of XML."""
    return escape_markup(escape(text), quote=False).replace('"', "&quot;")
