"""Subgraphs: the part of a circuit around some nodes."""

from __future__ import annotations

import re
from collections.abc import Iterable

from jackfield_circuits.circuit import Circuit
from jackfield_circuits.errors import CircuitError

__all__ = ["subgraph"]


def subgraph(circuit: Circuit, patterns: Iterable[str], hops: int = 0) -> Circuit:
    """The nodes that patterns name, those within some edges of them, and the edges between all these.

    Parameters
    ----------
    circuit
        The circuit.
    patterns
        Ids of nodes, in which ``*`` stands for any text: ``a5.*`` are the heads of layer 5.
    hops
        How many edges to go from the named nodes, forward or back.

    Returns
    -------
    Circuit
        The nodes and edges with all claims, and all runs.

    Raises
    ------
    CircuitError
        If a pattern names no node of the circuit, if there is no pattern, or if ``hops`` is negative.

    Examples
    --------
    >>> from jackfield_circuits import Edge
    >>> circuit = Circuit(edges=map(Edge.parse, ["input->m0", "m0->m1", "m1->logits"]))
    >>> subgraph(circuit, ["m*"]).edges[0].name
    'm0->m1'
    >>> subgraph(circuit, ["m0"], hops=1)
    Circuit(3 nodes, 2 edges)
    """
    if hops < 0:
        raise CircuitError(f"the number of hops is not negative, found {hops}")
    kept = {node_id for pattern in patterns for node_id in _named(circuit, pattern)}
    if not kept:
        raise CircuitError("at least one pattern is needed")
    for _ in range(hops):
        kept |= {end for edge in circuit.edges if not kept.isdisjoint(edge.ends) for end in edge.ends}
    whole = kept | {edge.name for edge in circuit.edges if kept.issuperset(edge.ends)}
    return circuit.filter(lambda element: str(element) in whole)


def _named(circuit: Circuit, pattern: str) -> list[str]:
    spelling = re.compile(".*".join(map(re.escape, pattern.split("*"))), re.DOTALL)
    found = [node.id for node in circuit.nodes if spelling.fullmatch(node.id)]
    if not found:
        known = ", ".join(node.id for node in circuit.nodes[:4])
        raise CircuitError(f"no node of the circuit is named by {pattern!r}; it has {known or 'none'}, ...")
    return found
