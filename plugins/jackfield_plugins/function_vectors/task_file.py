"""Task files: pairs of an input and an output in JSON, and how their prompts are written."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from jackfield.analysis import describe
from jackfield.errors import TaskError
from jackfield.files import read_json
from jackfield_plugins.function_vectors.functions import Function, Layout

__all__ = ["read_function"]

_Text = Annotated[str, Field(min_length=1)]
_LAYOUT = Layout()


class _Pair(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    input: _Text
    output: _Text


class _TaskFile(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    description: str = ""
    pairs: tuple[_Pair, ...] = Field(min_length=2)
    example: str = _LAYOUT.example
    query: str = _LAYOUT.query
    glue: str = _LAYOUT.glue
    other_queries: tuple[str, ...] = _LAYOUT.other_queries
    shots: int = Field(10, ge=1)
    natural: tuple[str, ...] = ()
    natural_tokens: int = Field(5, ge=1)

    @field_validator("query", "other_queries", "natural", "example")
    @classmethod
    def _has_its_blanks(cls, value: Any) -> Any:
        for text in (value,) if isinstance(value, str) else value:
            if "{input}" not in text:
                raise ValueError(f"{text!r} has no blank {{input}}")
        return value

    @field_validator("example")
    @classmethod
    def _shows_the_output(cls, value: str) -> str:
        if "{output}" not in value:
            raise ValueError(f"{value!r} has no blank {{output}}")
        return value

    @field_validator("pairs")
    @classmethod
    def _is_a_function(cls, pairs: tuple[_Pair, ...]) -> tuple[_Pair, ...]:
        table: dict[str, str] = {}
        for pair in pairs:
            if table.setdefault(pair.input, pair.output) != pair.output:
                raise ValueError(f"{pair.input!r} has two outputs, {table[pair.input]!r} and {pair.output!r}")
        return pairs


def read_function(path: Path, name: str) -> Function:
    """The function that a file holds.

    The file is a JSON list of pairs, ``[{"input": "hot", "output": "cold"}, ...]``, or an object whose field ``pairs``
    is such a list; its other fields are optional: ``description``, ``example``, ``query``, ``glue``,
    ``other_queries``, ``shots``, ``natural`` and ``natural_tokens``, with the meanings that ``Function`` and ``Layout``
    give them.

    Parameters
    ----------
    path
        The file.
    name
        What the function is to be called.

    Raises
    ------
    TaskError
        If the file cannot be read, has a field that does not exist, lacks a blank, or gives an input two outputs.
    """
    try:
        content = read_json(path)
        file = _TaskFile.model_validate({"pairs": content} if isinstance(content, list) else content)
    except ValidationError as error:
        raise TaskError(f"task file {path}: {describe(error, list(_TaskFile.model_fields))}") from error
    except (OSError, ValueError) as error:
        raise TaskError(f"task file {path} cannot be read: {error}") from error
    return Function(
        name,
        {pair.input: pair.output for pair in file.pairs},
        file.description,
        Layout(file.example, file.query, file.glue, file.other_queries),
        file.shots,
        file.natural,
        file.natural_tokens,
    )
