"""Settings of causal alignment."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Self

from pydantic import Field, field_validator, model_validator

from jackfield.analysis import AnalysisConfig
from jackfield.errors import ConfigError
from jackfield_plugins.causal_alignment.featuriser import MapClass

__all__ = ["CausalAlignmentConfig", "MapChoice"]

_MAP = re.compile(r"(?P<kind>[a-z_]+)(?::(?P<dimensions>[1-9][0-9]*))?")


class MapChoice(AnalysisConfig):
    """A kind of map with its size, spelled like ``das:4``."""

    kind: MapClass
    dimensions: int = Field(default=1, ge=1)

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
    """Which variables of which causal model are looked for where, by which maps, and against which controls."""

    causal_model: str | None = Field(None, description="causal model by name; the one named like the task if omitted")
    variables: tuple[str, ...] | None = Field(
        None, min_length=1, description="variables to look for; all between inputs and output if omitted"
    )
    sites: tuple[str, ...] | None = Field(
        None, min_length=1, description="sites to look in, such as resid_post.2 or m3; every resid_post if omitted"
    )
    positions: tuple[str, ...] | None = Field(
        None, min_length=1, description="positions to look at: names of the task's; all if omitted"
    )
    map: str = Field("das:4", description="the map that is reported, such as das:4")
    curve: tuple[str, ...] = Field(
        ("das:1", "das:16", "dbm", "coupling:4"),
        description="other maps to compare it with, each trained on the model and on a random copy",
    )
    sae: Path | None = Field(
        None, description="folder of an autoencoder that sae-lens saved, for the map dbm_sae; needed by that map alone"
    )
    search_steps: int = Field(25, ge=1, description="training steps at each place of the search")
    finalists: int = Field(3, ge=1, description="places that are trained at four times as long before one is chosen")
    trainings: int = Field(2, ge=1, description="how often the map is trained anew; the best on validation is reported")
    random_copies: int = Field(3, ge=0, description="copies of the model with random weights to train the map on")
    random_subspaces: int = Field(5, ge=0, description="untrained subspaces of the map's size to compare with")
    permuted: int = Field(1, ge=0, description="maps trained on permuted labels to compare with")
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

    @field_validator("map", "curve")
    @classmethod
    def _are_maps(cls, value: str | tuple[str, ...]) -> str | tuple[str, ...]:
        try:
            for spelling in (value,) if isinstance(value, str) else value:
                MapChoice.read(spelling)
        except ConfigError as error:
            raise ValueError(str(error)) from error
        return value

    @model_validator(mode="after")
    def _batches_are_filled(self) -> Self:
        if self.batch > self.train_pairs:
            raise ValueError(f"a batch of {self.batch} cannot be filled from {self.train_pairs} train_pairs")
        return self

    @model_validator(mode="after")
    def _features_have_an_autoencoder(self) -> Self:
        if self.sae is None and MapClass.DBM_SAE in {choice.kind for choice in self.compared}:
            raise ValueError("the map dbm_sae needs the folder of an autoencoder in sae")
        return self

    @property
    def choice(self) -> MapChoice:
        """The map that is reported."""
        return MapChoice.read(self.map)

    @property
    def compared(self) -> tuple[MapChoice, ...]:
        """The maps of the curve, that which is reported first, each once."""
        return tuple(dict.fromkeys([self.choice, *map(MapChoice.read, self.curve)]))
