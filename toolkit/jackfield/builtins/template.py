"""A prompt with blanks, from which both prompts of a pair are filled."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jackfield.pairs import PromptPair

__all__ = ["Template"]

_POSITION = re.compile(r"\{([A-Z]\w*)\}")


@dataclass(frozen=True)
class Template:
    """A prompt with blanks in braces; those that begin with a capital are the pair's named positions.

    Parameters
    ----------
    text
        The prompt, such as ``"{IO} and {S1} met ; {S2} saw"``. Of a blank that recurs, the first place is meant.

    Examples
    --------
    >>> template = Template("{IO} and {S1} met ; {S2} saw")
    >>> dict(template.positions)
    {'IO': 0, 'S1': 2, 'S2': 5}
    >>> names = {"IO": "anna", "S1": "ben", "S2": "ben"}
    >>> pair = template.pair(names, {"S2": "anna"}, answers=("anna",), foils=("ben",))
    >>> pair.clean, pair.corrupted
    ('anna and ben met ; ben saw', 'anna and ben met ; anna saw')
    """

    text: str

    @classmethod
    def of(cls, words: Sequence[str]) -> Template:
        """The template that these words make, separated by spaces."""
        return cls(" ".join(words))

    @property
    def positions(self) -> Mapping[str, int]:
        """The named blanks and the indices of their words, in reading order."""
        found: dict[str, int] = {}
        for index, word in enumerate(self.text.split(" ")):
            for name in _POSITION.findall(word):
                found.setdefault(name, index)
        return found

    def pair(
        self,
        blanks: Mapping[str, str],
        change: Mapping[str, str],
        answers: Sequence[str],
        foils: Sequence[str],
        glue: str = " ",
    ) -> PromptPair:
        """Fill the blanks for the clean prompt, and with ``change`` for the corrupted one."""
        from jackfield.pairs import PromptPair

        clean, corrupted = self.text.format_map(blanks), self.text.format_map({**blanks, **change})
        return PromptPair(clean, corrupted, tuple(answers), tuple(foils), self.positions, self.text, glue)
