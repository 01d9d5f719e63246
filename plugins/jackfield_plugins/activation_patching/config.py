"""Settings of activation patching."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal, Self

from pydantic import Field, model_validator

from jackfield.analysis import AnalysisConfig

__all__ = ["ActivationPatchingConfig", "Direction", "Replacement", "Stream", "SweepConfig"]

Stream = Literal["resid_pre", "attn_out", "mlp_out"]


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
        "named", description="positions to sweep: names of the task's, or all it names, or every token"
    )
    heads: bool = Field(True, description="also sweep every attention head's output z, by layer and head")
    head_position: str | None = Field(
        None, description="patch heads at this named position only; everywhere if omitted"
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
    strongest: int = Field(8, ge=1, description="how many of the strongest heads to patch together, one more at a time")
    random_draws: int = Field(10, ge=2, description="random sets of heads that the strongest are compared with")

    @model_validator(mode="after")
    def _ablation_is_noising(self) -> Self:
        if self.replacement is not Replacement.RESAMPLE and self.direction is not Direction.NOISING:
            raise ValueError(
                f"{self.replacement} replacement takes information away, so it goes with direction noising"
            )
        return self
