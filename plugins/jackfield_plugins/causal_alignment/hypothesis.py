"""That a place holds a variable, and the counterfactuals that ask whether it does."""

from __future__ import annotations

from dataclasses import dataclass

from jackfield.token_batch import TokenBatch
from jackfield_plugins.causal_alignment.lessons import Lessons
from jackfield_plugins.causal_alignment.places import Place

__all__ = ["Hypothesis"]


@dataclass(frozen=True, eq=False)
class Hypothesis:
    """That a place holds a variable.

    Parameters
    ----------
    lessons
        The counterfactuals of the variable.
    batch
        The prompts of the counterfactuals' settings.
    tokens
        The token id of each label.
    place
        Where the variable is said to be.
    """

    lessons: Lessons
    batch: TokenBatch
    tokens: tuple[int, ...]
    place: Place

    @property
    def variable(self) -> str:
        return self.lessons.variable
