"""What an estimate of many patches consists of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Estimates"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Estimates:
    """What patches are estimated to move.

    Parameters
    ----------
    effects, controls
        What each place, and its control, moves on each prompt, ``[place, pair]``.
    magnitudes
        What places are ranked by, ``[place]``, in the metric's unit.
    completeness
        What the input moves on each prompt, ``[pair]``; for integrated gradients only, where all of the difference is
        right.
    """

    effects: Floats
    controls: Floats
    magnitudes: Floats
    completeness: Floats | None = None
