"""Featurisers: a basis and a gate, which together say what of an activation is interchanged."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils import parametrize

from jackfield.errors import ConfigError
from jackfield_plugins.causal_alignment.bases import Basis, Coupling, Principal, Rotation, Standard
from jackfield_plugins.causal_alignment.dictionary import Dictionary
from jackfield_plugins.causal_alignment.gates import Boundary, Chosen, Gate, Mask

__all__ = ["Featuriser", "MapClass", "make_featuriser"]


class MapClass(StrEnum):
    """Kinds of featurisers."""

    IDENTITY = "identity"
    """All of the activation."""
    NEURONS = "neurons"
    """The coordinates that vary most."""
    PCA = "pca"
    """The first principal directions."""
    DAS = "das"
    """Directions that are learned (arXiv 2303.02536)."""
    BOUNDLESS_DAS = "boundless_das"
    """A rotation that is learned, and how many of its directions."""
    DBM = "dbm"
    """Coordinates, by a mask that is learned."""
    DBM_PCA = "dbm_pca"
    """Principal directions, by a mask that is learned."""
    DBM_SAE = "dbm_sae"
    """Features of a sparse autoencoder, by a mask that is learned."""
    COUPLING = "coupling"
    """A map that is not linear. It can align what does not compute the algorithm, and is here to show it."""

    @property
    def is_linear(self) -> bool:
        """Whether a feature moves the activation in one direction, wherever it is."""
        return self is not MapClass.COUPLING

    @property
    def has_dimensions(self) -> bool:
        """Whether the number of directions is chosen beforehand."""
        return self in (MapClass.NEURONS, MapClass.PCA, MapClass.DAS)


class Featuriser(nn.Module):
    """Interchanges some features of an activation and keeps all else, the basis's error included.

    Parameters
    ----------
    basis
        How the activation is spelled.
    gate
        Which features come from the source.
    """

    def __init__(self, basis: Basis, gate: Gate) -> None:
        super().__init__()
        self.basis, self.gate = basis, gate

    @property
    def trained_numbers(self) -> int:
        """How many numbers training can change."""
        return sum(parameter.numel() for parameter in self.parameters())

    @property
    def taken(self) -> int:
        """How many features the hard gate takes from the source."""
        return int(self.gate.hard().sum())

    def swap(
        self,
        base: Float[Tensor, "row d_model"],
        source: Float[Tensor, "row d_model"],
        gate: Float[Tensor, " feature"] | None = None,
    ) -> Float[Tensor, "row d_model"]:
        """The base's activation with the gated features of the source; the hard gate unless one is given.

        Examples
        --------
        >>> base, source = torch.zeros(1, 4), torch.ones(1, 4)
        >>> Featuriser(Standard(4), Chosen(4, [1, 2])).swap(base, source).tolist()
        [[0.0, 1.0, 1.0, 0.0]]
        """
        taken = self.gate.hard() if gate is None else gate
        with parametrize.cached():
            features, error = self.basis.spell(base)
            others, _ = self.basis.spell(source)
            swapped: Tensor = self.basis.unspell(torch.lerp(features, others, taken.to(features.dtype)), error)
        return swapped

    @torch.no_grad()
    def directions(self, d_model: int) -> Float[Tensor, "taken d_model"] | None:
        """By what an activation of ``d_model`` numbers changes when a feature that is taken grows by 1.

        ``None`` if that depends on the activation, since the map is not linear.
        """
        if not self.basis.linear:
            return None
        taken = self.gate.hard().nonzero().flatten()
        features = torch.zeros(len(taken) + 1, self.basis.features, device=taken.device, dtype=self.gate.hard().dtype)
        features[torch.arange(len(taken), device=taken.device), taken] = 1.0
        moved = self.basis.unspell(features, features.new_zeros(len(features), d_model))
        return moved[:-1] - moved[-1]

    @torch.no_grad()
    def inverse_error(self, activations: Float[Tensor, "row d_model"]) -> float:
        """The largest absolute difference between activations and what spelling and unspelling makes of them."""
        found = self.basis.unspell(*self.basis.spell(activations))
        return float((found - activations).abs().max())


def make_featuriser(
    kind: MapClass,
    dimensions: int,
    activations: Float[Tensor, "prompt d_model"],
    generator: torch.Generator,
    sae: Path | None = None,
) -> Featuriser:
    """An untrained featuriser.

    Parameters
    ----------
    kind
        Which.
    dimensions
        How many directions or coordinates, where that is chosen beforehand; for a coupling, how many blocks.
    activations
        What it is for: it fixes the width, and the principal directions.
    generator
        Where training begins is drawn from it.
    sae
        The folder of the autoencoder, for its features.

    Raises
    ------
    ConfigError
        If there are fewer dimensions than asked for, or the autoencoder is not there or not for these activations.
    """
    d_model, dtype = activations.shape[1], activations.dtype

    def every(basis: Basis) -> Featuriser:
        return Featuriser(basis, Chosen(basis.features, range(basis.features)))

    def half() -> Featuriser:
        return Featuriser(Coupling(activations, dimensions, generator), Chosen(d_model, range(d_model // 2)))

    def sparse() -> Featuriser:
        if sae is None:
            raise ConfigError(f"a map {MapClass.DBM_SAE} needs an autoencoder; name its folder in sae")
        basis = Dictionary.read(sae, activations)
        return Featuriser(basis, Mask(basis.features))

    def varying() -> Featuriser:
        most = activations.var(0).argsort(descending=True)[:dimensions].tolist()
        return Featuriser(Standard(d_model), Chosen(d_model, most))

    makers: dict[MapClass, Callable[[], Featuriser]] = {
        MapClass.IDENTITY: lambda: every(Standard(d_model)),
        MapClass.NEURONS: varying,
        MapClass.PCA: lambda: every(Principal.of(activations, dimensions)),
        MapClass.DAS: lambda: every(Rotation(d_model, dimensions, generator, dtype)),
        MapClass.BOUNDLESS_DAS: lambda: Featuriser(Rotation(d_model, d_model, generator, dtype), Boundary(d_model)),
        MapClass.DBM: lambda: Featuriser(Standard(d_model), Mask(d_model)),
        MapClass.DBM_PCA: lambda: Featuriser(Principal.of(activations, d_model), Mask(d_model)),
        MapClass.DBM_SAE: sparse,
        MapClass.COUPLING: half,
    }
    return makers[kind]().to(activations.device, dtype)
