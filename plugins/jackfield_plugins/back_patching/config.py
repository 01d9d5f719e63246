"""Settings of back-patching."""

from __future__ import annotations

from pydantic import Field

from jackfield.analysis import AnalysisConfig

__all__ = ["BackPatchingConfig"]


class BackPatchingConfig(AnalysisConfig):
    """Which layers are written back to which, where, and how long the model may then speak."""

    positions: tuple[str, ...] = Field(
        ("FIRST", "END"), min_length=1, description="where states are taken from and written to: names of the task's"
    )
    sources: tuple[int, ...] | None = Field(
        None, min_length=1, description="layers whose output is taken, counted from 0; all if omitted"
    )
    targets: tuple[int, ...] | None = Field(
        None, min_length=1, description="layers whose output is overwritten, counted from 0; all if omitted"
    )
    embedding: bool = Field(True, description="also overwrite what the first layer reads")
    keep_shortcuts: bool = Field(False, description="keep questions that the model answers without one of their parts")
    tokens: int = Field(10, ge=1, description="greedy tokens among which the answer may come")
    prefilter: int = Field(
        50, ge=1, description="continue only prompts whose answer is among so many likeliest next tokens"
    )
