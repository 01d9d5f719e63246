"""What a check is: a promise, how to keep it, and a function that tries it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = ["BrokenPromise", "Check", "NotApplicable"]


class BrokenPromise(Exception):  # noqa: N818
    """What a check found; it ends the check and never leaves the kit."""


class NotApplicable(Exception):  # noqa: N818
    """Why a check says nothing about a subject; it ends the check and never leaves the kit."""


@dataclass(frozen=True)
class Check:
    """One promise of plugins.

    Parameters
    ----------
    name
        A word or two, for reports.
    promise
        What holds, in a sentence.
    remedy
        What an author does where it does not hold.
    attempt
        Tries it on a subject. Returns what was seen, in a few words; raises ``BrokenPromise`` or ``NotApplicable``.
    whole
        Whether it is about the plugin as a whole; otherwise it is tried on each analysis.
    """

    name: str
    promise: str
    remedy: str
    attempt: Callable[[Any], str]
    whole: bool = False
