"""EAP and EAP-IG: every edge at once, by what its sender's change comes to at the slope of its receiver's input."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from jackfield.circuit_runs import contributions, writer_sites
from jackfield.hooked_model import CachedRun
from jackfield.interventions import replace
from jackfield.progress import track
from jackfield_plugins.circuit_discovery.contrast import Contrast
from jackfield_plugins.circuit_discovery.scorers.slopes import INPUT, Slope, contracted, differentiated, slopes

__all__ = ["CLEAN", "EdgeScores", "by_token", "gradient_scores", "unit_scores"]

Floats = NDArray[np.float64]

CLEAN = (1.0,)
"""The point at which EAP takes its slopes: 0 is the corrupted prompt's input, 1 the clean one's."""


@dataclass(frozen=True, eq=False)
class EdgeScores:
    """What each edge carries on each pair: an estimate of what the metric loses when that edge is corrupted.

    Parameters
    ----------
    values
        ``[pair, edge]`` in the order of ``EdgeGrid.wires``, in the metric's unit. Positive: the edge helps the answer.
    complete
        What the input's attributions add up to, ``[pair]``: the whole difference, were slopes taken at infinitely many
        points. ``None`` where slopes are not taken along the way of the input.
    """

    values: Floats
    complete: Floats | None = None


def gradient_scores(contrast: Contrast, points: Sequence[float] = CLEAN) -> EdgeScores:
    """Score all edges of all pairs by slopes at some points of the way of the input.

    With the points of a rule that is EAP-IG (inputs), with 1 alone EAP, with 0 and 1 clean-corrupted.

    Parameters
    ----------
    contrast
        The pairs.
    points
        Where slopes are taken: the input is the corrupted prompt's at 0, the clean one's at 1.

    Notes
    -----
    The score of u -> v is the sum over tokens of ``(clean_u - corrupted_u) . d metric / d input_v``. Published code has
    the metric as a loss to be averaged and the change the other way round, which comes to the same sign; it then
    divides a batch's mean by the number of pairs once more.

    Sources: Syed et al. (arXiv 2310.10348) for EAP; Hanna et al. (arXiv 2403.17806) for EAP-IG.
    """
    values, complete = [], []
    parts = list(contrast.parts(len(points)))
    for rows in track(parts, "scoring edges", contrast.bench.progress):
        change, found = _way(contrast, rows, points)
        scores = change.new_zeros(len(rows), len(contrast.grid.senders), len(contrast.grid.receivers))
        for slope in found:
            scores[:, : slope.fed, slope.columns] = contracted(change, slope)
        values.append(contrast.grid.listed(scores).double().cpu().numpy())
        complete.append(scores[:, 0].double().sum(-1).cpu().numpy())
    return EdgeScores(np.concatenate(values), np.concatenate(complete))


def by_token(contrast: Contrast, points: Sequence[float] = CLEAN) -> Float[Tensor, "pair column edge"]:
    """The same scores, token by token: what passes along each edge at each place of each prompt."""
    found = []
    for rows in contrast.parts(len(points)):
        change, way = _way(contrast, rows, points)
        scores = change.new_zeros(len(rows), change.shape[2], len(contrast.grid.senders), len(contrast.grid.receivers))
        for slope in way:
            part = torch.einsum("pscd,rpcd->pcsr", change[:, : slope.fed], slope.values)
            scores[:, :, : slope.fed, slope.columns] = part
        found.append(contrast.grid.listed(scores))
    return torch.cat(found)


def unit_scores(contrast: Contrast, points: Sequence[float] = CLEAN) -> Float[Tensor, "pair sender d_model"]:
    """The scores of single dimensions of what each sender writes; their sum is the sender's own score.

    That sum is also the sum of its outgoing edges' scores, since all that reads a sender reads the same output.
    """
    found = []
    for rows in contrast.parts(len(points)):
        change, way = _way(contrast, rows, points)
        slope_at = torch.zeros_like(change)
        for slope in way:
            slope_at[:, : slope.fed] += slope.values.sum(0)[:, None]
        found.append((change * slope_at).sum(2))
    return torch.cat(found)


def _way(contrast: Contrast, rows: Sequence[int], points: Sequence[float]) -> tuple[Tensor, Iterator[Slope]]:
    """What the clean prompts' senders write beyond the corrupted ones', and the mean slopes over some points."""
    model, sites = contrast.bench.model, writer_sites(contrast.bench.model)
    corrupted = model.run_with_cache(contrast.corrupted.select(rows), sites)
    if tuple(points) == CLEAN:
        run = differentiated(contrast, rows, read=sites)
        clean: CachedRun = run
    else:
        clean = model.run_with_cache(contrast.clean.select(rows), sites)
        ends = clean[INPUT], corrupted[INPUT]
        stops = torch.cat([point * ends[0] + (1 - point) * ends[1] for point in points])
        run = differentiated(contrast, rows, len(points), [replace(INPUT, stops)])
    change = contributions(contrast.projections, contrast.grid, clean.activations)
    change -= contributions(contrast.projections, contrast.grid, corrupted.activations)
    change *= contrast.clean.select(rows).mask[:, None, :, None]
    return change, slopes(contrast, run, len(points))
