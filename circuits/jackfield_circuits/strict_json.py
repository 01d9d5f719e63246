"""JSON as the standard has it: no NaN, no Infinity, no key twice; one value always has the same bytes."""

from __future__ import annotations

import json
import math
from functools import cache
from typing import Any, NoReturn

__all__ = ["parse", "parse_numbers", "spell"]


def spell(value: object, *, indent: int | None = None) -> str:
    """Spell a value with sorted keys.

    Raises
    ------
    ValueError
        If the value is not made of JSON's types, holds NaN or an infinity, or is nested too deeply.
    """
    try:
        return _encoder(indent).encode(value)
    except (TypeError, RecursionError) as error:
        raise ValueError(str(error)) from error


@cache
def _encoder(indent: int | None) -> json.JSONEncoder:
    separators = (",", ":") if indent is None else (",", ": ")
    return json.JSONEncoder(sort_keys=True, ensure_ascii=False, allow_nan=False, indent=indent, separators=separators)


def parse(text: str) -> Any:
    """Read a value.

    Raises
    ------
    ValueError
        If ``text`` is not JSON, gives a key twice, spells NaN or an infinity, gives a number that no float can be, or
        is nested too deeply.
    """
    return _decode(text, _STRICT)


def parse_numbers(text: str) -> Any:
    """Read what Python's encoder writes by default: JSON, but with NaN, Infinity and -Infinity among its numbers.

    Raises
    ------
    ValueError
        If ``text`` is not that, gives a key twice or a number that no float can be, or is nested too deeply.
    """
    return _decode(text, _LOOSE)


def _decode(text: str, decoder: json.JSONDecoder) -> Any:
    try:
        return decoder.decode(text)
    except RecursionError as error:
        raise ValueError("the JSON is nested too deeply") from error


def _object_of_unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"the JSON gives the key {next(key for key in keys if keys.count(key) > 1)!r} twice")
    return members


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError(f"{digits} is larger than a float can be")
    return number


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_LOOSE = json.JSONDecoder(object_pairs_hook=_object_of_unique_keys, parse_float=_finite)
_STRICT = json.JSONDecoder(
    object_pairs_hook=_object_of_unique_keys, parse_float=_finite, parse_constant=_refuse_constant
)
