"""Circuits as graphs to be drawn: flat attributes with a label and a weight, in text that every program can show."""

from __future__ import annotations

import math

import networkx as nx

from jackfield_circuits.attributes import Attributes, shown_of_edge, shown_of_node
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
    graph.add_nodes_from((escape(node.id), _dressed(node, shown_of_node(node))) for node in circuit.nodes)
    graph.add_edges_from(
        (*map(escape, (*edge.ends, edge.name)), _dressed(edge, shown_of_edge(edge))) for edge in circuit.edges
    )
    return graph


def weight(element: Element) -> float | None:
    """How strong the strongest claim is, without its sign; ``None`` where there is none, or none that is finite."""
    strongest = element.strongest()
    return None if strongest is None or math.isinf(strongest.score) else abs(strongest.score)


def _dressed(element: Element, shown: Attributes) -> Attributes:
    dressed = {escape(name): escape(value) if isinstance(value, str) else value for name, value in shown.items()}
    found = weight(element)
    return {"label": escape(str(element)), **dressed, **({} if found is None else {"weight": found})}
