"""Settings of activation patching."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal, Self

from pydantic import Field, model_validator

from jackfield.analysis import AnalysisConfig

__all__ = ["ActivationPatchingConfig", "Component", "Corruption", "Direction", "Replacement", "Stream", "SweepConfig"]

Stream = Literal["resid_pre", "resid_mid", "resid_post", "attn_out", "mlp_out"]
Component = Literal["z", "q", "k", "v", "pattern"]


class Direction(StrEnum):
    """Which prompt is run, and which the patched activations come from."""

    DENOISING = "denoising"
    """Clean activations into the corrupted prompt: are they sufficient?"""
    NOISING = "noising"
    """Corrupted activations into the clean prompt: are the clean ones necessary?"""


class Replacement(StrEnum):
    """What takes an activation's place."""

    RESAMPLE = "resample"
    """The same place's activation in the pair's other prompt."""
    MEAN = "mean"
    """The mean of that over all pairs of the same template."""
    ZERO = "zero"
    """Zeros, far from anything the network has seen: effects are easily overstated."""


class Corruption(StrEnum):
    """What takes the information away that a patch is to bring back."""

    PROMPT = "prompt"
    """The pair's corrupted prompt."""
    GAUSSIAN = "gaussian"
    """Gaussian noise on the embeddings of some tokens of the clean prompt."""


class SweepConfig(AnalysisConfig):
    """Which places are patched, and in which direction; what every sweep of them has in common."""

    direction: Direction = Field(
        Direction.DENOISING, description="denoising: clean into corrupted; noising: corrupted into clean"
    )
    streams: tuple[Stream, ...] = Field(
        ("resid_pre", "attn_out", "mlp_out"), description="whole-layer activations swept by layer and position"
    )
    layers: tuple[int, ...] | None = Field(None, description="layers to sweep, counted from 0; all if omitted")
    positions: tuple[str, ...] | Literal["named", "every"] = Field(
        "named",
        description="positions to sweep: names of the task's, groups such as S1+S2, all it names, or every token",
    )
    heads: bool = Field(True, description="also sweep every attention head's output z, by layer and head")
    head_positions: tuple[str, ...] = Field(
        (), description="patch heads at each of these positions by itself; at all tokens together if omitted"
    )

    @model_validator(mode="after")
    def _sweeps_something(self) -> Self:
        if not self.streams and not self.heads:
            raise ValueError("nothing to patch: give streams, or heads, or both")
        return self


class ActivationPatchingConfig(SweepConfig):
    """What to patch, with what, and where."""

    replacement: Replacement = Field(
        Replacement.RESAMPLE, description="resample, or mean or zero ablation (with noising only)"
    )
    components: tuple[Component, ...] = Field(
        ("z",), min_length=1, description="what of a head is patched: its output z, its q, k, v, or its pattern"
    )
    window: int = Field(1, ge=1, description="layers that are patched together, centred on the one that is named")
    corruption: Corruption = Field(
        Corruption.PROMPT, description="prompt: the pair's corrupted prompt; gaussian: noise on the clean prompt"
    )
    noise_positions: tuple[str, ...] = Field(
        (), description="positions whose embeddings get noise; needed for gaussian corruption"
    )
    noise_level: float = Field(
        3.0, gt=0, allow_inf_nan=False, description="standard deviation of the noise, in those of the embeddings"
    )
    strongest: int = Field(8, ge=1, description="how many of the strongest heads to patch together, one more at a time")
    random_draws: int = Field(10, ge=2, description="random sets of heads that the strongest are compared with")
    interactions: int = Field(0, ge=0, description="how many of the strongest heads to patch two at a time; 0 for none")

    @model_validator(mode="after")
    def _is_sensible(self) -> Self:
        if self.replacement is not Replacement.RESAMPLE and self.direction is not Direction.NOISING:
            raise ValueError(
                f"{self.replacement} replacement takes information away, so it goes with direction noising"
            )
        if self.replacement is Replacement.ZERO and self.heads and "pattern" in self.components:
            raise ValueError("a zero attention pattern is not a distribution; use resample or mean, or leave it out")
        if (self.corruption is Corruption.GAUSSIAN) != bool(self.noise_positions):
            raise ValueError("corruption gaussian and noise_positions go together")
        if self.corruption is Corruption.GAUSSIAN and self.replacement is not Replacement.RESAMPLE:
            raise ValueError(f"{self.replacement} replacement does not look at the corrupted prompt; leave noise out")
        if self.interactions == 1 or (self.interactions and not self.heads):
            raise ValueError("interactions needs at least two heads, and heads to be swept")
        return self
