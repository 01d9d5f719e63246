"""Settings of causal alignment."""

from __future__ import annotations

import re
from typing import Self

from pydantic import Field, model_validator

from jackfield.analysis import AnalysisConfig
from jackfield.errors import ConfigError
from jackfield_plugins.causal_alignment.featuriser import MapClass

__all__ = ["CausalAlignmentConfig", "MapChoice"]

_MAP = re.compile(r"(?P<kind>[a-z_]+)(?::(?P<dimensions>[1-9][0-9]*))?")


class MapChoice(AnalysisConfig):
    """A kind of map with its size, spelled like ``das:4``."""

    kind: MapClass
    dimensions: int = Field(1, ge=1)

    @classmethod
    def read(cls, text: str) -> MapChoice:
        """Read a choice from its spelling.

        Raises
        ------
        ConfigError
            If it is none.
        """
        match = _MAP.fullmatch(text)
        if not match or match["kind"] not in [*MapClass]:
            raise ConfigError(f"{text!r} is no map; maps are {', '.join(MapClass)}, with a size as in das:4")
        return cls(kind=MapClass(match["kind"]), dimensions=int(match["dimensions"] or 1))

    def __str__(self) -> str:
        sized = self.kind.has_dimensions or self.kind is MapClass.COUPLING
        return f"{self.kind}:{self.dimensions}" if sized else str(self.kind)


class CausalAlignmentConfig(AnalysisConfig):
    """How many counterfactuals of which kind there are, and how maps are trained on them."""

    train_pairs: int = Field(512, ge=8, description="counterfactuals to train on")
    validation_pairs: int = Field(128, ge=8, description="counterfactuals to stop by")
    test_pairs: int = Field(200, ge=8, description="counterfactuals to report on, of each kind")
    held_out_share: float = Field(1 / 3, gt=0, lt=1, description="share of the words that are kept from training")
    changed_share: float = Field(
        0.5, gt=0, lt=1, description="share of the counterfactuals whose label is not the base's"
    )
    steps: int = Field(300, ge=1, description="most training steps of each map")
    batch: int = Field(64, ge=1, description="counterfactuals in each step")
    learning_rate: float = Field(0.01, gt=0, description="of Adam")
    patience: int = Field(6, ge=1, description="checks on the validation split, ten steps apart, without a better one")

    @model_validator(mode="after")
    def _batches_are_filled(self) -> Self:
        if self.batch > self.train_pairs:
            raise ValueError(f"a batch of {self.batch} cannot be filled from {self.train_pairs} train_pairs")
        return self
