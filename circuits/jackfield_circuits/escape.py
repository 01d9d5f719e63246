r"""Text in XML: the characters that a reader would refuse or change are spelled ``\uXXXX``, and back.

A backslash is spelled so too, which makes it reversible: after `escape`, every backslash begins an escape.
"""

from __future__ import annotations

import re

__all__ = ["escape", "escape_json", "unescape"]

_UNSAFE = "\x00-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff"
_IN_TEXT = re.compile(rf"[\\{_UNSAFE}]")
_IN_JSON = re.compile(f"[{_UNSAFE}]")
_ESCAPED = re.compile(r"\\u([0-9a-f]{4})")


def escape(text: str) -> str:
    r"""Spell control characters, non-characters and backslashes as ``\uXXXX``; the inverse is `unescape`."""
    return _IN_TEXT.sub(_spell, text)


def escape_json(text: str) -> str:
    """Do the same inside JSON, where a backslash already begins an escape; the inverse is to parse the JSON."""
    return _IN_JSON.sub(_spell, text)


def unescape(text: str) -> str:
    """Read what `escape` wrote."""
    return _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text) if "\\" in text else text


def _spell(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"
