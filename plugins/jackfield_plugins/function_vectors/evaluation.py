"""What a model answers when vectors are added to its residual stream at the last token."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from jackfield.bench import Bench
from jackfield.interventions import add
from jackfield.replay import sweep
from jackfield.sites import Kind, Site
from jackfield_plugins.function_vectors.prompts import Prompts, grading

__all__ = ["Addition", "graded"]

Floats = NDArray[np.float64]

Addition = tuple[int, Tensor]
"""The layer after which a vector is added, and the vector, ``[d_model]``."""


def graded(
    bench: Bench, prompts: Prompts, additions: Sequence[Addition], description: str, metric: str = "rank"
) -> Floats:
    """A metric of each prompt under each addition, ``[addition, prompt]``.

    Parameters
    ----------
    bench
        Gives the model and the progress reporter.
    prompts
        What is asked.
    additions
        What is added, one at a time.
    description
        What progress is reported as.
    metric
        Name of a built-in metric.
    """
    ends = prompts.ends
    return sweep(
        grading(bench, metric), prompts.tokens, prompts.key, additions,
        lambda addition: [add(Site(Kind.RESID_POST, addition[0]), addition[1], ends)], description,
    )  # fmt: skip
