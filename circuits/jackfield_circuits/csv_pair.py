"""Circuits as two tables, of nodes and of edges, for spreadsheets, R and pandas: written only."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from jackfield_circuits.circuit import Circuit
from jackfield_circuits.element import Element
from jackfield_circuits.escape import escape
from jackfield_circuits.files import write_atomically, write_text

__all__ = ["to_csv", "write_csv"]

_CLAIM = (
    "plugin", "method", "metric", "unit", "position", "score", "low", "high", "level", "n", "control", "control_low",
    "control_high", "control_kind", "p_value", "q_value", "run",
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@")


def to_csv(circuit: Circuit) -> tuple[str, str]:
    """Spell a circuit as two tables, one row for each claim.

    What nothing is claimed about has one row without a claim. The provenance of the runs is left out. Control
    characters and backslashes are spelled ``\\uXXXX``, and a text that a spreadsheet would take for a formula
    begins with ``'``.

    Returns
    -------
    tuple of str
        The table of nodes and the table of edges.

    Examples
    --------
    >>> from jackfield_circuits import Edge
    >>> nodes, edges = to_csv(Circuit(edges=[Edge.parse("input->a0.h1<q>")]))
    >>> nodes.splitlines()[2].split(",")[:4]
    ['a0.h1', 'head', '0', '1']
    >>> edges.splitlines()[1].split(",")[:4]
    ['input', 'a0.h1', 'q', 'input->a0.h1<q>']
    """
    nodes = _table(
        ("id", "kind", "layer", "head"),
        ((node, (node.id, node.kind, node.layer, node.head)) for node in circuit.nodes),
    )
    edges = _table(
        ("source", "target", "receiver", "name"),
        ((edge, (edge.source, edge.target, edge.receiver, edge.name)) for edge in circuit.edges),
    )
    return nodes, edges


def write_csv(circuit: Circuit, path: Path | str) -> None:
    """Write a circuit to two files, both or neither: for ``ioi.csv``, ``ioi.nodes.csv`` and ``ioi.edges.csv``."""
    path = Path(path)
    nodes, edges = to_csv(circuit)

    def write_both(temporary: Path) -> None:
        temporary.write_bytes(edges.encode("utf-8"))
        write_text(path.with_suffix(".nodes.csv"), nodes)

    write_atomically(path.with_suffix(".edges.csv"), write_both)


def _table(head: Sequence[str], rows: Iterable[tuple[Element, Sequence[str | int | None]]]) -> str:
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow((*head, "finding", *_CLAIM))
    for element, place in rows:
        for claim in element.evidence:
            said = (getattr(claim, name) for name in _CLAIM)
            writer.writerow([_cell(value) for value in (*place, claim.is_finding(), *said)])
        if not element.evidence:
            writer.writerow([_cell(value) for value in (*place, False, *[None] * len(_CLAIM))])
    return table.getvalue()


def _cell(value: str | float | None) -> str | float:
    if not isinstance(value, str):
        return "" if value is None else value
    return ("'" if value.startswith(_FORMULA) else "") + escape(value)
