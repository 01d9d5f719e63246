"""The guard at the door: only a plain GraphML document, which every reader reads alike, is let in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

from jackfield_circuits.errors import CircuitFileError

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

__all__ = ["check_document"]

_NAMESPACE = "{http://graphml.graphdrawing.org/xmlns}"
_TYPES = ("boolean", "int", "long", "float", "double", "string")


def check_document(text: str) -> None:
    """Refuse text that is not XML, is not a plain GraphML document, or means to harm its reader.

    Raises
    ------
    CircuitFileError
        If the text declares a document type or entities, is not well-formed, is not GraphML, or is GraphML with parts
        that circuits do not have or that readers disagree about: several graphs, undirected or nested ones, hyperedges,
        ports, default values, a key, a node or a datum given twice, edges to nodes that are not there.
    """
    if not text.strip():
        raise CircuitFileError("the text is empty; a circuit, even without nodes, is a GraphML document")
    try:
        root = fromstring(text, forbid_dtd=True)
    except DefusedXmlException as error:
        raise CircuitFileError(
            f"the XML declares a document type or entities ({type(error).__name__}), which can be used to harm its "
            "reader; GraphML needs neither"
        ) from error
    except (ParseError, ValueError, LookupError) as error:
        raise CircuitFileError(f"the text is not XML, or not all of it: {error}") from error
    if problem := next(_problems(root), None):
        raise CircuitFileError(f"the XML is not a plain GraphML document: {problem}")


def _problems(root: Element) -> Iterator[str]:
    if root.tag != f"{_NAMESPACE}graphml":
        yield f"its root is {root.tag!r}, not 'graphml' of the namespace {_NAMESPACE[1:-1]}"
    yield from _strangers(root, "key", "graph")
    keys = root.findall(f"{_NAMESPACE}key")
    for key in keys:
        if key.get("attr.type") not in _TYPES or key.get("for") not in ("graph", "node", "edge"):
            yield f"the key {key.get('id')!r} is for {key.get('for')!r} and has the type {key.get('attr.type')!r}"
        yield from _strangers(key)
    yield from _twice("key", (key.get("id") for key in keys))
    yield from _twice("key for", (f"{key.get('for')} {key.get('attr.name')}" for key in keys))
    graphs = root.findall(f"{_NAMESPACE}graph")
    if len(graphs) != 1:
        yield f"it holds {len(graphs)} graphs, not one"
    for graph in graphs:
        yield from _graph_problems(graph)


def _graph_problems(graph: Element) -> Iterator[str]:
    if graph.get("edgedefault") != "directed":
        yield f"its graph is {graph.get('edgedefault')!r}, not 'directed'"
    yield from _strangers(graph, "data", "node", "edge")
    nodes, edges = graph.findall(f"{_NAMESPACE}node"), graph.findall(f"{_NAMESPACE}edge")
    for element in (graph, *nodes, *edges):
        data = element.findall(f"{_NAMESPACE}data")
        if element is not graph:
            yield from _strangers(element, "data")
        for datum in data:
            yield from _strangers(datum)
        yield from _twice("datum", (datum.get("key") for datum in data))
    yield from _twice("node", (node.get("id") for node in nodes))
    yield from _twice("edge", (edge.get("id") for edge in edges))
    known = {node.get("id") for node in nodes}
    for edge in edges:
        if not {edge.get("source"), edge.get("target")} <= known:
            yield f"an edge joins {edge.get('source')!r} to {edge.get('target')!r}, which are not both nodes"


def _strangers(parent: Element, *expected: str) -> Iterator[str]:
    for child in parent:
        if child.tag not in [f"{_NAMESPACE}{name}" for name in expected]:
            yield f"{child.tag!r} has no place in {parent.tag!r}"


def _twice(noun: str, names: Iterable[str | None]) -> Iterator[str]:
    seen: set[str | None] = set()
    for name in names:
        if name is None:
            yield f"a {noun} has no name"
        if name in seen:
            yield f"the {noun} {name!r} is given twice"
        seen.add(name)
