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

__all__ = ["AnalysisChoice", "ModelChoice", "Question", "StudyConfig", "TaskChoice"]

Name = Annotated[str, Field(min_length=1)]

_OWN = ("task", "metric", "seed")
"""What an analysis may have of its own, and otherwise shares with the study."""


def _by_name(value: object) -> object:
    return {"name": value} if isinstance(value, str) else value


def _by_name_with_settings(value: object) -> object:
    if isinstance(value, str):
        return {"name": value}
    if isinstance(value, Mapping):
        names = [field for field in value if field not in _OWN]
        if len(names) == 1:
            [name] = names
            own = {field: value[field] for field in _OWN if value.get(field) is not None}
            return {"name": name, "config": {} if value[name] is None else value[name], **own}
        raise ValueError(
            "an analysis is given as its name, or as one name with its settings, beside which may stand a task, metric "
            f"and seed of its own; found {', '.join(map(repr, names)) or 'no name'}"
        )
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


class Question(_Choice):
    """What an analysis is asked about: a task, how predictions are graded, and the seed of all randomness."""

    task: TaskChoice
    metric: Name
    seed: int


class AnalysisChoice(_Choice):
    """An analysis by name, and those of its settings that are not left at their defaults.

    In a file it is the name alone, or the name with its settings: ``{activation_patching: {strongest: 4}}``. Beside the
    name may stand what it is asked about, where that is not the study's: ``{back_patching: {}, task: two_hop}``.
    """

    name: Name
    config: dict[str, JsonValue] = Field(default_factory=dict)
    task: Annotated[TaskChoice | None, BeforeValidator(_by_name)] = None
    metric: Name | None = None
    seed: int | None = Field(default=None, ge=0, strict=True)

    @model_serializer
    def _as_in_a_file(self) -> str | dict[str, Any]:
        whole = self.fields
        return self.name if whole == {self.name: {}} else whole

    @property
    def fields(self) -> dict[str, Any]:
        """The choice as a file may hold it: settings under its name, and what is its own beside them."""
        own = {"task": self.task and self.task.model_dump(), "metric": self.metric, "seed": self.seed}
        return {self.name: dict(self.config)} | {field: value for field, value in own.items() if value is not None}


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
        Names of the analyses, in the order in which they run, each alone or with its settings. Beside them an analysis
        may have a ``task``, ``metric`` and ``seed`` of its own in place of the study's.

    Examples
    --------
    >>> study = StudyConfig.parse({"task": "ioi", "analyses": [{"activation_patching": {"strongest": 4}}]})
    >>> study.task.pairs, study.analyses[0].config
    (64, {'strongest': 4})
    >>> several = StudyConfig.parse({"task": "ioi", "analyses": [{"back_patching": {}, "task": "two_hop"}]})
    >>> several.question(several.analyses[0]).task.name
    'two_hop'
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

    def question(self, choice: AnalysisChoice | None = None) -> Question:
        """What an analysis is asked about: its own task, metric and seed where it has them, the study's otherwise.

        Parameters
        ----------
        choice
            One of ``analyses``; the study as a whole if omitted.
        """
        own = {field: getattr(choice, field, None) for field in _OWN}
        found = {field: getattr(self, field) if value is None else value for field, value in own.items()}
        return Question(**found)

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
        choices = [choice.fields for choice in self.analyses]
        for assignment in assignments:
            index, field, value = self._assignment(assignment)
            choices[index][self.analyses[index].name][field] = value
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
