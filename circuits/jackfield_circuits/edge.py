"""Edges: one node's output as another node reads it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pydantic import model_validator

from jackfield_circuits.element import Element
from jackfield_circuits.errors import CircuitError
from jackfield_circuits.evidence import Evidence
from jackfield_circuits.node import ARROW, require_node_id
from jackfield_circuits.place import Place
from jackfield_circuits.record import Label, Text

__all__ = ["Edge"]

_NAME = re.compile(rf"(?P<source>.+?){ARROW}(?P<target>.+?)(?:<(?P<receiver>[^<>]+)>)?", re.DOTALL)
_RECEIVERS = ("", "q", "k", "v")


class Edge(Element):
    """An edge of the circuit: what ``target`` reads of ``source``.

    Parameters
    ----------
    source, target
        Ids of the parent and the child node.
    receiver
        Which input of the child reads it: ``q``, ``k`` or ``v`` for an attention head, empty where there is but one.
    evidence
        What is claimed about the edge.

    Raises
    ------
    CircuitError
        If an end cannot name a node, or if the edge's name would be read back as another edge.

    Examples
    --------
    >>> edge = Edge(source="a0.h1", target="a3.h2", receiver="q")
    >>> str(edge)
    'a0.h1->a3.h2<q>'
    >>> Edge.parse("a0.h1->a3.h2<q>") == edge
    True
    """

    source: Label
    target: Label
    receiver: Text = ""

    @model_validator(mode="after")
    def _name_is_readable(self) -> Edge:
        for end in self.ends:
            require_node_id(end)
        if not {"<", ">"}.isdisjoint(self.receiver):
            raise ValueError(f"a receiver holds no angle brackets, found {self.receiver!r}")
        name = self.name
        match = _NAME.fullmatch(name)
        if not match or match.groups("") != (self.source, self.target, self.receiver):
            raise ValueError(
                f"the name {name!r} would be read as another edge; "
                "give what a target ends with in angle brackets as the receiver, without the brackets"
            )
        return self

    @classmethod
    def parse(cls, name: str, evidence: Iterable[Evidence] = ()) -> Edge:
        """Read an edge from its name; the inverse of ``str``.

        Raises
        ------
        CircuitError
            If ``name`` is not spelled ``parent->child`` or ``parent->child<receiver>``.
        """
        match = _NAME.fullmatch(name)
        if not match:
            raise CircuitError(f"{name!r} names no edge; edges are spelled like m3->logits or a0.h1->a3.h2<q>")
        return cls(
            source=match["source"],
            target=match["target"],
            receiver=match["receiver"] or "",
            evidence=tuple(evidence),
        )

    @property
    def name(self) -> str:
        return f"{self.source}{ARROW}{self.target}" + (f"<{self.receiver}>" if self.receiver else "")

    @property
    def ends(self) -> tuple[str, str]:
        """Source and target."""
        return self.source, self.target

    def __str__(self) -> str:
        return self.name

    @property
    def sort_key(self) -> tuple[object, ...]:
        """Key of the canonical order, that of EAP-IG: by the target's block, then source, target, and q before k, v."""
        rank = _RECEIVERS.index(self.receiver) if self.receiver in _RECEIVERS else len(_RECEIVERS)
        source, target = Place.of(self.source), Place.of(self.target)
        return (
            *(target.block, source.block, source.index, self.source),
            *(target.index, self.target, rank, self.receiver),
        )
