"""Comparison: how much two circuits have in common, and how much two random ones would."""

from __future__ import annotations

import math
from dataclasses import dataclass

from jackfield_circuits.circuit import Circuit
from jackfield_circuits.edge import Edge
from jackfield_circuits.errors import CircuitError
from jackfield_circuits.node import Node
from jackfield_circuits.weights import Weights

__all__ = ["Chance", "Comparison", "Overlap", "compare"]


@dataclass(frozen=True)
class Chance:
    """How many elements two sets of these sizes share when both are drawn blindly.

    A small p-value says only that the sets are not blind draws. Methods that favour late layers share edges for that
    reason alone, so it is no evidence of a common mechanism.

    Attributes
    ----------
    possible
        Number of elements that were drawn from.
    expected
        Mean number of shared elements.
    low, high
        The central 95 % of the distribution, ends included.
    p_value
        Probability of sharing at least as many as the two do (hypergeometric).
    """

    possible: int
    expected: float
    low: int
    high: int
    p_value: float


@dataclass(frozen=True)
class Overlap:
    """What two sets of nodes, or of edges, have in common.

    Attributes
    ----------
    first, second, shared
        Sizes of the two sets and of their intersection.
    jaccard
        Intersection over union; ``None`` for two empty sets.
    coefficient
        Intersection over the smaller set; ``None`` if that is empty.
    weighted
        Sum of the smaller absolute scores over the sum of the larger ones, where scores of opposite signs share
        nothing; ``None`` where a score is missing or infinite, all are zero, or their units differ.
    chance
        What blind draws would share; ``None`` where the number of possible elements is not known.
    """

    first: int
    second: int
    shared: int
    jaccard: float | None
    coefficient: float | None
    weighted: float | None
    chance: Chance | None


@dataclass(frozen=True)
class Comparison:
    """What two circuits have in common: their nodes, and their edges."""

    nodes: Overlap
    edges: Overlap


def compare(
    first: Circuit,
    second: Circuit,
    *,
    possible_nodes: int | None = None,
    possible_edges: int | None = None,
    metric: str | None = None,
) -> Comparison:
    """Compare two circuits by the names of their nodes and edges.

    All that is in the circuits counts: give ``circuit.findings()`` to compare what was found, not what was tested.
    Overlap is no substitute for running one circuit on the other's task.

    Parameters
    ----------
    first, second
        The circuits, of the same model or of models with the same shape.
    possible_nodes, possible_edges
        How many nodes and edges the network has, see `Shape`; ``None`` where that is not known.
    metric
        The metric that the weighted overlap looks at.

    Raises
    ------
    CircuitError
        If the circuits hold more nodes or edges than are possible, or none are.

    Examples
    --------
    >>> first = Circuit(edges=[Edge.parse("input->m0"), Edge.parse("m0->logits")])
    >>> second = Circuit(edges=[Edge.parse("m0->logits")])
    >>> edges = compare(first, second, possible_edges=10).edges
    >>> edges.jaccard, edges.coefficient, round(edges.chance.p_value, 2)
    (0.5, 1.0, 0.2)
    """
    return Comparison(
        _overlap(first.nodes, second.nodes, possible_nodes, metric),
        _overlap(first.edges, second.edges, possible_edges, metric),
    )


def _overlap(
    first: tuple[Node | Edge, ...], second: tuple[Node | Edge, ...], possible: int | None, metric: str | None
) -> Overlap:
    ours, theirs = ({str(element) for element in elements} for elements in (first, second))
    shared, union, smaller = len(ours & theirs), len(ours | theirs), min(len(ours), len(theirs))
    if possible is not None and possible < max(union, 1):
        raise CircuitError(
            f"the two circuits hold {union} different elements, but only {possible} are said to be possible"
        )
    return Overlap(
        first=len(ours),
        second=len(theirs),
        shared=shared,
        jaccard=shared / union if union else None,
        coefficient=shared / smaller if smaller else None,
        weighted=_weighted(first, second, metric),
        chance=None if possible is None else _chance(possible, len(ours), len(theirs), shared),
    )


def _chance(possible: int, first: int, second: int, shared: int) -> Chance:
    from scipy.stats import hypergeom

    blind = hypergeom(possible, first, second)
    low, high = blind.interval(0.95)
    return Chance(possible, first * second / possible, int(low), int(high), float(blind.sf(shared - 1)))


def _weighted(first: tuple[Node | Edge, ...], second: tuple[Node | Edge, ...], metric: str | None) -> float | None:
    try:
        ours, theirs = Weights.of(first, metric), Weights.of(second, metric)
    except CircuitError:
        return None
    complete = len(ours.scores) == len(first) and len(theirs.scores) == len(second)
    if not complete or (ours.metric, ours.unit) != (theirs.metric, theirs.unit):
        return None
    smaller = larger = 0.0
    for name in sorted({*ours.scores, *theirs.scores}):
        a, b = ours.scores.get(name, 0.0), theirs.scores.get(name, 0.0)
        for one, other in ((max(a, 0.0), max(b, 0.0)), (max(-a, 0.0), max(-b, 0.0))):
            smaller, larger = smaller + min(one, other), larger + max(one, other)
    return smaller / larger if larger and math.isfinite(larger) else None
