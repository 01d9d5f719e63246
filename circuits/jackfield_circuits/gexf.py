"""Circuits as GEXF, the format of Gephi: written only, to be drawn."""

from __future__ import annotations

from pathlib import Path

from networkx.readwrite.gexf import GEXFWriter

from jackfield_circuits.circuit import Circuit
from jackfield_circuits.drawable import drawable
from jackfield_circuits.files import write_text

__all__ = ["to_gexf", "write_gexf"]


def to_gexf(circuit: Circuit) -> str:
    """Spell a circuit as a GEXF document.

    Each node has its id as ``label``, each edge its name; the ``weight`` of an edge is the size of its strongest score.
    The evidence and the provenance of the runs are left out. Equal circuits give equal text.

    Examples
    --------
    >>> from jackfield_circuits import Edge
    >>> '<edge source="input" target="m0" id=' in to_gexf(Circuit(edges=[Edge.parse("input->m0")]))
    True
    """
    graph = drawable(circuit)
    for _, _, name, attributes in graph.edges(keys=True, data=True):
        attributes["id"] = name
    writer = GEXFWriter(graph, prettyprint=True, version="1.2draft")
    for child in writer.xml:
        child.attrib.pop("lastmodifieddate", None)  # equal circuits give equal text, today and tomorrow
    return f"<?xml version='1.0' encoding='utf-8'?>\n{writer}"


def write_gexf(circuit: Circuit, path: Path | str) -> None:
    """Write a circuit to a GEXF file, whole or not at all."""
    write_text(Path(path), to_gexf(circuit))
