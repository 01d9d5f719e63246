"""The guard at the door: only a plain GraphML document, which every reader reads alike, is let in, part by part."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, NoReturn, cast
from xml.parsers import expat

from jackfield_circuits.errors import CircuitFileError

__all__ = ["Part", "fault", "visit_document"]

_NAMESPACE = "http://graphml.graphdrawing.org/xmlns"
_ROOT, _KEY, _GRAPH, _DATA, _NODE, _EDGE = (
    f"{_NAMESPACE} {name}" for name in ("graphml", "key", "graph", "data", "node", "edge")
)
_CHILDREN = {_ROOT: {_KEY, _GRAPH}, _GRAPH: {_DATA, _NODE, _EDGE}, _NODE: {_DATA}, _EDGE: {_DATA}}
_TYPES = ("boolean", "int", "long", "float", "double", "string")


@dataclass(frozen=True)
class Part:
    """A key, node or edge with all that it holds, or one of the data of the graph.

    Attributes
    ----------
    kind
        Which of the four it is.
    attributes
        The attributes of its element.
    data
        For each datum the id of its key and its text.
    """

    kind: Literal["key", "graph", "node", "edge"]
    attributes: dict[str, str]
    data: list[tuple[str, str]] = field(default_factory=list)


def fault(found: str) -> CircuitFileError:
    """The error for a document that is XML, and not a plain GraphML document."""
    return CircuitFileError(f"the XML is not a plain GraphML document: {found}")


def visit_document(text: str, take: Callable[[Part], None]) -> None:
    """Go through a plain GraphML document and hand over each of its parts as soon as it is complete.

    What was handed over is worth something only if this returns: the document may turn out to be damaged at its end.

    Raises
    ------
    CircuitFileError
        If the text declares a document type or entities, is not well-formed, is not GraphML, or is GraphML with parts
        that circuits do not have or that readers disagree about: several graphs, undirected or nested ones, hyperedges,
        ports, default values, a key or a node or an edge given twice, edges to nodes that are not there.
    """
    if not text.strip():
        raise CircuitFileError("the text is empty; a circuit, even without nodes, is a GraphML document")
    guard = _Guard(take)
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = parser.ExternalEntityRefHandler = _refuse_declaration
    parser.StartElementHandler, parser.EndElementHandler = guard.start, guard.end
    parser.CharacterDataHandler = guard.text
    try:
        parser.Parse(text, True)
    except (expat.ExpatError, ValueError, LookupError, OverflowError) as error:
        raise CircuitFileError(f"the text is not XML, or not all of it: {error}") from error
    guard.check_whole()


def _refuse_declaration(*_: object) -> NoReturn:
    raise CircuitFileError(
        "the XML declares a document type or entities, which can be used to harm its reader; GraphML needs neither"
    )


class _Guard:
    """Checks every element where it stands."""

    def __init__(self, take: Callable[[Part], None]) -> None:
        self._take = take
        self._open: list[str] = []
        self._part = Part("graph", {})
        self._datum = ""
        self._texts: list[str] = []
        self._graphs = 0
        self._names: dict[str, set[str]] = {"key": set(), "key for": set(), "node": set(), "edge": set()}
        self._ends: set[tuple[str | None, str | None]] = set()

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._check_place(tag)
        self._open.append(tag)
        if tag == _DATA:
            if "key" not in attributes:
                raise fault("a datum has no name")
            self._datum, self._texts = attributes["key"], []
            if self._open[-2] == _GRAPH:
                self._part = Part("graph", {})
        elif tag == _GRAPH:
            self._graphs += 1
            if attributes.get("edgedefault") != "directed":
                raise fault(f"its graph is {attributes.get('edgedefault')!r}, not 'directed'")
        elif tag != _ROOT:
            self._part = Part(cast("Literal['key', 'node', 'edge']", _short(tag)), attributes)

    def text(self, text: str) -> None:
        self._texts.append(text)

    def end(self, tag: str) -> None:
        self._open.pop()
        if tag == _DATA:
            self._part.data.append((self._datum, "".join(self._texts)))
        if self._open and self._open[-1] in (_ROOT, _GRAPH) and tag != _GRAPH:
            self._check_part(self._part)
            self._take(self._part)

    def check_whole(self) -> None:
        if self._graphs != 1:
            raise fault(f"it holds {self._graphs} graphs, not one")
        for source, target in self._ends:
            if not {source, target} <= self._names["node"]:
                raise fault(f"an edge joins {source!r} to {target!r}, which are not both nodes")

    def _check_place(self, tag: str) -> None:
        if not self._open:
            if tag != _ROOT:
                raise fault(f"its root is {_short(tag)!r}, not 'graphml' of the namespace {_NAMESPACE}")
        elif tag not in _CHILDREN.get(self._open[-1], ()):
            raise fault(f"{_short(tag)!r} has no place in {_short(self._open[-1])!r}")

    def _check_part(self, part: Part) -> None:
        found = part.attributes
        if part.kind == "graph":
            return
        self._check_new(part.kind, found.get("id"))
        if part.kind == "edge":
            self._ends.add((found.get("source"), found.get("target")))
            if found.get("directed", "true") != "true":
                raise fault(f"the edge {found['id']!r} is not directed")
        elif part.kind == "key":
            if found.get("attr.type") not in _TYPES or found.get("for") not in ("graph", "node", "edge"):
                raise fault(
                    f"the key {found['id']!r} is for {found.get('for')!r} and has the type {found.get('attr.type')!r}"
                )
            if "attr.name" not in found:
                raise fault(f"the key {found['id']!r} names no attribute")
            self._check_new("key for", f"{found['for']} {found['attr.name']}")

    def _check_new(self, noun: str, name: str | None) -> None:
        if name is None:
            raise fault(f"a {noun} has no name")
        if name in self._names[noun]:
            raise fault(f"the {noun} {name!r} is given twice")
        self._names[noun].add(name)


def _short(tag: str) -> str:
    """The name of an element without GraphML's namespace."""
    return tag.removeprefix(f"{_NAMESPACE} ")
