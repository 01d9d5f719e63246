"""Circuits as the graphs of EAP-IG: its JSON, written for its tools, and read with what the file does not say."""

from __future__ import annotations

import hashlib
import math
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from jackfield_circuits import strict_json
from jackfield_circuits.circuit import Circuit
from jackfield_circuits.edge import Edge
from jackfield_circuits.element import Element
from jackfield_circuits.errors import CircuitError, CircuitFileError
from jackfield_circuits.evidence import Evidence
from jackfield_circuits.files import read_text, write_text
from jackfield_circuits.node import Node
from jackfield_circuits.record import ForeignRecord
from jackfield_circuits.shape import Shape

__all__ = ["eap_ig_part", "from_eap_ig", "read_eap_ig", "to_eap_ig", "write_eap_ig"]

_ENDS = ("input", "logits")

Count = Annotated[int, Field(strict=True, ge=1, le=99_999)]


class _Config(ForeignRecord):
    n_layers: Count
    n_heads: Count
    parallel_attn_mlp: Annotated[bool, Field(strict=True)] = False
    d_model: Annotated[int, Field(strict=True, ge=0)] = 0


class _Node(ForeignRecord):
    score: Annotated[float | None, Field(strict=True)] = None
    in_graph: Annotated[bool, Field(strict=True)] = False

    @property
    def known_score(self) -> float | None:
        """The score, or ``None`` where EAP-IG has none, which it writes as NaN."""
        return None if self.score is None or math.isnan(self.score) else self.score


class _Edge(ForeignRecord):
    score: Annotated[float, Field(strict=True)]
    in_graph: Annotated[bool, Field(strict=True)]


class _Document(ForeignRecord):
    cfg: _Config
    nodes: dict[str, _Node]
    edges: dict[str, _Edge]


def eap_ig_part(circuit: Circuit) -> Circuit:
    """The part of a circuit that a graph of EAP-IG has words for.

    These are the input, heads, MLPs and the logits, and edges between them that name a receiver exactly where their
    target is a head.

    Examples
    --------
    >>> whole = Circuit([Node(id="resid_pre.1")], [Edge.parse("m0->logits")])
    >>> eap_ig_part(whole)
    Circuit(2 nodes, 1 edge)
    """
    nodes = {node.id for node in circuit.nodes if _is_known(node.id)}
    edges = [edge for edge in circuit.edges if {*edge.ends} <= nodes and _joins(edge)]
    return Circuit([node for node in circuit.nodes if node.id in nodes], edges, circuit.runs)


def to_eap_ig(circuit: Circuit, shape: Shape | None = None, d_model: int = 0) -> str:
    """Spell a circuit as the JSON that ``Graph.from_json`` of EAP-IG reads.

    An edge has the strongest finite score as its score, or 0, and is in the graph if it is a finding. A node about
    which something is claimed has such a score too, and is in the graph if it is a finding or one of its edges is. All
    else that is claimed, and the provenance of the runs, is left out.

    Parameters
    ----------
    circuit
        Of nodes and edges that EAP-IG knows, see `eap_ig_part`.
    shape
        Layers and heads of the model; unless given, the smallest that holds the circuit, which EAP-IG's tools cannot
        use with a model that is larger.
    d_model
        Width of the model; EAP-IG uses it for neurons only.

    Raises
    ------
    CircuitError
        If EAP-IG has no word for a node or edge, or if the model of this shape has no such edge.
    """
    part = eap_ig_part(circuit)
    strangers = {*map(str, circuit.nodes), *map(str, circuit.edges)} - {*map(str, part.nodes), *map(str, part.edges)}
    if strangers:
        raise CircuitError(
            f"EAP-IG has no word for {len(strangers)} nodes and edges of the circuit, such as {min(strangers)!r}; it "
            "knows input, a0.h1, m0 and logits; leave the others out (eap_ig_part, or --fit on the command line)"
        )
    shape = shape or _smallest(circuit)
    for node in circuit.nodes:
        _require_node(node.id, shape)
    for edge in circuit.edges:
        _require_edge(edge, shape)
    chosen = {end for edge in circuit.edges if edge.is_finding() for end in edge.ends}
    chosen |= {"logits", *(node.id for node in circuit.nodes if node.is_finding())}
    nodes = {name: {"in_graph": name in chosen} for name in ("input", *(node.id for node in circuit.nodes), "logits")}
    scored = {node.id: {**nodes[node.id], "score": _score(node)} for node in circuit.nodes if node.evidence}
    document = {
        "cfg": {
            "n_layers": shape.layers,
            "n_heads": shape.heads,
            "parallel_attn_mlp": shape.parallel,
            "d_model": d_model,
        },
        "nodes": nodes | scored,
        "edges": {edge.name: {"score": _score(edge), "in_graph": edge.is_finding()} for edge in circuit.edges},
    }
    return strict_json.spell(document) + "\n"


def from_eap_ig(text: str, *, prompts: int, metric: str, unit: str = "", method: str = "EAP-IG") -> Circuit:
    """Read a circuit from the JSON that ``Graph.to_json`` of EAP-IG writes.

    The file gives scores and says neither what they measure nor on how many prompts, so this has to be told. Its scores
    have no interval, control or q-value, so none of the claims is a finding, whether or not its edge is in the graph.

    Parameters
    ----------
    text
        The JSON.
    prompts
        Number of prompts that the scores are computed from.
    metric, unit
        What the scores measure, and in which unit.
    method
        What was done.

    Returns
    -------
    Circuit
        Every edge, and every node that has one, with its score, claimed by ``eap_ig``; the method says which are in the
        graph. Scores of neurons are passed over. The run, whose digest is made from the file, keeps the configuration.

    Raises
    ------
    CircuitFileError
        If the text is not such JSON, or names a node or an edge that a model of its configuration does not have.
    """
    try:
        document = _Document(**_object(strict_json.parse_numbers(text)))
        shape = Shape(document.cfg.n_layers, document.cfg.n_heads, document.cfg.parallel_attn_mlp)
        digest = hashlib.sha256("\x00".join((text, str(prompts), metric, unit, method)).encode()).hexdigest()[:16]
        told: dict[str, Any] = {"metric": metric, "unit": unit, "n": prompts, "run": digest}

        def claims(score: float | None, in_graph: bool) -> tuple[Evidence, ...]:
            done = f"{method}, in the graph" if in_graph else method
            return () if score is None else (Evidence(plugin="eap_ig", method=done, score=score, **told),)

        edges = [Edge.parse(name, claims(found.score, found.in_graph)) for name, found in document.edges.items()]
        nodes = [
            Node(id=name, evidence=claims(found.known_score, found.in_graph)) for name, found in document.nodes.items()
        ]
        for edge in edges:
            _require_edge(edge, shape)
        for node in nodes:
            _require_node(node.id, shape)
        run = {"imported_from": "EAP-IG", "cfg": document.cfg.model_dump(), "prompts": prompts, "method": method}
        return Circuit(nodes, edges, {digest: run | {"metric": metric, "unit": unit}})
    except ValueError as error:
        raise CircuitFileError(f"the text is not JSON, or not all of it: {error}") from error
    except CircuitFileError:
        raise
    except CircuitError as error:
        raise CircuitFileError(f"this is no graph of EAP-IG: {error}") from error


def write_eap_ig(circuit: Circuit, path: Path | str, shape: Shape | None = None, d_model: int = 0) -> None:
    """Write a circuit to a file for EAP-IG, whole or not at all; see `to_eap_ig`."""
    write_text(Path(path), to_eap_ig(circuit, shape, d_model))


def read_eap_ig(path: Path | str, *, prompts: int, metric: str, unit: str = "", method: str = "EAP-IG") -> Circuit:
    """Read a circuit from a file of EAP-IG.

    Raises
    ------
    CircuitFileError
        If the file cannot be opened, or for the reasons of `from_eap_ig`; the message names the file.
    """
    try:
        return from_eap_ig(read_text(Path(path)), prompts=prompts, metric=metric, unit=unit, method=method)
    except CircuitFileError as error:
        raise CircuitFileError(f"{path}: {error}") from error


def _object(found: object) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise CircuitError("it is an object with the members cfg, nodes and edges")
    return found


def _is_known(node_id: str) -> bool:
    node = Node(id=node_id)
    spelled = {"head": f"a{node.layer}.h{node.head}", "mlp": f"m{node.layer}"}
    return node_id in _ENDS or node_id == spelled.get(node.kind)


def _joins(edge: Edge) -> bool:
    to_head = Node(id=edge.target).kind == "head"
    return (
        edge.receiver in (("q", "k", "v") if to_head else ("",)) and edge.source != "logits" and edge.target != "input"
    )


def _require_node(node_id: str, shape: Shape) -> None:
    node = Node(id=node_id)
    if not _is_known(node_id) or (node.layer or 0) >= shape.layers or (node.head or 0) >= shape.heads:
        raise CircuitError(f"a model of {shape.layers} layers and {shape.heads} heads has no node {node_id!r}")


def _require_edge(edge: Edge, shape: Shape) -> None:
    for end in edge.ends:
        _require_node(end, shape)
    if not _joins(edge) or not _flows(Node(id=edge.source), Node(id=edge.target), shape.parallel):
        raise CircuitError(f"a graph of EAP-IG has no edge {edge.name!r}")


def _flows(source: Node, target: Node, parallel: bool) -> bool:
    if source.id == "input" or target.id == "logits":
        return source.id != target.id
    if source.layer != target.layer:
        return (source.layer or 0) < (target.layer or 0)
    return not parallel and (source.kind, target.kind) == ("head", "mlp")


def _smallest(circuit: Circuit) -> Shape:
    layers = max((node.layer for node in circuit.nodes if node.layer is not None), default=0)
    heads = max((node.head for node in circuit.nodes if node.head is not None), default=0)
    return Shape(layers + 1, heads + 1)


def _score(element: Element) -> float:
    finite = [claim for claim in element.evidence if not math.isinf(claim.score)]
    strongest = Element(evidence=tuple(finite)).strongest()
    return strongest.score if strongest else 0.0
