"""Gates: how much of each feature is taken from the source."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from jackfield.errors import ConfigError

__all__ = ["Boundary", "Chosen", "Gate", "Mask"]

_LEAST_BOUNDARY = 1e-3
_SPARSITY = 1e-4


class Gate(nn.Module, ABC):
    """From 0, where a feature stays the base's, to 1, where it becomes the source's; for each of linked variables."""

    cools: ClassVar[bool] = False
    """Whether the soft gate becomes the hard one only at the end of training."""

    @abstractmethod
    def soft(self, progress: float) -> Float[Tensor, "*variable feature"]:
        """The gate in training, of which a share ``progress`` is done; it can be differentiated."""

    @abstractmethod
    def hard(self) -> Float[Tensor, "*variable feature"]:
        """The gate in evaluation: every entry 0 or 1."""

    def penalty(self) -> Tensor | float:
        """What is added to the loss."""
        return 0.0


class Chosen(Gate):
    """Features chosen beforehand.

    Raises
    ------
    ConfigError
        If a feature does not exist.
    """

    def __init__(self, features: int, chosen: Collection[int]) -> None:
        super().__init__()
        if wrong := sorted(index for index in chosen if not 0 <= index < features):
            raise ConfigError(f"features {wrong} were asked for, and there are {features}, counted from 0")
        gate = torch.zeros(features)
        gate[[*chosen]] = 1.0
        self.register_buffer("_gate", gate)

    def soft(self, progress: float) -> Tensor:  # noqa: ARG002
        return self.hard()

    def hard(self) -> Tensor:
        found: Tensor = self._gate  # type: ignore[assignment]
        return found


class Mask(Gate):
    """A learned gate for each feature (desiderata-based masking).

    It is a sigmoid whose temperature falls from 1 to 0.001 over the first half of training; in evaluation a feature is
    taken if its logit is above 0. Logits begin at 0, so an untrained mask takes nothing. Their absolute values are
    penalised as in Mueller et al. (arXiv 2504.13151).
    """

    cools: ClassVar[bool] = True
    _WARM, _COLD = 1.0, 1e-3

    def __init__(self, features: int) -> None:
        super().__init__()
        self._logits = nn.Parameter(torch.zeros(features))

    def soft(self, progress: float) -> Tensor:
        temperature = self._WARM + (self._COLD - self._WARM) * min(1.0, 2 * progress)
        return torch.sigmoid(self._logits / temperature)

    def hard(self) -> Tensor:
        return (self._logits > 0).to(self._logits.dtype)

    def penalty(self) -> Tensor:
        return _SPARSITY * self._logits.abs().sum()


class Boundary(Gate):
    """The first features up to a learned boundary, which is penalised (boundless DAS, arXiv 2305.08809).

    The boundary is a share of all features, one half at first. Its temperature falls from 50 to 0.1. The soft gate
    takes the first feature only by half at any temperature, so the hard one is what an alignment is judged by.
    """

    cools: ClassVar[bool] = True
    _WARM, _COLD = 50.0, 0.1

    def __init__(self, features: int) -> None:
        super().__init__()
        self.register_buffer("_ranks", torch.arange(features, dtype=torch.float32))
        self._share = nn.Parameter(torch.tensor(0.5))

    def soft(self, progress: float) -> Tensor:
        temperature = self._WARM + (self._COLD - self._WARM) * min(1.0, progress)
        return torch.sigmoid(self._rank / temperature) * torch.sigmoid((self._boundary - self._rank) / temperature)

    def hard(self) -> Tensor:
        return (self._rank < self._boundary).to(self._rank.dtype)

    def penalty(self) -> Tensor:
        return self._share.clamp(_LEAST_BOUNDARY, 1.0)

    @property
    def _rank(self) -> Tensor:
        found: Tensor = self._ranks  # type: ignore[assignment]
        return found

    @property
    def _boundary(self) -> Tensor:
        return self._share.clamp(_LEAST_BOUNDARY, 1.0) * len(self._rank)
