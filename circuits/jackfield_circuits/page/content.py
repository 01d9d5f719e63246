"""What the page is told of a circuit: tables of numbers and of text that was made harmless to show."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from jackfield_circuits.circuit import Circuit
from jackfield_circuits.evidence import Evidence
from jackfield_circuits.page.layout import Layout
from jackfield_circuits.resolution import Resolution
from jackfield_circuits.visible import visible

__all__ = ["content"]

_NUMBERS = ("score", "low", "high", "control", "control_low", "control_high", "q_value")
_SHARED = ("plugin", "method", "metric", "unit", "position", "control_kind", "level", "n", "run")
_DIGITS = 6


def content(circuit: Circuit, alpha: float, links: Mapping[str, str]) -> dict[str, Any]:
    """The circuit as columns, in JSON's types.

    Nodes and edges are numbered in one series, nodes first, and are known by these numbers: two ids that differ only in
    what cannot be seen stay two nodes. Numbers have six digits; an infinity is the text ``"inf"`` or ``"-inf"``.

    Parameters
    ----------
    circuit
        The circuit.
    alpha
        Largest q-value that counts as significant.
    links
        Where to read more about a run, by its digest.
    """
    nodes, edges = circuit.nodes, circuit.edges
    layout = Layout.of(nodes)
    numbers = {node.id: number for number, node in enumerate(nodes)}
    runs = {digest: number for number, digest in enumerate(circuit.runs)}
    resolutions = circuit.resolutions(alpha)
    claims = [(number, claim) for number, element in enumerate((*nodes, *edges)) for claim in element.evidence]
    shared = {_shared(claim): claim for _, claim in claims}
    sources = {key: number for number, key in enumerate(shared)}
    return {
        "alpha": alpha,
        "bands": [[band.name, band.top, band.bottom] for band in layout.bands],
        "nodes": {
            "id": [visible(node.id) for node in nodes],
            "kind": [node.kind for node in nodes],
            "layer": [node.layer for node in nodes],
            "x": [layout.places[node.id][0] for node in nodes],
            "y": [layout.places[node.id][1] for node in nodes],
        },
        "edges": {
            "source": [numbers[edge.source] for edge in edges],
            "target": [numbers[edge.target] for edge in edges],
            "receiver": [visible(edge.receiver) for edge in edges],
        },
        "verdicts": [_verdict(resolutions.get(str(element), ())) for element in (*nodes, *edges)],
        "runs": [_run(digest, circuit.runs[digest], links.get(digest)) for digest in runs],
        "sources": [_source(claim, runs) for claim in shared.values()],
        "claims": {
            "element": [number for number, _ in claims],
            "source": [sources[_shared(claim)] for _, claim in claims],
            "finding": [int(claim.is_finding(alpha)) for _, claim in claims],
            **{name: [_number(getattr(claim, name)) for _, claim in claims] for name in _NUMBERS},
        },
    }


def _shared(claim: Evidence) -> tuple[object, ...]:
    return tuple(getattr(claim, name) for name in _SHARED)


def _source(claim: Evidence, runs: Mapping[str, int]) -> dict[str, object]:
    """What many claims have in common."""
    said = {name: getattr(claim, name) for name in _SHARED}
    return {name: visible(value) if isinstance(value, str) else value for name, value in said.items()} | {
        "run": runs[claim.run]
    }


def _run(digest: str, told: Mapping[str, Any], link: str | None) -> dict[str, object]:
    model = told.get("model")
    named = {"analysis": told.get("analysis"), "model": model.get("name") if isinstance(model, dict) else model}
    named |= {field: told.get(field) for field in ("task", "seed")}
    return {
        "digest": visible(digest),
        "told": [[field, visible(str(value))] for field, value in named.items() if value is not None],
        "link": link,
    }


def _verdict(resolutions: Sequence[Resolution]) -> str:
    """What the claims say together: a conflict about one metric or position is a conflict."""
    found = {resolution.verdict for resolution in resolutions}
    return next((verdict for verdict in ("conflict", "supported", "undecided") if verdict in found), "")


def _number(value: float | None) -> float | str | None:
    if value is None:
        return None
    return float(f"{value:.{_DIGITS}g}") if math.isfinite(value) else str(value)
