"""Settings and labels as numbers, so that each prompt is run once."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from jaxtyping import Int
from torch import Tensor

from jackfield.causal_models import CausalModel, Setting, Value

__all__ = ["Numbering"]


class Numbering:
    """The settings of a causal model that were met so far, and its labels in order.

    Parameters
    ----------
    causal
        The causal model.
    """

    def __init__(self, causal: CausalModel) -> None:
        self._causal = causal
        self._numbers: dict[tuple[Value, ...], int] = {}
        self._settings: list[Setting] = []
        self._places = {label: index for index, label in enumerate(causal[causal.output].domain)}

    @property
    def settings(self) -> tuple[Setting, ...]:
        """The settings, each once, by number."""
        return tuple(self._settings)

    def number(self, setting: Setting) -> int:
        """The number of a setting; the next one if it is new."""
        key = tuple(setting[name] for name in self._causal.inputs)
        if key not in self._numbers:
            self._numbers[key] = len(self._settings)
            self._settings.append(setting)
        return self._numbers[key]

    def labels(self, values: Iterable[Value]) -> Int[Tensor, " value"]:
        """The numbers of some values of the output."""
        return torch.tensor([self._places[value] for value in values])

    def truth(self) -> Int[Tensor, " prompt"]:
        """The label of each setting."""
        return self.labels(self._causal.run(setting)[self._causal.output] for setting in self._settings)
