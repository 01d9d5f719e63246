"""On what an analysis is tried: the smallest model, task and settings that it has something to say about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["KNOWN", "Trial"]

KNOWN = "known:"
"""What stands before the name of a known circuit where a model or a task is named."""


@dataclass(frozen=True)
class Trial:
    """A small study, for the checks that try an analysis out.

    Parameters
    ----------
    model
        Name of a model, or ``known:`` and the name of a circuit of ``jackfield.testing.known_circuits``.
    task
        Name of a task, or ``known:`` and the name of such a circuit.
    metric
        How predictions are graded.
    pairs
        Prompt pairs that are drawn.
    settings
        Fields of the analysis' ``Config``; what is left out keeps its default.

    Examples
    --------
    >>> Trial(task="ioi", model="fieldmouse", settings={"layers": [4, 5]}).pairs
    24
    """

    model: str = KNOWN + "induction"
    task: str = KNOWN + "induction"
    metric: str = "logit_difference"
    pairs: int = 24
    settings: Mapping[str, Any] = field(default_factory=dict)
