"""How long work reports where it stands; a reporter that raises cancels the work."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

__all__ = ["Progress", "silent", "track"]

Item = TypeVar("Item")

Progress = Callable[[str, int, int], None]
"""Called as ``progress(description, done, total)``, first with ``done=0``, last with ``done=total``."""


def silent(description: str, done: int, total: int) -> None:
    """Report nothing."""


def track(items: Sequence[Item], description: str, progress: Progress) -> Iterator[Item]:
    """Iterate over ``items`` and report each one done."""
    progress(description, 0, len(items))
    for done, item in enumerate(items, start=1):
        yield item
        progress(description, done, len(items))
