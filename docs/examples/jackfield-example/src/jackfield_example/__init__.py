"""Head roles: which attention heads do one of four simple things, and how surely; a jackfield plugin."""

from __future__ import annotations

from jackfield import hookimpl

__all__ = ["register_analyses"]


@hookimpl
def register_analyses():
    from jackfield_example.head_roles import HeadRoles

    return [HeadRoles]
