"""Circuits as graphs to be drawn: flat attributes with a label and a weight, in text that every program can show."""

from __future__ import annotations

import math
from typing import Any

import networkx as nx

from jackfield_circuits.attributes import JSON_ATTRIBUTES
from jackfield_circuits.circuit import Circuit
from jackfield_circuits.element import Element
from jackfield_circuits.escape import escape

__all__ = ["drawable", "weight"]


def drawable(circuit: Circuit) -> nx.MultiDiGraph:
    """A networkx graph for programs that draw.

    Returns
    -------
    networkx.MultiDiGraph
        As `Circuit.to_networkx` gives it, with a ``label`` and, where something finite is claimed, a ``weight``.
        What the strongest claim says is kept; ``evidence`` and ``runs``, which are JSON, are left out. Control
        characters and backslashes are spelled ``\\uXXXX``.
    """
    graph = nx.MultiDiGraph()
    plain = circuit.to_networkx()
    for node in circuit.nodes:
        graph.add_node(escape(node.id), **_dressed(node, plain.nodes[node.id]))
    for edge in circuit.edges:
        source, target, name = (escape(text) for text in (*edge.ends, edge.name))
        graph.add_edge(source, target, name, **_dressed(edge, plain.edges[(*edge.ends, edge.name)]))
    return graph


def weight(element: Element) -> float | None:
    """How strong the strongest claim is, without its sign; ``None`` where there is none, or none that is finite."""
    strongest = element.strongest()
    return None if strongest is None or math.isinf(strongest.score) else abs(strongest.score)


def _dressed(element: Element, attributes: dict[str, Any]) -> dict[str, Any]:
    dressed = {
        escape(name): escape(value) if isinstance(value, str) else value
        for name, value in attributes.items()
        if name not in JSON_ATTRIBUTES
    }
    found = weight(element)
    return {"label": escape(str(element)), **dressed, **({} if found is None else {"weight": found})}
