"""What every record of a circuit has in common: it is frozen, strict about its text, and explains a refusal."""

from __future__ import annotations

import reprlib
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from jackfield_circuits.errors import CircuitError

__all__ = ["ForeignRecord", "Label", "Record", "Text"]


def _interchangeable(text: str) -> str:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError(f"text holds a lone surrogate at index {error.start}, which no file can carry") from None
    return str(text)


def _not_empty(text: str) -> str:
    if not text:
        raise ValueError("text is needed")
    return text


Text = Annotated[str, Field(strict=True), AfterValidator(_interchangeable)]
"""Text that a file can carry: any characters but lone surrogates."""

Label = Annotated[Text, AfterValidator(_not_empty)]
"""Such text that is not empty."""


class Record(BaseModel):
    """A frozen record without surplus fields; whatever it refuses, it refuses with ``CircuitError``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def __init__(self, /, **fields: Any) -> None:
        try:
            super().__init__(**fields)
        except ValidationError as refusal:
            raise CircuitError(f"{type(self).__name__} is not valid: {_explain(refusal)}") from None


class ForeignRecord(Record):
    """A record of another program's file, whose surplus fields are passed over."""

    model_config = ConfigDict(extra="ignore")


def _explain(refusal: ValidationError) -> str:
    reasons = []
    for error in refusal.errors(include_url=False):
        place = ".".join(str(step) for step in error["loc"])
        reason = error["msg"].removeprefix("Value error, ")
        found = "" if error["type"] == "missing" or not place else f", found {reprlib.repr(error['input'])}"
        reasons.append(f"{place}: {reason}{found}" if place else reason)
    return "; ".join(reasons)
