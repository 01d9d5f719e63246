"""What a report tells of one result: its sentences, its strongest rows, its pictures and its claims."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from jackfield.visible import visible

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from jackfield.results import AnalysisResult
    from jackfield.statistics import Estimate
    from jackfield_circuits import Circuit

__all__ = ["Chapter", "Picture", "Table"]

_CSS_PIXELS = 96
_SCALE = 2
_MOST_ROWS = 12


@dataclass(frozen=True)
class Picture:
    """A figure as PNG, at twice the pixels of the ``width`` that it is shown at."""

    title: str
    png: bytes
    width: int

    @classmethod
    def of(cls, title: str, figure: Figure) -> Self:
        content = io.BytesIO()
        figure.savefig(content, format="png", dpi=_CSS_PIXELS * _SCALE, metadata={"Software": None})
        return cls(visible(title), content.getvalue(), round(figure.get_figwidth() * _CSS_PIXELS))


@dataclass(frozen=True)
class Table:
    """The first of ``length`` rows as text; ``numeric`` says which columns hold numbers."""

    columns: tuple[str, ...]
    numeric: tuple[bool, ...]
    rows: tuple[tuple[str, ...], ...]
    length: int

    @classmethod
    def of(cls, result: AnalysisResult) -> Self:
        frame = result.to_frame()
        columns = list(frame.columns)
        rows = [tuple(map(_cell, row)) for row in frame.head(_MOST_ROWS).itertuples(index=False, name=None)]
        numeric = [frame[column].dtype.kind in "fiu" for column in columns]
        return cls(tuple(visible(str(name)) for name in columns), tuple(numeric), tuple(rows), len(frame))


@dataclass(frozen=True)
class Chapter:
    """One result, ready to be told.

    Parameters
    ----------
    summary
        What was found, in sentences.
    baselines, controls
        As the result has them.
    table, pictures
        The strongest rows, and every figure.
    circuit
        The result as nodes and edges with evidence.
    claims, findings
        How many claims the circuit holds, and how many of them are findings.
    """

    summary: tuple[str, ...]
    baselines: Mapping[str, Estimate]
    controls: Mapping[str, str]
    table: Table
    pictures: tuple[Picture, ...]
    circuit: Circuit
    claims: int
    findings: int

    @classmethod
    def of(cls, result: AnalysisResult) -> Self:
        """Ask a result for everything that it can tell; whatever it raises passes through."""
        circuit = result.to_circuit()
        claims = [claim for element in (*circuit.nodes, *circuit.edges) for claim in element.evidence]
        return cls(
            tuple(map(visible, result.summary())),
            result.baselines,
            result.controls,
            Table.of(result),
            tuple(Picture.of(title, figure) for title, figure in result.plot().items()),
            circuit,
            len(claims),
            sum(claim.is_finding() for claim in claims),
        )


def _cell(value: object) -> str:
    """A cell of a table: three digits of a number, words for truth values, nothing for what is missing."""
    if value is None:
        return ""
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.3g}"
    return visible(str(value))
