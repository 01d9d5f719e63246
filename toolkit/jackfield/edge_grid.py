"""All edges of a model as one matrix, senders by receivers, in the order of EAP-IG."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Bool, Float
from numpy.typing import NDArray
from torch import Tensor

from jackfield.edges import Wire, senders, wires
from jackfield.errors import SiteError
from jackfield.sites import Kind, Site
from jackfield.wiring import ModelShape

__all__ = ["HEAD_INPUTS", "EdgeGrid"]

HEAD_INPUTS = (Kind.Q_INPUT, Kind.K_INPUT, Kind.V_INPUT)
"""The three inputs of a head, in the order in which EAP-IG counts them."""


@dataclass(frozen=True)
class EdgeGrid:
    """The edges of a model as cells of a matrix ``[sender, receiver]``, and as a list in a circuit's order.

    Senders count ``input``, then each layer's heads and its MLP. Receivers count each layer's queries, keys and values,
    head by head, and its MLP, then ``logits``. Without grouped queries that is the order of EAP-IG, number for number;
    with them, keys and values count key/value heads, since a group reads the stream once.

    Parameters
    ----------
    shape
        The model's sizes.

    Examples
    --------
    >>> grid = EdgeGrid(ModelShape(12, 12, 12, 768, 64, 50257, 1024))
    >>> grid.size, len(grid.senders), len(grid.receivers)
    (32491, 157, 445)
    >>> grid.names[0], grid.row(Site.parse("a1.h2")), grid.column(Site.parse("a1.h2<k>"))
    ('input->a0.h0<q>', 16, 51)
    """

    shape: ModelShape

    @cached_property
    def senders(self) -> tuple[Site, ...]:
        """The nodes that write to the residual stream, by row."""
        return senders(self.shape)

    @cached_property
    def receivers(self) -> tuple[Site, ...]:
        """The inputs that read it, by column."""
        layers = range(self.shape.n_layers)
        return (*(site for layer in layers for site in self._layer(layer)), Site(Kind.LOGITS))

    def _layer(self, layer: int) -> Iterator[Site]:
        for kind in HEAD_INPUTS:
            yield from (Site(kind, layer, head) for head in range(self.shape.heads_of(kind)))
        yield Site(Kind.MLP_IN, layer)

    @cached_property
    def wires(self) -> tuple[Wire, ...]:
        """Every edge, in the canonical order of a circuit."""
        return wires(self.shape)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The name of every edge, in the order of ``wires``."""
        return tuple(wire.name for wire in self.wires)

    @property
    def size(self) -> int:
        """How many edges there are."""
        return len(self.wires)

    @cached_property
    def _rows(self) -> dict[Site, int]:
        return {site: index for index, site in enumerate(self.senders)}

    @cached_property
    def _columns(self) -> dict[Site, int]:
        return {site: index for index, site in enumerate(self.receivers)}

    @cached_property
    def _places(self) -> dict[str, int]:
        return {name: index for index, name in enumerate(self.names)}

    def row(self, sender: Site) -> int:
        """The row of a sender."""
        return self._rows[sender]

    def column(self, receiver: Site) -> int:
        """The column of a receiver."""
        return self._columns[receiver]

    @cached_property
    def cells(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The rows and the columns of all edges, in the order of ``wires``."""
        rows = np.array([self._rows[wire.source] for wire in self.wires])
        columns = np.array([self._columns[wire.target] for wire in self.wires])
        return rows, columns

    @cached_property
    def owners(self) -> NDArray[np.bool_]:
        """Which nodes each receiver is an input of, ``[receiver, sender]``; none for ``logits``.

        Keys and values of grouped queries are inputs of all heads of the group.
        """
        shape = self.shape
        found = np.zeros((len(self.receivers), len(self.senders)), dtype=bool)
        for column, site in enumerate(self.receivers[:-1]):
            first = self.read_before(site.layer or 0)
            if site.head is None:
                found[column, first + shape.n_heads] = True
            else:
                group = shape.n_heads // shape.heads_of(site.kind)
                found[column, first + site.head * group : first + (site.head + 1) * group] = True
        return found

    def read_before(self, layer: int) -> int:
        """How many senders write before a layer reads: the first rows."""
        return 1 + layer * (self.shape.n_heads + 1)

    def fed(self, receiver: Site) -> int:
        """How many senders, the first rows, feed a receiver."""
        if receiver.kind is Kind.LOGITS or receiver.layer is None:
            return len(self.senders)
        among = self.shape.n_heads if receiver.kind is Kind.MLP_IN and not self.shape.parallel_blocks else 0
        return self.read_before(receiver.layer) + among

    def columns_of(self, layer: int) -> slice:
        """The columns of a layer's head inputs: queries, keys, values."""
        start = self.column(Site(Kind.Q_INPUT, layer, 0))
        return slice(start, start + sum(map(self.shape.heads_of, HEAD_INPUTS)))

    def listed(self, matrix: Float[Tensor, "*batch sender receiver"]) -> Float[Tensor, "*batch edge"]:
        """The cells of a matrix that are edges, in the order of ``wires``."""
        rows, columns = map(torch.from_numpy, self.cells)
        return matrix[..., rows.to(matrix.device), columns.to(matrix.device)]

    def matrix(self, chosen: NDArray[np.bool_]) -> Bool[Tensor, "sender receiver"]:
        """Some edges, given by a mask in the order of ``wires``, as a mask of cells."""
        found = torch.zeros(len(self.senders), len(self.receivers), dtype=torch.bool)
        rows, columns = self.cells
        found[rows[chosen], columns[chosen]] = True
        return found

    def mask(self, names: Collection[str]) -> NDArray[np.bool_]:
        """The edges of some names, as a mask in the order of ``wires``.

        Raises
        ------
        SiteError
            If a name is no edge of the model.
        """
        chosen = np.zeros(self.size, dtype=bool)
        for name in names:
            if name not in self._places:
                raise SiteError(f"{name!r} is none of the {self.size} edges of this model; edges are spelled like "
                                f"{self.names[0]} or {self.names[-1]}")  # fmt: skip
            chosen[self._places[name]] = True
        return chosen

    def named(self, chosen: NDArray[np.bool_]) -> Sequence[str]:
        """The names of some edges, given by a mask in the order of ``wires``."""
        return [self.names[index] for index in np.flatnonzero(chosen)]
