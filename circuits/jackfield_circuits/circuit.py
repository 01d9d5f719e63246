"""The circuit graph: nodes and edges with the claims about them, and the runs that made the claims."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any, TypeVar, final

import networkx as nx

from jackfield_circuits.attributes import (
    edge_attributes,
    graph_attributes,
    node_attributes,
    read_edge,
    read_node,
    read_runs,
)
from jackfield_circuits.edge import Edge
from jackfield_circuits.element import Element
from jackfield_circuits.errors import CircuitError
from jackfield_circuits.evidence import Evidence
from jackfield_circuits.node import ARROW, Node
from jackfield_circuits.provenance import Provenance
from jackfield_circuits.resolution import Resolution, resolve
from jackfield_circuits.strict_json import spell

__all__ = ["Circuit"]

E = TypeVar("E", Node, Edge)


@final
class Circuit:
    """A circuit: a directed graph in which every node and edge carries the evidence for it.

    A circuit does not change; its methods return new ones. What is given twice is pooled: the claims of both are kept,
    each claim once. The ends of an edge become nodes of the circuit whether or not they are given.

    Parameters
    ----------
    nodes
        Nodes, in any order.
    edges
        Edges, in any order. Two nodes may be joined by several, one for each receiver.
    runs
        For the digest of each run its provenance, made of JSON's types.

    Raises
    ------
    CircuitError
        If a claim names a run that is not among ``runs``, or a run's provenance is not valid.

    Examples
    --------
    >>> circuit = Circuit(edges=[Edge.parse("a0.h1->a3.h2<q>"), Edge.parse("input->a0.h1<v>")])
    >>> [node.id for node in circuit.nodes]
    ['input', 'a0.h1', 'a3.h2']
    >>> [edge.name for edge in circuit.edges]
    ['input->a0.h1<v>', 'a0.h1->a3.h2<q>']
    >>> circuit | circuit == circuit
    True
    """

    def __init__(
        self,
        nodes: Iterable[Node] = (),
        edges: Iterable[Edge] = (),
        runs: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        self._runs = runs if isinstance(runs, Provenance) else Provenance(runs or {})
        pooled_edges = _pool(edges, Edge)
        ends = {end for edge in pooled_edges for end in edge.ends}
        pooled_nodes = _pool((*nodes, *(Node(id=end) for end in ends)), Node)
        for element in (*pooled_nodes, *pooled_edges):
            for claim in element.evidence:
                if claim.run not in self._runs:
                    raise CircuitError(
                        f"{claim.plugin} claims something about {element} from run {claim.run!r}, whose provenance is "
                        f"missing; the circuit knows the runs {', '.join(map(repr, self._runs)) or '(none)'}"
                    )
        self._graph = nx.MultiDiGraph()
        self._graph.add_nodes_from((node.id, {"node": node}) for node in pooled_nodes)
        self._graph.add_edges_from((edge.source, edge.target, edge.name, {"edge": edge}) for edge in pooled_edges)

    @cached_property
    def nodes(self) -> tuple[Node, ...]:
        """All nodes, in canonical order: input, layer by layer in the order of computation, other ids, logits."""
        return tuple(node for _, node in self._graph.nodes(data="node"))

    @cached_property
    def edges(self) -> tuple[Edge, ...]:
        """All edges, in the order of EAP-IG: by the target's place in the network, then the source's."""
        edges = (edge for *_, edge in self._graph.edges(data="edge"))
        return tuple(sorted(edges, key=lambda edge: edge.sort_key))

    @cached_property
    def _edges_by_name(self) -> dict[str, Edge]:
        return {edge.name: edge for edge in self.edges}

    @property
    def runs(self) -> Provenance:
        """The provenance of every run, under its digest."""
        return self._runs

    @property
    def plugins(self) -> tuple[str, ...]:
        """Names of the plugins that claim something, sorted."""
        return tuple(sorted({plugin for element in (*self.nodes, *self.edges) for plugin in element.plugins}))

    def node(self, node_id: str) -> Node:
        """The node of this id.

        Raises
        ------
        CircuitError
            If the circuit has no such node.
        """
        if node_id not in self._graph:
            raise CircuitError(_unknown("node", node_id, [node.id for node in self.nodes]))
        node: Node = self._graph.nodes[node_id]["node"]
        return node

    def edge(self, name: str) -> Edge:
        """The edge of this name, such as ``a0.h1->a3.h2<q>``.

        Raises
        ------
        CircuitError
            If the circuit has no such edge.
        """
        if name not in self._edges_by_name:
            raise CircuitError(_unknown("edge", name, list(self._edges_by_name)))
        return self._edges_by_name[name]

    def evidence(self, name: str) -> tuple[Evidence, ...]:
        """The claims about the node of this id, or the edge of this name.

        Raises
        ------
        CircuitError
            If the circuit has no such node or edge.
        """
        return self.edge(name).evidence if ARROW in name else self.node(name).evidence

    def filter(self, keep: Callable[[Node | Edge], bool]) -> Circuit:
        """The part of the circuit that ``keep`` accepts.

        Parameters
        ----------
        keep
            Says of a node or an edge whether it stays.

        Returns
        -------
        Circuit
            The accepted nodes and edges with all their claims, the ends of the accepted edges, and all runs.

        Examples
        --------
        >>> circuit = Circuit(edges=[Edge.parse("m0->m1"), Edge.parse("m1->logits")])
        >>> circuit.filter(lambda element: str(element) == "m1->logits")
        Circuit(2 nodes, 1 edge)
        """
        edges = [edge for edge in self.edges if keep(edge)]
        ends = {end for edge in edges for end in edge.ends}
        return Circuit([node for node in self.nodes if node.id in ends or keep(node)], edges, self._runs)

    def findings(self, alpha: float = 0.05) -> Circuit:
        """The nodes and edges of which at least one claim is a finding, and the ends of those edges.

        What is kept keeps all its claims, those that speak against it included.

        Parameters
        ----------
        alpha
            Largest q-value that counts as significant, see `Evidence.is_finding`.
        """
        return self.filter(lambda element: element.is_finding(alpha))

    def resolutions(self, alpha: float = 0.05) -> dict[str, tuple[Resolution, ...]]:
        """What all claims about each node and edge say together, see `resolve`.

        Claims from runs of different models or tasks are not put together: they may differ without contradiction.

        Parameters
        ----------
        alpha
            Largest q-value that counts as significant.

        Returns
        -------
        dict
            Id of a node or name of an edge -> its resolutions. What nothing is claimed about is left out.
        """
        return {
            str(element): tuple(
                replace(resolution, task=self.task_of(claims[0]))
                for claims in self.claims(element)
                for resolution in resolve(claims, alpha)
            )
            for element in (*self.nodes, *self.edges)
            if element.evidence
        }

    def conflicts(self, alpha: float = 0.05) -> dict[str, tuple[Resolution, ...]]:
        """Those of the `resolutions` in which findings of both signs contradict each other."""
        found = {
            name: tuple(resolution for resolution in resolutions if resolution.verdict == "conflict")
            for name, resolutions in self.resolutions(alpha).items()
        }
        return {name: conflicts for name, conflicts in found.items() if conflicts}

    @cached_property
    def _studies(self) -> dict[str, str]:
        """For each run which model it looked at on which task, spelled out."""
        return {digest: spell([run.get("model"), run.get("task")]) for digest, run in self._runs.items()}

    def claims(self, element: Element) -> tuple[tuple[Evidence, ...], ...]:
        """The claims about a node or edge, those about different models or tasks apart.

        Only claims of one group can agree or contradict each other.

        Parameters
        ----------
        element
            A node or an edge of this circuit.
        """
        found: dict[str, list[Evidence]] = {}
        for claim in element.evidence:
            found.setdefault(self._studies[claim.run], []).append(claim)
        return tuple(map(tuple, found.values()))

    def task_of(self, claim: Evidence) -> str | None:
        """The task that a claim of this circuit is about, where its run's provenance has it."""
        task = self._runs[claim.run].get("task")
        return None if task is None else str(task)

    def merge(self, *others: Circuit) -> Circuit:
        """All that this circuit and the others hold.

        Merging is associative, commutative and idempotent. Claims that conflict are all kept.

        Raises
        ------
        CircuitError
            If one digest names two runs.
        """
        nodes, edges, runs = list(self.nodes), list(self.edges), self._runs
        for other in others:
            nodes += other.nodes
            edges += other.edges
            runs = runs.merge(other.runs)
        return Circuit(nodes, edges, runs)

    def __or__(self, other: Circuit) -> Circuit:
        return self.merge(other) if isinstance(other, Circuit) else NotImplemented

    def __contains__(self, name: object) -> bool:
        """Whether ``name`` is the id of a node or the name of an edge."""
        if not isinstance(name, str):
            return False
        return name in self._graph or name in self._edges_by_name

    def __len__(self) -> int:
        """Number of nodes."""
        return len(self._graph)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Circuit):
            return NotImplemented
        return (self.nodes, self.edges, self._runs) == (other.nodes, other.edges, other._runs)

    def __hash__(self) -> int:
        return hash((self.nodes, self.edges, self._runs))

    def __repr__(self) -> str:
        sizes = [_count(len(self.nodes), "node"), _count(len(self.edges), "edge")]
        claimed = [f"claims by {', '.join(self.plugins)}"] if self.plugins else []
        return f"Circuit({', '.join(sizes + claimed)})"

    def to_networkx(self) -> nx.MultiDiGraph:
        """A networkx graph with flat attributes, free to be changed.

        Returns
        -------
        networkx.MultiDiGraph
            Nodes and edges in canonical order; the key of an edge is its name. Attributes are text, truth values, whole
            numbers and floats; what is not known is left out.
        """
        graph = nx.MultiDiGraph(**graph_attributes(self._runs))
        graph.add_nodes_from((node.id, node_attributes(node)) for node in self.nodes)
        graph.add_edges_from((edge.source, edge.target, edge.name, edge_attributes(edge)) for edge in self.edges)
        return graph

    @classmethod
    def from_networkx(cls, graph: nx.MultiDiGraph) -> Circuit:
        """Read a circuit from a networkx graph; the inverse of `to_networkx`.

        The claims are read from the attribute ``evidence``. Flat attributes may be missing, but may not say otherwise;
        attributes that are not jackfield's, such as a layout's coordinates, are passed over.

        Raises
        ------
        CircuitError
            If the graph is not a directed multigraph, states no schema that can be read, has an edge twice, or has an
            attribute that is not valid or disagrees with the evidence; the message names the node or edge.
        """
        if not (graph.is_directed() and graph.is_multigraph()):
            raise CircuitError(f"a circuit is a directed multigraph, found a {type(graph).__name__}")
        runs = read_runs(graph.graph)
        nodes = [read_node(node_id, found) for node_id, found in graph.nodes(data=True)]
        edges: dict[str, Edge] = {}
        for source, target, found in graph.edges(data=True):
            edge = read_edge(source, target, found)
            if edges.setdefault(edge.name, edge) is not edge:
                raise CircuitError(f"the graph has the edge {edge} twice")
        return cls(nodes, edges.values(), runs)


def _pool(elements: Iterable[E], kind: type[E]) -> list[E]:
    pooled: dict[str, E] = {}
    for element in elements:
        if not isinstance(element, kind):
            raise CircuitError(f"a {kind.__name__} is needed, found {element!r}")
        known = pooled.setdefault(str(element), element)
        if known is not element and known.evidence != element.evidence:
            pooled[str(element)] = known.claiming(element.evidence)
    return sorted(pooled.values(), key=lambda element: element.sort_key)


def _unknown(noun: str, name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=3) or known[:3]
    hint = (
        f"; it has {', '.join(map(repr, close))}" + (" and others" if len(known) > len(close) else "") if known else ""
    )
    return f"the circuit has no {noun} {name!r}{hint}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
