"""Flat attributes: elements as text, numbers and truth values, for programs that know nothing of jackfield.

The attribute ``evidence`` is the whole truth, as JSON. The others repeat the strongest claims for readers that want a
number to draw, and are held against the evidence when they are read back.
"""

from __future__ import annotations

import reprlib
import sys
from collections.abc import Mapping
from typing import Any

from jackfield_circuits import strict_json
from jackfield_circuits.edge import Edge
from jackfield_circuits.element import Element
from jackfield_circuits.errors import CircuitError
from jackfield_circuits.evidence import Evidence
from jackfield_circuits.node import Node
from jackfield_circuits.provenance import Provenance
from jackfield_circuits.schema import SCHEMA, check_schema

__all__ = [
    "JSON_ATTRIBUTES",
    "Attributes",
    "edge_attributes",
    "graph_attributes",
    "node_attributes",
    "read_claims",
    "read_edge",
    "read_node",
    "read_runs",
    "shown_of_edge",
    "shown_of_node",
]

Attributes = dict[str, str | bool | int | float]

JSON_ATTRIBUTES = frozenset({"evidence", "runs"})
"""Attributes whose text is JSON."""

_CLAIM = ("method", "metric", "unit", "position", "score", "low", "high", "control", "q_value")
_OF_PLUGIN = frozenset({*_CLAIM, "finding"})
_OF_ELEMENT = frozenset({*_OF_PLUGIN, "plugin", "plugins"})
_OF_NODE = _OF_ELEMENT | {"kind", "layer", "head"}
_OF_EDGE = _OF_ELEMENT | {"name", "receiver"}


def graph_attributes(runs: Provenance) -> Attributes:
    """Attributes of the graph as a whole."""
    return {"jackfield_schema": SCHEMA, "runs": strict_json.spell(dict(runs))}


def node_attributes(node: Node) -> Attributes:
    """Attributes of a node; what is not known is left out."""
    return {**shown_of_node(node), "evidence": _spell_evidence(node)}


def edge_attributes(edge: Edge) -> Attributes:
    """Attributes of an edge; what is not known is left out."""
    return {**shown_of_edge(edge), "evidence": _spell_evidence(edge)}


def read_runs(found: Mapping[str, Any]) -> Provenance:
    """Read the attributes of a graph.

    Raises
    ------
    CircuitError
        If they state no schema or one that cannot be read, or if the runs are not valid.
    """
    check_schema(found.get("jackfield_schema"))
    runs = _parse("the graph's runs", found.get("runs", "{}"))
    if not isinstance(runs, dict):
        raise CircuitError(f"the graph's runs are an object of JSON, found {type(runs).__name__}")
    return Provenance(runs)


def read_node(node_id: str, found: Mapping[str, Any]) -> Node:
    """Read a node from its attributes.

    Raises
    ------
    CircuitError
        If the evidence is not valid, or if another attribute says what the evidence does not.
    """
    node = Node(id=node_id)
    described = f"node {node}"
    node = node.claiming(_read_claims(described, found))
    _check(described, found, shown_of_node(node), _OF_NODE)
    return node


def read_edge(source: str, target: str, found: Mapping[str, Any]) -> Edge:
    """Read an edge from its ends and attributes.

    Raises
    ------
    CircuitError
        If the evidence is not valid, or if another attribute says what the evidence does not.
    """
    edge = Edge(source=source, target=target, receiver=found.get("receiver", ""))
    described = f"edge {edge}"
    edge = edge.claiming(_read_claims(described, found))
    _check(described, found, shown_of_edge(edge), _OF_EDGE)
    return edge


def read_claims(described: str, records: object) -> tuple[Evidence, ...]:
    """Read claims from their JSON form.

    Raises
    ------
    CircuitError
        If ``records`` is not a list of valid claims; the message begins with what was ``described``.
    """
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise CircuitError(f"the evidence of {described} is a list of objects, found {reprlib.repr(records)}")
    try:
        return tuple(Evidence(**record) for record in records)
    except CircuitError as error:
        raise CircuitError(f"{described}: {error}") from error


def shown_of_node(node: Node) -> Attributes:
    """What a node shows beside its evidence."""
    place = {"kind": node.kind, "layer": node.layer, "head": node.head}
    return {**{name: value for name, value in place.items() if value is not None}, **_shown(node)}


def shown_of_edge(edge: Edge) -> Attributes:
    """What an edge shows beside its evidence."""
    return {"name": edge.name, "receiver": edge.receiver, **_shown(edge)}


def _shown(element: Element) -> Attributes:
    strongest = element.strongest()
    if strongest is None:
        return {"plugins": "", "finding": False}
    shown = _fields(strongest)
    flat: Attributes = {
        "plugins": ",".join(element.plugins),
        "finding": strongest.is_finding(),
        "plugin": strongest.plugin,
        **shown,
    }
    for plugin in element.plugins:
        claim = element.strongest(plugin) or strongest
        flat[f"{plugin}.finding"] = claim.is_finding()
        for name, value in (shown if claim is strongest else _fields(claim)).items():
            flat[f"{plugin}.{name}"] = value
    return flat


def _spell_evidence(element: Element) -> str:
    return strict_json.spell([claim.model_dump(mode="json", exclude_none=True) for claim in element.evidence])


def _fields(claim: Evidence) -> Attributes:
    return {name: _normal(value) for name in _CLAIM if (value := getattr(claim, name)) is not None}


def _normal(value: Any) -> Any:
    """Zero for numbers so small that readers of GraphML in C refuse them; the evidence keeps them."""
    return 0.0 if isinstance(value, float) and abs(value) < sys.float_info.min else value


def _read_claims(described: str, found: Mapping[str, Any]) -> tuple[Evidence, ...]:
    return read_claims(described, _parse(f"the evidence of {described}", found.get("evidence", "[]")))


def _parse(described: str, text: object) -> Any:
    if not isinstance(text, str):
        raise CircuitError(f"{described} is a text of JSON, found {text!r}")
    try:
        return strict_json.parse(text)
    except ValueError as error:
        raise CircuitError(f"{described} cannot be read: {error}") from error


def _check(described: str, found: Mapping[str, Any], expected: Attributes, ours: frozenset[str]) -> None:
    for name, value in found.items():
        if name == "evidence" or (name not in ours and name.rpartition(".")[2] not in _OF_PLUGIN):
            continue
        if name not in expected:
            raise CircuitError(f"{described}: {name} is {value!r}, but its evidence gives no such attribute")
        if type(value) is not type(expected[name]) or value != expected[name]:
            raise CircuitError(
                f"{described}: {name} is {value!r}, but its evidence gives {expected[name]!r}; the graph was changed "
                "by hand, or by a program that left the evidence as it was"
            )
