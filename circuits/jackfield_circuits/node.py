"""Nodes: places in the network that something is claimed about."""

from __future__ import annotations

from pydantic import field_validator

from jackfield_circuits.element import Element
from jackfield_circuits.place import Place
from jackfield_circuits.record import Label

__all__ = ["ARROW", "Node", "require_node_id"]

ARROW = "->"
"""Stands between the ends of an edge's name, and so never in a node's id."""


def require_node_id(text: str) -> str:
    """The text, or ``ValueError`` if an edge's name could not tell where it ends."""
    if ARROW in text:
        raise ValueError(f"a node's id holds no {ARROW}, which joins the ends of an edge")
    return text


class Node(Element):
    """A node of the circuit.

    Parameters
    ----------
    id
        The node's name, in the convention of EAP-IG: ``input``, ``a5.h1``, ``m3``, ``logits``. Sites such as
        ``resid_pre.4`` and parts such as ``m3.n17`` or ``sae:resid_post.4.f912`` are understood too; any other text is
        kept as it is. It is not empty and holds no ``->``.
    evidence
        What is claimed about the node.

    Raises
    ------
    CircuitError
        If the id cannot name a node.

    Examples
    --------
    >>> node = Node(id="a5.h1")
    >>> node.kind, node.layer, node.head
    ('head', 5, 1)
    """

    id: Label

    @field_validator("id")
    @classmethod
    def _is_no_edge(cls, node_id: str) -> str:
        return require_node_id(node_id)

    def __str__(self) -> str:
        return self.id

    @property
    def place(self) -> Place:
        return Place.of(self.id)

    @property
    def kind(self) -> str:
        return self.place.kind

    @property
    def layer(self) -> int | None:
        return self.place.layer

    @property
    def head(self) -> int | None:
        return self.place.head

    @property
    def sort_key(self) -> tuple[tuple[int, int, int], tuple[int, int], str]:
        """Key of the canonical order: input, layer by layer in the order of computation, other ids, logits."""
        return self.place.block, self.place.index, self.id
