"""Text from models, files and plugins, made harmless to show: what cannot be seen is spelled out."""

from __future__ import annotations

import unicodedata

__all__ = ["visible"]

_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def visible(text: str) -> str:
    r"""Spell control, formatting, unassigned and surrogate characters as escapes; line feeds stay.

    Escape sequences can then neither steer a terminal nor turn the direction of the text around them.

    Examples
    --------
    >>> visible("\x1b[2J cleared\x00")
    '\\x1b[2J cleared\\x00'
    >>> visible("naïve Ġtoken")
    'naïve Ġtoken'
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        character
        if character == "\n" or unicodedata.category(character) not in _UNSEEN
        else character.encode("unicode_escape", "surrogatepass").decode("ascii")
        for character in text
    )
