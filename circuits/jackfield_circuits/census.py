"""The census of a circuit: what it holds, counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jackfield_circuits.circuit import Circuit

__all__ = ["Census", "Claims"]


@dataclass(frozen=True)
class Claims:
    """One plugin's claims of one method and metric: about how many nodes and edges, and with how many findings."""

    plugin: str
    method: str
    metric: str
    unit: str
    nodes: int
    edges: int
    findings: int


@dataclass(frozen=True)
class Census:
    """What a circuit holds.

    Attributes
    ----------
    nodes, edges
        How many there are.
    node_findings, edge_findings
        How many of them at least one claim finds.
    kinds, layers
        Nodes by kind, and by layer; nodes without a layer are not counted there.
    conflicts
        Nodes and edges about which findings contradict each other, see `Circuit.conflicts`.
    claims
        Claims by plugin, method and metric.
    loose
        Nodes that no edge enters or leaves.
    runs
        Model, task, metric and seed of each run, as far as its provenance has them, by digest.
    """

    nodes: int
    edges: int
    node_findings: int
    edge_findings: int
    kinds: Mapping[str, int]
    layers: Mapping[int, int]
    conflicts: int
    claims: tuple[Claims, ...]
    loose: int
    runs: Mapping[str, Mapping[str, str]]

    @classmethod
    def of(cls, circuit: Circuit, alpha: float = 0.05) -> Census:
        """Count what a circuit holds.

        Examples
        --------
        >>> from jackfield_circuits import Edge
        >>> census = Census.of(Circuit(edges=[Edge.parse("input->a0.h1<q>"), Edge.parse("input->m0")]))
        >>> census.nodes, census.edges, census.kinds, census.layers
        (3, 2, {'input': 1, 'head': 1, 'mlp': 1}, {0: 2})
        """
        ends = {end for edge in circuit.edges for end in edge.ends}
        layers = Counter(node.layer for node in circuit.nodes if node.layer is not None)
        return cls(
            nodes=len(circuit.nodes),
            edges=len(circuit.edges),
            node_findings=sum(node.is_finding(alpha) for node in circuit.nodes),
            edge_findings=sum(edge.is_finding(alpha) for edge in circuit.edges),
            kinds=dict(Counter(node.kind for node in circuit.nodes)),
            layers=dict(sorted(layers.items())),
            conflicts=len(circuit.conflicts(alpha)),
            claims=_claims(circuit, alpha),
            loose=sum(node.id not in ends for node in circuit.nodes),
            runs={digest: _told(run) for digest, run in circuit.runs.items()},
        )


def _claims(circuit: Circuit, alpha: float) -> tuple[Claims, ...]:
    of_nodes, of_edges, findings = (Counter[tuple[str, str, str, str]]() for _ in range(3))
    for count, elements in ((of_nodes, circuit.nodes), (of_edges, circuit.edges)):
        for element in elements:
            for claim in element.evidence:
                key = (claim.plugin, claim.method, claim.metric, claim.unit)
                count[key] += 1
                findings[key] += claim.is_finding(alpha)
    return tuple(Claims(*key, of_nodes[key], of_edges[key], findings[key]) for key in sorted(of_nodes | of_edges))


def _told(run: Mapping[str, Any]) -> dict[str, str]:
    model = run.get("model")
    named = {"model": model.get("name") if isinstance(model, dict) else model}
    named |= {field: run.get(field) for field in ("analysis", "task", "metric", "seed")}
    return {field: str(value) for field, value in named.items() if value is not None}
