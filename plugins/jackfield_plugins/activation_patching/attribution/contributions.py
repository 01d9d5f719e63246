"""What the tokens of a site contribute to first order, and what the places of a sweep add up to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jackfield.sites import Site
from jackfield_plugins.activation_patching.places import Place

__all__ = ["Contributions", "added_up", "first_order"]

Floats = NDArray[np.float64]

Contributions = Mapping[Site, Tensor]
"""Site (all heads) -> what each token moves, ``[pair, column]``, or each head there, ``[pair, column, head]``."""


def first_order(
    base: Mapping[Site, Tensor], source: Mapping[Site, Tensor], slopes: Mapping[Site, Tensor]
) -> Contributions:
    """The change of each activation times the metric's slope there.

    Parameters
    ----------
    base, source
        Site -> activation before and after, of all sites in ``slopes``.
    slopes
        Site -> gradient.
    """
    return {site: ((source[site] - base[site]) * slope).sum(-1) for site, slope in slopes.items()}


def added_up(contributions: Contributions, cells: Sequence[Place]) -> Floats:
    """What each place moves on each prompt, ``[place, pair]``: the sum over its tokens."""
    return np.stack([_sum(contributions[cell.site.all_heads], cell) for cell in cells])


def _sum(contribution: Tensor, cell: Place) -> Floats:
    if cell.site.head is not None:
        contribution = contribution[..., cell.site.head]
    moved = torch.where(cell.where, contribution, 0).sum(-1)
    return np.asarray(moved.double().cpu().numpy())
