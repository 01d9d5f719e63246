"""Pruning: the part of a circuit that lies between two nodes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from jackfield_circuits.circuit import Circuit

__all__ = ["prune"]


def prune(circuit: Circuit, source: str = "input", target: str = "logits") -> Circuit:
    """Leave out every node and edge through which nothing passes from ``source`` to ``target``.

    Edges into a node that nothing leaves, edges out of a node that nothing enters, and nodes without such edges go.
    Edges that `Circuit.findings` or a threshold left hanging are such; selection by score makes many.

    Parameters
    ----------
    circuit
        The circuit.
    source, target
        Where information enters, and where it has to arrive.

    Returns
    -------
    Circuit
        What is left, with all claims and runs, and always both ends.

    Raises
    ------
    CircuitError
        If the circuit lacks one of the ends.

    Examples
    --------
    >>> from jackfield_circuits import Edge
    >>> names = ["input->m0", "m0->logits", "m0->m1", "m2->logits"]
    >>> [edge.name for edge in prune(Circuit(edges=map(Edge.parse, names))).edges]
    ['input->m0', 'm0->logits']
    """
    ends = {circuit.node(source).id, circuit.node(target).id}
    entered = _reached(source, ((edge.source, edge.target) for edge in circuit.edges))
    left = _reached(target, ((edge.target, edge.source) for edge in circuit.edges))
    kept = entered & left
    edges = {edge.name for edge in circuit.edges if edge.source in kept and edge.target in kept}
    whole = edges | kept | ends
    return circuit.filter(lambda element: str(element) in whole)


def _reached(start: str, steps: Iterable[tuple[str, str]]) -> set[str]:
    onward: dict[str, list[str]] = defaultdict(list)
    for here, there in steps:
        onward[here].append(there)
    found, waiting = {start}, [start]
    while waiting:
        new = set(onward[waiting.pop()]) - found
        found |= new
        waiting += new
    return found
