"""Settings of path patching and of edge patching."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from jackfield.analysis import AnalysisConfig
from jackfield_plugins.activation_patching.config import Direction

__all__ = ["EdgePatchingConfig", "PathPatchingConfig", "Positions"]

Positions = tuple[str, ...] | Literal["every"]


class PathPatchingConfig(AnalysisConfig):
    """Which senders to follow, and to which receivers."""

    senders: tuple[str, ...] = Field(
        ("a*.h*",), min_length=1, description="nodes whose paths are patched, one at a time: names or patterns"
    )
    receivers: tuple[str, ...] = Field(
        ("logits",), min_length=1, description="inputs at which the paths end, all together: names or patterns"
    )
    layers: tuple[int, ...] | None = Field(None, description="layers of the senders, counted from 0; all if omitted")
    direction: Direction = Field(
        Direction.DENOISING, description="denoising: clean into corrupted; noising: corrupted into clean"
    )
    freeze_mlps: bool = Field(
        False, description="hold MLPs fast too, so that only the residual stream carries the change"
    )
    positions: Positions = Field(
        ("END",), min_length=1, description="where senders are changed: names of the task's positions, or every token"
    )


class EdgePatchingConfig(AnalysisConfig):
    """Which edges to patch, one at a time."""

    edges: tuple[str, ...] | None = Field(
        None, min_length=1, description="edges, by name or pattern such as a0.h*->a5.h1<q>"
    )
    senders: tuple[str, ...] | None = Field(
        None, min_length=1, description="instead of edges: their sources, by name or pattern; all if omitted"
    )
    receivers: tuple[str, ...] | None = Field(
        None, min_length=1, description="instead of edges: their ends, by name or pattern; logits if omitted"
    )
    direction: Direction = Field(
        Direction.DENOISING, description="denoising: clean into corrupted; noising: corrupted into clean"
    )
    positions: Positions = Field(
        "every", min_length=1, description="where senders are changed: names of the task's positions, or every token"
    )
    most: int = Field(1000, ge=1, description="more edges than this are refused")

    @model_validator(mode="after")
    def _edges_are_named_once(self) -> Self:
        if self.edges is not None and (self.senders is not None or self.receivers is not None):
            raise ValueError("give edges, or senders and receivers, not both")
        return self
