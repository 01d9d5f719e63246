"""What a plugin's analysis is: a name, a version, settings, and a run from a bench to a result."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from jackfield.errors import ConfigError
from jackfield.trial import Trial

if TYPE_CHECKING:
    from jackfield.bench import Bench
    from jackfield.results import AnalysisResult

__all__ = ["Analysis", "AnalysisConfig"]


class AnalysisConfig(BaseModel):
    """Settings of an analysis: frozen, validated, unknown fields refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def parse(cls, fields: Mapping[str, Any]) -> AnalysisConfig:
        """Validate plain values.

        Raises
        ------
        ConfigError
            Naming each wrong field, what it was given, and the fields that exist.
        """
        try:
            return cls.model_validate(fields)
        except ValidationError as error:
            raise ConfigError(describe(error, list(cls.model_fields))) from error


def describe(error: ValidationError, known: list[str]) -> str:
    """A validation error in one readable line per problem, and the fields that exist."""
    lines = [
        f"{'.'.join(map(str, problem['loc'])) or 'settings'}: {problem['msg']} (given: {problem['input']!r})"
        for problem in error.errors()
    ]
    return "\n".join([*lines, f"known fields: {', '.join(known)}"])


ConfigT = TypeVar("ConfigT", bound=AnalysisConfig)


class Analysis(ABC, Generic[ConfigT]):
    """An analysis that a plugin offers.

    Subclasses set the class attributes and implement ``run``, a pure function of its arguments: it prints nothing,
    writes no file, seeds no global generator, and draws randomness from ``bench.rng`` alone.
    """

    name: ClassVar[str]
    """How studies call it; unique over all plugins."""
    version: ClassVar[str]
    """Changes when the same input would give other numbers."""
    summary: ClassVar[str]
    """What it computes, in a sentence."""
    Config: type[ConfigT]
    """Its settings."""
    Result: ClassVar[type[AnalysisResult]]
    """What it returns."""
    trial: ClassVar[Trial] = Trial()
    """What ``jackfield plugins check`` tries it on."""

    @abstractmethod
    def run(self, bench: Bench, config: ConfigT) -> AnalysisResult:
        """Compute the result, its controls and its intervals."""
