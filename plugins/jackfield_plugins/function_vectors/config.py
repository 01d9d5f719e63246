"""Settings of function vectors."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from jackfield.analysis import AnalysisConfig

__all__ = ["Corruption", "FunctionVectorsConfig"]

Context = Literal["spoilt_examples", "other_queries", "natural_text"]
Strength = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Corruption(StrEnum):
    """What is done to the outputs of examples so that they no longer show the function."""

    RANDOM_WORDS = "random_words"
    """Each is a random output of any of the functions."""
    SHUFFLED_LABELS = "shuffled_labels"
    """They are permuted at random; some may stay in place. This is the original's way."""


class FunctionVectorsConfig(AnalysisConfig):
    """Which functions, how vectors are made of them, and where they are added."""

    functions: tuple[str, ...] | None = Field(
        None,
        min_length=2,
        description="functions by name, or .json files; all of the family that the task belongs to if omitted",
    )
    shots: int | None = Field(None, ge=1, description="examples in a prompt; what the function asks for if omitted")
    held_out: float = Field(
        0.5, gt=0, lt=1, description="share of a function's inputs that vectors are only reported on"
    )
    mean_prompts: int = Field(100, ge=2, description="prompts that heads' mean outputs are taken over")
    corruptions: tuple[Corruption, ...] = Field(
        (Corruption.RANDOM_WORDS, Corruption.SHUFFLED_LABELS),
        min_length=1,
        description="how examples are spoilt where heads are to restore the answer; the first one ranks the heads",
    )
    corrupted_prompts: int = Field(25, ge=2, description="spoilt prompts of each kind and function")
    heads: int = Field(10, ge=1, description="how many heads a vector is made of")
    output_bias: bool = Field(
        False, description="add the output projection's bias once per head, as the original code does"
    )
    layers: tuple[int, ...] | None = Field(
        None, min_length=1, description="layers after which the vector may be added; all if omitted"
    )
    strengths: tuple[Strength, ...] = Field((1.0, 2.0, 3.0), min_length=1, description="how many times it may be added")
    random_draws: int = Field(5, ge=2, description="random vectors, and random sets of heads, to compare with")
    decoded: int = Field(10, ge=1, description="how many tokens to read a vector out as")
    contexts: tuple[Context, ...] = Field(
        ("spoilt_examples", "other_queries", "natural_text"),
        description="where vectors are added beside prompts without examples",
    )
    compositions: tuple[tuple[str, str, str, str], ...] = Field(
        (),
        description="functions whole, plus, plus, minus: the first one's vector is compared with the sum of the others",
    )

    @model_validator(mode="after")
    def _names_nothing_twice(self) -> Self:
        for field in ("functions", "corruptions", "contexts", "compositions", "layers", "strengths"):
            values = getattr(self, field) or ()
            if len({*values}) < len(values):
                raise ValueError(f"{field} names something twice")
        return self
