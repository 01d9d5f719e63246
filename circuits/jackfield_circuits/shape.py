"""Shapes: how many nodes and edges a transformer's graph can have."""

from __future__ import annotations

import re
from dataclasses import dataclass

from jackfield_circuits.errors import CircuitError

__all__ = ["Shape"]

_SPELLING = re.compile(r"([1-9][0-9]{0,4})x([1-9][0-9]{0,4})")


@dataclass(frozen=True)
class Shape:
    """Layers and heads of a decoder in which every layer has attention heads and one MLP.

    Parameters
    ----------
    layers, heads
        Number of layers, and of attention heads in each.
    parallel
        Whether a layer's MLP reads the same stream as its heads, and so nothing of what they write.

    Raises
    ------
    CircuitError
        If there is not at least one of each.

    Examples
    --------
    >>> Shape.parse("12x12").edges
    32491
    """

    layers: int
    heads: int
    parallel: bool = False

    def __post_init__(self) -> None:
        if self.layers < 1 or self.heads < 1:
            raise CircuitError(f"a shape has at least one layer and one head, found {self.layers} and {self.heads}")

    @classmethod
    def parse(cls, text: str) -> Shape:
        """Read a shape spelled like ``12x12``: layers, then heads.

        Raises
        ------
        CircuitError
            If it is spelled otherwise.
        """
        match = _SPELLING.fullmatch(text)
        if not match:
            raise CircuitError(f"a shape is spelled LAYERSxHEADS, such as 12x12, found {text!r}")
        return cls(int(match[1]), int(match[2]))

    @property
    def nodes(self) -> int:
        """Number of nodes: the input, every head and MLP, the logits."""
        return self.layers * (self.heads + 1) + 2

    @property
    def edges(self) -> int:
        """Number of edges; each head reads every earlier node three times, for queries, keys and values."""
        before = [1 + layer * (self.heads + 1) for layer in range(self.layers)]
        of_heads = sum(3 * self.heads * earlier for earlier in before)
        of_mlps = sum(earlier + (0 if self.parallel else self.heads) for earlier in before)
        return of_heads + of_mlps + self.nodes - 1
