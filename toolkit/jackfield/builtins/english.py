"""English for models other than *fieldmouse*: its words, and how far a model's tokenizer spells a vocabulary."""

from __future__ import annotations

from collections.abc import Sequence

from jackfield.tasks import Words

__all__ = ["EVENTS", "NAMES", "NOUNS", "OPENING", "PLACES", "THINGS", "opening", "share_known"]


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


NAMES = _words(
    """
    Mary John Tom James Dan Martin Amy Sarah Laura Anna Mark Paul Kevin Jack Kate Alice Bob Emma Peter Michael
    David Richard Robert Scott Jason Andrew Lisa Maria Susan Karen Linda Helen Julia Rachel Daniel Thomas George
    Henry Charles William
    """
)
PLACES = _words("store park school station market office beach museum garden library hospital restaurant")
THINGS = _words("drink book ring letter ball gift key map ticket coin flower picture")
EVENTS = _words("war trial plan crisis conflict project program campaign mission")
NOUNS = _words(
    """
    river table window forest bread chair mountain paper king stone bridge horse cloud glass winter bottle island
    doctor engine garden letter moon queen road sugar teacher tree village water wheel gold field summer music
    church army kitchen bird dinner metal
    """
)
OPENING = ("For", "example", ",")
"""Lets a list of words begin in mid-sentence, where byte-pair tokenizers spell its first word as they do the others."""


def share_known(words: Words, vocabulary: Sequence[str]) -> float:
    """How much of a vocabulary the model spells as single tokens, from 0 to 1."""
    return sum(words.knows([word]) for word in vocabulary) / len(vocabulary)


def opening(words: Words) -> tuple[str, ...]:
    """The opening, for models that know its words; nothing for others."""
    return OPENING if words.knows(OPENING) else ()
