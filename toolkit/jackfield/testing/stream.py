"""A residual stream that is divided into named subspaces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from jackfield.errors import ConfigError

__all__ = ["Stream"]


class Stream:
    """Names for the directions of a residual stream, each of length 1 and orthogonal to all others.

    Directions come as rows of a matrix, so that sums of them are directions too. One direction, ``one``, is meant to be
    constant, and what no subspace takes is left for ``waste``.

    Parameters
    ----------
    d_model
        Width of the stream.
    subspaces
        Name -> what its directions are called, in order.

    Raises
    ------
    ConfigError
        If the stream is not wide enough to leave anything for waste.

    Examples
    --------
    >>> stream = Stream(6, {"word": ["red", "blue"], "answer": ["red"]})
    >>> stream("word", "blue").tolist(), stream("word").shape, stream.waste.shape
    ([[0.0, 1.0, 0.0, 0.0, 0.0, 0.0]], torch.Size([2, 6]), torch.Size([2, 6]))
    """

    def __init__(self, d_model: int, subspaces: Mapping[str, Sequence[str]]) -> None:
        self.d_model = d_model
        named = [(name, label) for name, labels in subspaces.items() for label in labels]
        if len(named) + 1 >= d_model:
            raise ConfigError(f"a stream of width {d_model} has no room for {len(named)} directions, one and waste")
        directions = torch.eye(d_model)
        self._rows = dict(zip(named, directions, strict=False))
        self._labels = {name: tuple(labels) for name, labels in subspaces.items()}
        self.one: Float[Tensor, "1 d_model"] = directions[len(named)][None]
        self.waste: Float[Tensor, "direction d_model"] = directions[len(named) + 1 :]

    def __call__(self, subspace: str, *labels: str) -> Float[Tensor, "direction d_model"]:
        """The directions of a subspace that are called so, or all of them.

        Raises
        ------
        ConfigError
            If there is no such direction.
        """
        try:
            return torch.stack([self._rows[subspace, label] for label in labels or self._labels[subspace]])
        except KeyError as error:
            raise ConfigError(f"the stream has no direction {error}; its subspaces are {[*self._labels]}") from error

    def any_of(self, subspace: str, *labels: str) -> Float[Tensor, "1 d_model"]:
        """The sum of some directions of a subspace: what reads it asks whether any of them is there."""
        return self(subspace, *labels).sum(0, keepdim=True)
