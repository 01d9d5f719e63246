"""Bases: invertible ways to spell an activation as features and what the features leave out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils.parametrizations import orthogonal

from jackfield.errors import ConfigError

__all__ = ["Basis", "Coupling", "Principal", "Rotation", "Standard"]

_HIDDEN = 64
_LEAST_SPREAD = 1e-4


class Basis(nn.Module, ABC):
    """Spells activations as features and an error; both together give the activation back."""

    linear: ClassVar[bool] = True
    """Whether a feature that grows moves the activation in one direction, wherever it is."""

    @property
    @abstractmethod
    def features(self) -> int:
        """How many features there are."""

    @abstractmethod
    def spell(
        self, activation: Float[Tensor, "row d_model"]
    ) -> tuple[Float[Tensor, "row feature"], Float[Tensor, "row d_model"]]:
        """The features and what they leave out."""

    @abstractmethod
    def unspell(
        self, features: Float[Tensor, "row feature"], error: Float[Tensor, "row d_model"]
    ) -> Float[Tensor, "row d_model"]:
        """The activation of some features and an error; the inverse of ``spell``."""


class Standard(Basis):
    """The activation's own coordinates, such as neurons."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self._features = d_model

    @property
    def features(self) -> int:
        return self._features

    def spell(self, activation: Tensor) -> tuple[Tensor, Tensor]:
        return activation, torch.zeros_like(activation)

    def unspell(self, features: Tensor, error: Tensor) -> Tensor:
        return features + error


class _Orthonormal(Basis):
    """Coordinates along orthonormal directions, and the part of the activation that is orthogonal to all of them."""

    @property
    @abstractmethod
    def directions(self) -> Float[Tensor, "feature d_model"]:
        """The directions, of unit length and at right angles."""

    @property
    def features(self) -> int:
        return len(self.directions)

    def spell(self, activation: Tensor) -> tuple[Tensor, Tensor]:
        directions = self.directions
        features = activation @ directions.T
        return features, activation - features @ directions

    def unspell(self, features: Tensor, error: Tensor) -> Tensor:
        return features @ self.directions + error


class Principal(_Orthonormal):
    """The directions in which activations vary most."""

    def __init__(self, directions: Float[Tensor, "feature d_model"]) -> None:
        super().__init__()
        self.register_buffer("_directions", directions)

    @classmethod
    def of(cls, activations: Float[Tensor, "prompt d_model"], features: int) -> Principal:
        """The first principal directions of some activations; all of the space if asked for ``d_model``.

        Raises
        ------
        ConfigError
            If there are fewer dimensions than directions asked for.
        """
        _require_fits(features, activations.shape[1])
        centred = (activations - activations.mean(0)).double()
        _, _, directions = torch.linalg.svd(centred, full_matrices=True)
        return cls(directions[:features].to(activations.dtype))

    @property
    def directions(self) -> Tensor:
        found: Tensor = self._directions  # type: ignore[assignment]
        return found


class Rotation(_Orthonormal):
    """Orthonormal directions that are learned, the rows of an orthogonally parametrised matrix.

    The parametrisation completes the directions to a basis by drawing from the global generator, and training follows
    from that, so it is seeded meanwhile.

    Parameters
    ----------
    d_model
        Width of the activation.
    features
        How many directions.
    generator
        Where to begin is drawn from it.
    dtype
        Number format, in which the directions are orthonormal.

    Raises
    ------
    ConfigError
        If there are fewer dimensions than directions asked for.
    """

    def __init__(
        self, d_model: int, features: int, generator: torch.Generator, dtype: torch.dtype = torch.float32
    ) -> None:
        super().__init__()
        _require_fits(features, d_model)
        self._turn = _layer(d_model, features, bias=False, dtype=dtype)
        nn.init.orthogonal_(self._turn.weight, generator=generator)
        seed = int(torch.randint(2**31, (), generator=generator))
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            orthogonal(self._turn)

    @property
    def directions(self) -> Tensor:
        return self._turn.weight


class Coupling(Basis):
    """Additive couplings of both halves of the activation by small networks: an inverse by construction, not linear.

    Coordinates are standardised first, since networks see little of what hardly varies beside what is large.

    Parameters
    ----------
    activations
        What it is for: it fixes the width, an even number, and each coordinate's mean and spread.
    blocks
        How many couplings of either half.
    generator
        Where to begin is drawn from it.

    Raises
    ------
    ConfigError
        If the width is odd.
    """

    linear: ClassVar[bool] = False

    def __init__(self, activations: Float[Tensor, "prompt d_model"], blocks: int, generator: torch.Generator) -> None:
        super().__init__()
        d_model = activations.shape[1]
        if d_model % 2:
            raise ConfigError(f"a coupling needs two halves of equal width, and the activation has {d_model} numbers")
        self._features = d_model
        spread = activations.std(0)
        self.register_buffer("_mean", activations.mean(0))
        self.register_buffer("_spread", torch.where(spread > _LEAST_SPREAD * spread.max(), spread, 1.0))
        half = d_model // 2
        self._networks = nn.ModuleList(
            nn.Sequential(_layer(half, _HIDDEN), nn.ReLU(), _layer(_HIDDEN, half)) for _ in range(2 * blocks)
        )
        with torch.no_grad():
            for layer in self._networks.modules():
                if isinstance(layer, nn.Linear):
                    spread = layer.in_features**-0.5
                    for parameter in layer.parameters():
                        parameter.uniform_(-spread, spread, generator=generator)

    @property
    def features(self) -> int:
        return self._features

    def spell(self, activation: Tensor) -> tuple[Tensor, Tensor]:
        mean, spread = self._standard
        kept, changed = ((activation - mean) / spread).chunk(2, -1)
        for network in self._networks:
            kept, changed = changed + network(kept), kept
        return torch.cat([kept, changed], -1), torch.zeros_like(activation)

    def unspell(self, features: Tensor, error: Tensor) -> Tensor:
        kept, changed = features.chunk(2, -1)
        for network in reversed(self._networks):
            kept, changed = changed, kept - network(changed)
        mean, spread = self._standard
        return torch.cat([kept, changed], -1) * spread + mean + error

    @property
    def _standard(self) -> tuple[Tensor, Tensor]:
        """Each coordinate's mean and spread."""
        mean: Tensor = self._mean  # type: ignore[assignment]
        spread: Tensor = self._spread  # type: ignore[assignment]
        return mean, spread


def _layer(inputs: int, outputs: int, **options: Any) -> nn.Linear:
    """A linear layer whose weights are still to be drawn."""
    skip_init: Any = nn.utils.skip_init
    made: nn.Linear = skip_init(nn.Linear, inputs, outputs, **options)
    return made


def _require_fits(features: int, d_model: int) -> None:
    if not 1 <= features <= d_model:
        raise ConfigError(f"{features} directions were asked of an activation of {d_model} dimensions")
