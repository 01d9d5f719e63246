"""The version of the file schema, which every file states and every reader checks, and the schema itself."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

from jackfield_circuits.errors import CircuitError

__all__ = ["SCHEMA", "check_schema", "json_schema"]

SCHEMA = 1


def check_schema(found: object) -> None:
    """Refuse what is not this version's schema.

    Raises
    ------
    CircuitError
        If no schema is stated, if it is newer, or if it is no schema at all.
    """
    if found is None:
        raise CircuitError("there is no attribute jackfield_schema on the graph, so this is no circuit of jackfield's")
    if isinstance(found, bool) or not isinstance(found, int) or found < 1:
        raise CircuitError(f"jackfield_schema is a whole number from 1, found {found!r}")
    if found > SCHEMA:
        raise CircuitError(
            f"the circuit has schema {found}, and this version of jackfield reads schemas up to {SCHEMA}; "
            "upgrade jackfield to read it"
        )


def json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of `to_json`'s documents, a fresh copy.

    What it cannot say, the reader checks: that no node or edge is given twice, that every claim's run is among the
    runs, that the ends of an interval are in order, and that an edge's name reads back as that edge.

    Examples
    --------
    >>> json_schema()["title"]
    'A circuit of jackfield, schema 1'
    """
    text = files("jackfield_circuits").joinpath(f"circuit-{SCHEMA}.schema.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found
