"""The version of the file schema, which every file states and every reader checks."""

from __future__ import annotations

from jackfield_circuits.errors import CircuitError

__all__ = ["SCHEMA", "check_schema"]

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
