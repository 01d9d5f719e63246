"""The settings of an analysis in words, read from its JSON schema."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from jackfield.analysis import Analysis

__all__ = ["Setting", "settings_of"]

Schema = Mapping[str, Any]

_NAMES = {"integer": "whole number", "boolean": "true or false", "string": "text", "null": "nothing"}
_LIMITS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}


class Setting(NamedTuple):
    """A field, what it takes, its default as JSON, and what it does."""

    field: str
    takes: str
    default: str
    description: str


def settings_of(analysis: type[Analysis[Any]]) -> list[Setting]:
    """The settings of an analysis, in the order in which it declares them."""
    schema = vars(analysis).get("Config", analysis.Config).model_json_schema()
    definitions, required = schema.get("$defs", {}), schema.get("required", ())
    return [
        Setting(
            field,
            _spell(content, definitions),
            "(required)" if field in required else json.dumps(content.get("default")),
            " ".join(content.get("description", "").split()),
        )
        for field, content in schema["properties"].items()
    ]


def _spell(schema: Schema, definitions: Schema) -> str:
    """What values a schema allows, in words."""
    if "$ref" in schema:
        return _spell(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    for union in ("anyOf", "oneOf"):
        if union in schema:
            return ", or ".join(_spell(option, definitions) for option in schema[union])
    if "const" in schema:
        return str(schema["const"])
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    kind = str(schema.get("type", "anything"))
    if kind == "array":
        return f"list of ({_spell(schema['items'], definitions)})" if "items" in schema else "list"
    limits = [f"{sign} {schema[key]}" for key, sign in _LIMITS.items() if key in schema]
    return " ".join([_NAMES.get(kind, kind), *limits])
