"""What a study asks for: a model, a task, a metric, a seed, and analyses with their settings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Self

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    ValidationError,
    model_serializer,
)

from jackfield.analysis import describe
from jackfield.errors import ConfigError
from jackfield.loading import DType
from jackfield.study_file import read_fields

__all__ = ["AnalysisChoice", "ModelChoice", "StudyConfig", "TaskChoice"]

Name = Annotated[str, Field(min_length=1)]


def _by_name(value: object) -> object:
    return {"name": value} if isinstance(value, str) else value


def _by_name_with_settings(value: object) -> object:
    if isinstance(value, str):
        return {"name": value}
    if isinstance(value, Mapping):
        if len(value) == 1:
            [(name, config)] = value.items()
            return {"name": name, "config": {} if config is None else config}
        raise ValueError("an analysis is given as its name, or as one name with its settings")
    return value


class _Choice(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ModelChoice(_Choice):
    """The model, and how it is loaded; see ``LoadRequest``."""

    name: Name = "fieldmouse"
    dtype: DType = "float32"
    device: str = "cpu"
    network: bool = False


class TaskChoice(_Choice):
    """The task, and how many prompt pairs are drawn from it."""

    name: Name
    pairs: int = Field(64, ge=2, strict=True)


class AnalysisChoice(_Choice):
    """An analysis by name, and those of its settings that are not left at their defaults.

    In a file it is the name alone, or the name with its settings: ``{activation_patching: {strongest: 4}}``.
    """

    name: Name
    config: dict[str, JsonValue] = Field(default_factory=dict)

    @model_serializer
    def _as_in_a_file(self) -> str | dict[str, dict[str, JsonValue]]:
        return {self.name: self.config} if self.config else self.name


class StudyConfig(_Choice):
    """A study: frozen, validated, unknown fields refused.

    Parameters
    ----------
    model
        Name of the model, or its ``name`` with ``dtype``, ``device`` and ``network``. A path is relative to the
        folder that the study is run from.
    task
        Name of the task, or its ``name`` with the number of ``pairs`` to draw.
    metric
        Name of the metric that predictions are graded with.
    seed
        Seed of all randomness.
    analyses
        Names of the analyses, in the order in which they run, each alone or with its settings.

    Examples
    --------
    >>> study = StudyConfig.parse({"task": "ioi", "analyses": [{"activation_patching": {"strongest": 4}}]})
    >>> study.task.pairs, study.analyses[0].config
    (64, {'strongest': 4})
    """

    model: Annotated[ModelChoice, BeforeValidator(_by_name)] = ModelChoice()
    task: Annotated[TaskChoice, BeforeValidator(_by_name)]
    metric: Name = "logit_difference"
    seed: int = Field(0, ge=0, strict=True)
    analyses: tuple[Annotated[AnalysisChoice, BeforeValidator(_by_name_with_settings)], ...] = Field(
        (AnalysisChoice(name="activation_patching"),), min_length=1
    )

    @classmethod
    def parse(cls, fields: Mapping[str, Any], source: str = "the study") -> Self:
        """Validate plain values.

        Raises
        ------
        ConfigError
            Naming ``source``, each wrong field, what it was given, and the fields that exist.
        """
        try:
            return cls.model_validate(fields)
        except ValidationError as error:
            raise ConfigError(f"{source}: {describe(error, _KNOWN)}") from error

    @classmethod
    def from_yaml(cls, path: Path | str) -> Self:
        """Read a study file.

        Raises
        ------
        ConfigError
            If the file cannot be read, is not YAML, gives a key twice, or asks for what does not exist.
        """
        return cls.parse(read_fields(Path(path)), f"study {path}")

    def to_yaml(self) -> str:
        """The study as the text of a file that ``from_yaml`` reads."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)

    def differences(self, other: StudyConfig) -> list[str]:
        """The fields in which both ask for something else; leave to use the network changes no number, so no field.

        Examples
        --------
        >>> StudyConfig.parse({"task": "ioi"}).differences(StudyConfig.parse({"task": "ioi", "seed": 1}))
        ['seed']
        """
        own, others = self._without_network(), other._without_network()
        return [field for field in own if own[field] != others[field]]

    def with_settings(self, assignments: Iterable[str]) -> StudyConfig:
        """This study with some settings of its analyses changed.

        Parameters
        ----------
        assignments
            Texts such as ``activation_patching.strongest=4``; the value is read as YAML.

        Raises
        ------
        ConfigError
            If a text is not an assignment, or names no analysis of this study or one that it holds several times.

        Examples
        --------
        >>> study = StudyConfig.parse({"task": "ioi"}).with_settings(["activation_patching.layers=[0, 1]"])
        >>> study.analyses[0].config
        {'layers': [0, 1]}
        """
        configs = [dict(choice.config) for choice in self.analyses]
        for assignment in assignments:
            index, field, value = self._assignment(assignment)
            configs[index][field] = value
        choices = [{choice.name: config} for choice, config in zip(self.analyses, configs, strict=True)]
        return self.parse({**self.model_dump(), "analyses": choices}, "settings")

    def only(self, names: Iterable[str]) -> StudyConfig:
        """This study with the named analyses alone; one that it does not run yet is added, with default settings."""
        choices: list[object] = []
        for name in names:
            choices += [choice.model_dump() for choice in self.analyses if choice.name == name] or [name]
        return self.parse({**self.model_dump(), "analyses": choices}, "analyses")

    def _assignment(self, text: str) -> tuple[int, str, Any]:
        place, equals, value = text.partition("=")
        owners = [index for index, choice in enumerate(self.analyses) if place.startswith(f"{choice.name}.")]
        names = ", ".join(choice.name for choice in self.analyses)
        if not equals or not owners:
            raise ConfigError(f"{text!r} sets nothing; write ANALYSIS.FIELD=VALUE, where ANALYSIS is one of {names}")
        owner = max(owners, key=lambda index: len(self.analyses[index].name))
        name = self.analyses[owner].name
        if [choice.name for choice in self.analyses].count(name) > 1:
            raise ConfigError(f"{text!r} is ambiguous: the study runs {name} several times; set it in the study file")
        try:
            return owner, place.removeprefix(f"{name}."), yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise ConfigError(f"{text!r} gives {name} a value that is not YAML: {error}") from error

    def _without_network(self) -> dict[str, Any]:
        return self.model_dump(exclude={"model": {"network"}})


_KNOWN = [
    *(f"model.{field}" for field in ModelChoice.model_fields),
    *(f"task.{field}" for field in TaskChoice.model_fields),
    *(field for field in StudyConfig.model_fields if field not in ("model", "task")),
]
