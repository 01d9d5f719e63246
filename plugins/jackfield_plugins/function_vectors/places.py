"""Where a vector is added: tried on the extraction half of a function's inputs, never on those it is reported on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from jackfield.bench import Bench
from jackfield.errors import ConfigError
from jackfield_plugins.function_vectors.config import FunctionVectorsConfig
from jackfield_plugins.function_vectors.evaluation import graded
from jackfield_plugins.function_vectors.kinds import Injection
from jackfield_plugins.function_vectors.subject import Subject

__all__ = ["Choice", "choose", "swept_layers"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Choice:
    """The places that were tried without examples, and the best.

    Parameters
    ----------
    layers, strengths
        What was tried.
    vector, average
        The mean probability of the answer with the function vector, and with the layer average,
        ``[layer, strength]``.
    """

    layers: Sequence[int]
    strengths: Sequence[float]
    vector: Floats
    average: Floats

    @property
    def place(self) -> Injection:
        """Where the function vector works best."""
        return self._best(self.vector)

    @property
    def average_place(self) -> Injection:
        """Where the layer average works best."""
        return self._best(self.average)

    def _best(self, probability: Floats) -> Injection:
        layer, strength = divmod(int(probability.argmax()), len(self.strengths))
        return Injection(self.layers[layer], self.strengths[strength])


def swept_layers(bench: Bench, config: FunctionVectorsConfig) -> Sequence[int]:
    """The layers that a configuration names; ``ConfigError`` if one does not exist."""
    deep = bench.model.shape.n_layers
    layers = range(deep) if config.layers is None else config.layers
    if outside := [layer for layer in layers if not 0 <= layer < deep]:
        raise ConfigError(f"layers {outside} do not exist: {bench.model.name} has {deep} layers, counted from 0")
    return layers


def choose(bench: Bench, config: FunctionVectorsConfig, subject: Subject) -> Choice:
    """Try every layer and strength without examples on the extraction half."""
    layers, strengths = swept_layers(bench, config), sorted(config.strengths)
    places = [Injection(layer, strength) for layer in layers for strength in strengths]
    vector, streams = subject.vector, subject.means.streams

    def added(place: Injection) -> Sequence[tuple[int, Tensor]]:
        return [place.of(vector), place.of(streams[place.layer])]

    cells = [cell for place in places for cell in added(place)]
    prompts = subject.material.bare(bench, subject.material.extraction)
    description = f"{subject.material.function.label}: layers and strengths"
    found = graded(bench, prompts, cells, description, "probability").mean(-1)
    vectors, averages = found.reshape(len(layers), len(strengths), 2).transpose(2, 0, 1)
    return Choice(layers, strengths, vectors, averages)
