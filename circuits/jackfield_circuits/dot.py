"""Circuits in the language of Graphviz: written only, to be drawn layer by layer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

from jackfield_circuits.circuit import Circuit
from jackfield_circuits.drawable import weight
from jackfield_circuits.edge import Edge
from jackfield_circuits.element import Element
from jackfield_circuits.escape import escape
from jackfield_circuits.files import write_text

__all__ = ["to_dot", "write_dot"]

_POSITIVE, _NEGATIVE, _UNCLAIMED = "#2166ac", "#b2182b", "#888888"
_THINNEST, _THICKEST = 0.5, 5.0


def to_dot(circuit: Circuit) -> str:
    """Spell a circuit as a Graphviz graph, the input below and the logits above.

    Blue is a positive strongest score, red a negative one; what is no finding is dashed. The width of an edge grows
    with the size of its score, and its tooltip gives method, score and interval. Nothing else of the evidence is
    written.

    Examples
    --------
    >>> print(to_dot(Circuit(edges=[Edge.parse("input->m0")])))
    digraph circuit {
      rankdir=BT;
      node [shape=box, style=rounded];
      { rank=same; "input" [label="input", color="#888888", style="rounded,dashed"]; }
      { rank=same; "m0" [label="m0", color="#888888", style="rounded,dashed"]; }
      "input" -> "m0" [tooltip="input-&gt;m0", color="#888888", style="dashed", penwidth=0.5];
    }
    <BLANKLINE>
    """
    heaviest = max((found for edge in circuit.edges if (found := weight(edge))), default=1.0)
    lines = ["digraph circuit {", "  rankdir=BT;", "  node [shape=box, style=rounded];"]
    for _, nodes in groupby(circuit.nodes, key=lambda node: node.place.block):
        lines.append(f"  {{ rank=same; {' '.join(_nodes(nodes))} }}")
    lines += [_edge(edge, heaviest) for edge in circuit.edges]
    return "\n".join((*lines, "}", ""))


def write_dot(circuit: Circuit, path: Path | str) -> None:
    """Write a circuit to a Graphviz file, whole or not at all."""
    write_text(Path(path), to_dot(circuit))


def _nodes(nodes: Iterable[Element]) -> Iterator[str]:
    for node in nodes:
        colour, dashes = _look(node)
        style = f"rounded,{dashes}" if dashes == "dashed" else "rounded"
        name = _quoted(str(node))
        yield f"{name} [label={name}, color={_quoted(colour)}, style={_quoted(style)}];"


def _edge(edge: Edge, heaviest: float) -> str:
    colour, dashes = _look(edge)
    share = min((weight(edge) or 0.0) / heaviest, 1.0)
    width = _THINNEST + (_THICKEST - _THINNEST) * share
    looks = f"tooltip={_quoted(_told(edge))}, color={_quoted(colour)}, style={_quoted(dashes)}, penwidth={width:.3g}"
    receiver = f", headlabel={_quoted(edge.receiver)}" if edge.receiver else ""
    return f"  {_quoted(edge.source)} -> {_quoted(edge.target)} [{looks}{receiver}];"


def _look(element: Element) -> tuple[str, str]:
    strongest = element.strongest()
    if strongest is None:
        return _UNCLAIMED, "dashed"
    return _POSITIVE if strongest.score >= 0 else _NEGATIVE, "solid" if strongest.is_finding() else "dashed"


def _told(edge: Edge) -> str:
    claim = edge.strongest()
    if claim is None:
        return edge.name
    interval = "" if claim.low is None else f" [{claim.low:.4g}, {claim.high:.4g}]"
    return (
        f"{edge.name}: {claim.plugin}, {claim.method}, {claim.metric} {claim.score:.4g}{interval} {claim.unit}".rstrip()
    )


def _quoted(text: str) -> str:
    """A text as a quoted string, which Graphviz shows as it is: it decodes references and takes no escape."""
    references: dict[str, str | int | None] = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\\": "&#92;"}
    return '"' + escape(text).translate(str.maketrans(references)) + '"'
