"""Routes: the strongest ways through a circuit, from one node to another."""

from __future__ import annotations

import heapq
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from jackfield_circuits.circuit import Circuit
from jackfield_circuits.edge import Edge
from jackfield_circuits.errors import CircuitError
from jackfield_circuits.weights import Weights

__all__ = ["Route", "strongest_routes"]


@dataclass(frozen=True)
class Route:
    """A way along edges that meets no node twice.

    Attributes
    ----------
    edges
        Names of the edges, in order.
    scores
        The signed score of each.
    """

    edges: tuple[str, ...]
    scores: tuple[float, ...]

    @property
    def strength(self) -> float:
        """The absolute score of the weakest edge."""
        return min(map(abs, self.scores))


def strongest_routes(
    circuit: Circuit,
    count: int = 10,
    source: str = "input",
    target: str = "logits",
    metric: str | None = None,
    plugin: str | None = None,
) -> tuple[Route, ...]:
    """The routes whose weakest edge is strongest.

    A route is as strong as its weakest edge. Products of scores would say nothing: an edge's effect is measured with
    all other edges in place, and effects along a route do not multiply. That edges follow one another does not show
    that the same information passes along all of them; path patching does.

    Parameters
    ----------
    circuit
        The circuit. Edges without a score are not taken.
    count
        How many routes to give at most.
    source, target
        Where the routes begin and end.
    metric, plugin
        Which claims the scores are taken from, see `Weights.of`.

    Returns
    -------
    tuple of Route
        The strongest first; of equally strong ones the shorter first, then by name.

    Raises
    ------
    CircuitError
        If the circuit lacks an end, if both ends are one node, if ``count`` is below 1, or if scores of different
        metrics or units would be mixed.

    Examples
    --------
    >>> from jackfield_circuits import Evidence
    >>> claim = dict(plugin="acdc", method="m", metric="d", unit="", n=8, run="5f2c")
    >>> scored = {"input->m0": 3.0, "m0->logits": -1.0, "input->logits": 0.5}
    >>> edges = [Edge.parse(name, [Evidence(score=score, **claim)]) for name, score in scored.items()]
    >>> [(route.edges, route.strength) for route in strongest_routes(Circuit(edges=edges, runs={"5f2c": {}}))]
    [(('input->m0', 'm0->logits'), 1.0), (('input->logits',), 0.5)]
    """
    if count < 1:
        raise CircuitError(f"at least one route is asked for, found {count}")
    if circuit.node(source) == circuit.node(target):
        raise CircuitError(f"a route leads from one node to another, found {source!r} twice")
    scores = Weights.of(circuit.edges, metric, plugin).scores
    return tuple(
        islice(_routes([edge for edge in circuit.edges if edge.name in scores], scores, source, target), count)
    )


def _routes(edges: list[Edge], scores: Mapping[str, float], source: str, target: str) -> Iterator[Route]:
    """Best-first search; the bound is exact wherever the edges make no circle."""
    onward: dict[str, list[Edge]] = defaultdict(list)
    for edge in edges:
        onward[edge.source].append(edge)
    bound = _widest(edges, scores, target)
    heap: list[tuple[float, int, tuple[str, ...], str, tuple[str, ...]]] = []
    if source in bound:
        heap.append((-bound[source], 0, (), source, (source,)))
    while heap:
        negative, length, taken, here, met = heapq.heappop(heap)
        if here == target:
            yield Route(taken, tuple(scores[name] for name in taken))
            continue
        for edge in onward[here]:
            if edge.target in bound and edge.target not in met:
                strength = min(-negative, abs(scores[edge.name]), bound[edge.target])
                following = ((*taken, edge.name), edge.target, (*met, edge.target))
                heapq.heappush(heap, (-strength, length + 1, *following))


def _widest(edges: list[Edge], scores: Mapping[str, float], target: str) -> dict[str, float]:
    """For every node from which the target can be reached, the strength of the strongest route there."""
    backward: dict[str, list[Edge]] = defaultdict(list)
    for edge in edges:
        backward[edge.target].append(edge)
    found: dict[str, float] = {}
    heap = [(-math.inf, target)]
    while heap:
        negative, here = heapq.heappop(heap)
        if here not in found:
            found[here] = -negative
            for edge in backward[here]:
                heapq.heappush(heap, (-min(-negative, abs(scores[edge.name])), edge.source))
    return found
