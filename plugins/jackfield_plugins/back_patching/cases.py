"""The questions that back-patching is tried on: both hops known, and the composed answer wrong or right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from jackfield.bench import Bench
from jackfield.errors import TaskError
from jackfield.pairs import PairBatch
from jackfield.side_questions import SideQuestion, are_answered

__all__ = ["CATEGORIES", "Cases"]

REPEATED, UNKNOWN, SHORTCUT = "asked before", "a hop unknown", "answered by a shortcut"
RIGHT, WRONG = "composition right", "composition wrong"
CATEGORIES = (REPEATED, UNKNOWN, SHORTCUT, RIGHT, WRONG)
"""What becomes of a pair that was drawn; each is counted under the first that holds."""

_FEWEST = 4


@dataclass(frozen=True, eq=False)
class Cases:
    """Questions whose hops the model knows.

    Parameters
    ----------
    wrong, right
        Those whose likeliest next token is not, or is, an answer. Each prompt occurs once.
    counts
        How many pairs fell under each of ``CATEGORIES``.
    """

    wrong: PairBatch
    right: PairBatch
    counts: Mapping[str, int]

    @classmethod
    def sort(cls, bench: Bench, *, keep_shortcuts: bool) -> Self:
        """Sort all pairs that a bench drew, those that it set aside included.

        Raises
        ------
        TaskError
            If the task does not say what its questions rest on, or too few wrong ones are left to choose on one half
            and report on the other.
        """
        batch = bench.pairs if bench.set_aside is None else bench.pairs.joined(bench.set_aside)
        if not all(pair.hops for pair in batch.pairs):
            raise TaskError(
                f"task {bench.task!r} does not say what its questions rest on, so nobody knows which of them the model "
                "could answer; use a task whose pairs have hops, such as two_hop.out_of_distribution"
            )
        found = _categories(bench, batch, keep_shortcuts=keep_shortcuts)
        counted = Counter(found)
        counts = {name: counted[name] for name in CATEGORIES}
        if counts[WRONG] < _FEWEST:
            told = ", ".join(f"{name}: {count}" for name, count in counts.items())
            raise TaskError(
                f"{bench.model.name} leaves {counts[WRONG]} of {len(batch)} questions of {bench.task!r} to be "
                f"repaired, and {_FEWEST} are needed ({told}); draw more pairs or use a harder task"
            )
        wrong, right = ([row for row, name in enumerate(found) if name == kind] for kind in (WRONG, RIGHT))
        return cls(batch.select(wrong), batch.select(right), counts)


def _categories(bench: Bench, batch: PairBatch, *, keep_shortcuts: bool) -> list[str]:
    """The category of each pair."""
    model, pairs = bench.model, batch.pairs
    hops = are_answered(model, [hop for pair in pairs for hop in pair.hops])
    shortcuts = are_answered(model, [shortcut for pair in pairs for shortcut in pair.shortcuts])
    right = are_answered(model, [SideQuestion("whole", pair.clean, pair.answers, pair.glue) for pair in pairs])
    seen: set[str] = set()
    found, hop, shortcut = [], 0, 0
    for pair, composed in zip(pairs, right, strict=True):
        known = all(hops[hop : (hop := hop + len(pair.hops))])
        short = any(shortcuts[shortcut : (shortcut := shortcut + len(pair.shortcuts))])
        if pair.clean in seen:
            found.append(REPEATED)
        elif not known:
            found.append(UNKNOWN)
        elif short and not keep_shortcuts:
            found.append(SHORTCUT)
        else:
            found.append(RIGHT if composed else WRONG)
        seen.add(pair.clean)
    return found
