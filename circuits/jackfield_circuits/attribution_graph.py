"""Attribution graphs of circuit-tracer and Neuronpedia: read only, because they are about features and one prompt."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from jackfield_circuits import strict_json
from jackfield_circuits.circuit import Circuit
from jackfield_circuits.edge import Edge
from jackfield_circuits.errors import CircuitError, CircuitFileError
from jackfield_circuits.evidence import Evidence
from jackfield_circuits.files import read_text
from jackfield_circuits.node import Node
from jackfield_circuits.record import ForeignRecord, Label, Text

__all__ = ["from_attribution_graph", "read_attribution_graph"]

_ID = re.compile(r"(E|[0-9]{1,9})_(-?[0-9]{1,12})_([0-9]{1,9})")

Number = Annotated[float, Field(strict=True)]


class _Node(ForeignRecord):
    node_id: Label
    feature_type: Label
    influence: Number | None = None
    activation: Number | None = None


class _Link(ForeignRecord):
    source: Label
    target: Label
    weight: Number


class _Metadata(ForeignRecord):
    slug: Text = ""
    scan: Text | list[Text] = ""
    prompt: Text = ""
    prompt_tokens: list[Text] = Field(default_factory=list)


class _Document(ForeignRecord):
    metadata: _Metadata
    nodes: list[_Node]
    links: list[_Link]


class _Spot:
    """A node of the attribution graph as jackfield names it: the id, the token's position, and for logits which one."""

    def __init__(self, node: _Node) -> None:
        match = _ID.fullmatch(node.node_id)
        if not match:
            raise CircuitError(f"a node's node_id is spelled LAYER_INDEX_POSITION, found {node.node_id!r}")
        layer, index, self.position = match.groups()
        self.output = ""
        if node.feature_type == "embedding":
            self.id = "input"
        elif node.feature_type == "logit":
            self.id, self.output = "logits", f" on the logit of token {index}"
        elif node.feature_type == "mlp reconstruction error":
            self.id = f"error:m{layer}"
        else:
            self.id = f"sae:m{layer}.f{index}"


def from_attribution_graph(text: str) -> Circuit:
    """Read a circuit from the JSON of circuit-tracer or Neuronpedia.

    A feature of the transcoder of layer 3 is ``sae:m3.f912``, what the transcoders do not reconstruct ``error:m3``, a
    token ``input`` and an output ``logits``. One feature at several tokens is one node, and each weight is a claim by
    ``circuit_tracer`` whose position is ``4->9``, source's and target's token counted from 0. An influence or
    activation is a claim about the node. None has a control, so none is a finding.

    The prompt and its tokens are kept with the run. Names of features, probabilities of outputs, and what was pinned or
    grouped on the page are left out.

    Parameters
    ----------
    text
        The JSON.

    Raises
    ------
    CircuitFileError
        If the text is not such JSON, a node or a link is given twice, or a link joins nodes that are not there.
    """
    try:
        found = strict_json.parse(text)
        if not isinstance(found, dict):
            raise CircuitError("it is an object with the members metadata, nodes and links")
        document = _Document(**found)
        digest = hashlib.sha256(text.encode()).hexdigest()[:16]
        run = {"imported_from": "circuit-tracer", **document.metadata.model_dump()}
        places = _places(document.nodes)
        return Circuit(_nodes(document.nodes, places, digest), _edges(document.links, places, digest), {digest: run})
    except ValueError as error:
        raise CircuitFileError(f"the text is not JSON, or not all of it: {error}") from error
    except CircuitFileError:
        raise
    except CircuitError as error:
        raise CircuitFileError(f"this is no attribution graph: {error}") from error


def read_attribution_graph(path: Path | str) -> Circuit:
    """Read a circuit from a file of circuit-tracer or Neuronpedia.

    Raises
    ------
    CircuitFileError
        If the file cannot be opened, or for the reasons of `from_attribution_graph`; the message names the file.
    """
    try:
        return from_attribution_graph(read_text(Path(path)))
    except CircuitFileError as error:
        raise CircuitFileError(f"{path}: {error}") from error


def _places(nodes: list[_Node]) -> dict[str, _Spot]:
    places: dict[str, _Spot] = {}
    for node in nodes:
        if node.node_id in places:
            raise CircuitError(f"the node {node.node_id!r} is given twice")
        places[node.node_id] = _Spot(node)
    return places


def _nodes(nodes: list[_Node], places: dict[str, _Spot], run: str) -> Iterator[Node]:
    for node in nodes:
        place = places[node.node_id]
        known = (("influence", node.influence), ("activation", node.activation))
        claims = [
            _claim(f"{metric}{place.output}", score, place.position, run)
            for metric, score in known
            if score is not None
        ]
        yield Node(id=place.id, evidence=tuple(claims))


def _edges(links: list[_Link], places: dict[str, _Spot], run: str) -> Iterator[Edge]:
    seen: set[tuple[str, str]] = set()
    for link in links:
        ends = link.source, link.target
        if missing := [end for end in ends if end not in places]:
            raise CircuitError(f"a link joins {missing[0]!r}, which is no node")
        if ends in seen:
            raise CircuitError(f"the link from {link.source!r} to {link.target!r} is given twice")
        seen.add(ends)
        source, target = (places[end] for end in ends)
        position = f"{source.position}->{target.position}"
        claim = _claim(f"direct effect{target.output}", link.weight, position, run)
        yield Edge(source=source.id, target=target.id, evidence=(claim,))


def _claim(metric: str, score: float, position: str, run: str) -> Evidence:
    told: dict[str, Any] = {"plugin": "circuit_tracer", "method": "attribution graph", "unit": "", "n": 1}
    return Evidence(metric=metric, score=score, position=position, run=run, **told)
