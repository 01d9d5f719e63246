"""Linked featurisers: one basis whose disjoint blocks of features stand for several variables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.utils import parametrize

from jackfield.errors import ConfigError
from jackfield_plugins.causal_alignment.bases import Basis
from jackfield_plugins.causal_alignment.featuriser import Featuriser
from jackfield_plugins.causal_alignment.gates import Chosen, Gate

__all__ = ["Blocks", "Linked"]


class Blocks(Gate):
    """Disjoint blocks of features, one for each variable, in order.

    Parameters
    ----------
    features
        How many features there are.
    sizes
        Variables and how many features each gets.

    Raises
    ------
    ConfigError
        If there are fewer features than blocks need, or a block is empty.
    """

    def __init__(self, features: int, sizes: Mapping[str, int]) -> None:
        super().__init__()
        if min(sizes.values(), default=0) < 1 or sum(sizes.values()) > features:
            asked = ", ".join(f"{name}: {size}" for name, size in sizes.items()) or "none"
            raise ConfigError(
                f"blocks of at least one feature were asked for ({asked}), and there are {features} in all"
            )
        gate = torch.zeros(len(sizes), features)
        for row, end, size in zip(gate, accumulate(sizes.values()), sizes.values(), strict=True):
            row[end - size : end] = 1.0
        self.register_buffer("_gate", gate)

    def soft(self, progress: float) -> Float[Tensor, "variable feature"]:  # noqa: ARG002
        return self.hard()

    def hard(self) -> Float[Tensor, "variable feature"]:
        found: Tensor = self._gate  # type: ignore[assignment]
        return found


class Linked(Featuriser):
    """Interchanges several variables at once, each from a source of its own, by blocks of one basis.

    A variable that is to stay has the base as its source.

    Parameters
    ----------
    basis
        How the activation is spelled; a rotation that is learned for all variables together.
    sizes
        Variables and how many features each gets, in the order of the basis.

    Raises
    ------
    ConfigError
        If the basis has fewer features than the variables need.

    Examples
    --------
    >>> from jackfield_plugins.causal_alignment.bases import Standard
    >>> linked = Linked(Standard(3), {"A": 1, "B": 2})
    >>> linked.swap(torch.zeros(1, 3), torch.tensor([[[1.0, 1, 1], [2, 2, 2]]])).tolist()
    [[1.0, 2.0, 2.0]]
    """

    def __init__(self, basis: Basis, sizes: Mapping[str, int]) -> None:
        super().__init__(basis, Blocks(basis.features, sizes))
        self.variables: Sequence[str] = tuple(sizes)

    def swap(
        self,
        base: Float[Tensor, "row d_model"],
        source: Float[Tensor, "row variable d_model"],
        gate: Float[Tensor, "variable feature"] | None = None,
    ) -> Float[Tensor, "row d_model"]:
        """The base's activation with each variable's features from its own source."""
        taken = self.gate.hard() if gate is None else gate
        with parametrize.cached():
            features, error = self.basis.spell(base)
            others = self.basis.spell(source.flatten(0, 1))[0].view(*source.shape[:2], -1)
            moved = ((others - features[:, None]) * taken.to(features.dtype)).sum(1)
            swapped: Tensor = self.basis.unspell(features + moved, error)
        return swapped

    def alone(self, variable: str) -> Featuriser:
        """The featuriser of one variable, which shares the basis.

        Raises
        ------
        ConfigError
            If no block stands for the variable.
        """
        if variable not in self.variables:
            raise ConfigError(f"no block stands for {variable!r}; blocks stand for {', '.join(self.variables)}")
        block = self.gate.hard()[self.variables.index(variable)]
        return Featuriser(self.basis, Chosen(len(block), block.nonzero().flatten().tolist()))
