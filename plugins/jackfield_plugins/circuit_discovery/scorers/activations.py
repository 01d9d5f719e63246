"""EAP-IG (activations): slopes on the way of one component's output at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from jackfield.circuit_runs import contributions, writer_sites
from jackfield.interventions import replace
from jackfield.progress import track
from jackfield.sites import Kind, Site
from jackfield_plugins.circuit_discovery.contrast import Contrast
from jackfield_plugins.circuit_discovery.scorers.gradient import EdgeScores
from jackfield_plugins.circuit_discovery.scorers.slopes import INPUT, contracted, differentiated, slopes

__all__ = ["activation_scores"]


def activation_scores(contrast: Contrast, points: Sequence[float]) -> EdgeScores:
    """Score the edges out of each component by slopes on the way of its output, all else being as it follows.

    Components are the input, each layer's attention as a whole, and each MLP. Each is taken from what it is in the
    corrupted prompt to what it is in the clean one, in an otherwise clean run; only edges that leave it are scored by
    the slopes found on that way.

    Parameters
    ----------
    contrast
        The pairs.
    points
        Where slopes are taken: 0 is the corrupted output, 1 the clean one.

    Notes
    -----
    The published code lets every edge gather slopes from every component's way and divides by the number of passes;
    this is the procedure that the paper describes.

    Source: Hanna et al. (arXiv 2403.17806).
    """
    parts = list(contrast.parts(len(points)))
    values = [_scored(contrast, rows, points) for rows in track(parts, "scoring edges", contrast.bench.progress)]
    return EdgeScores(np.concatenate([contrast.grid.listed(part).double().cpu().numpy() for part in values]))


def _scored(contrast: Contrast, rows: Sequence[int], points: Sequence[float]) -> Tensor:
    grid, model = contrast.grid, contrast.bench.model
    clean, corrupted = (
        model.run_with_cache(batch.select(rows), writer_sites(model)) for batch in (contrast.clean, contrast.corrupted)
    )
    change = contributions(contrast.projections, grid, clean.activations)
    change -= contributions(contrast.projections, grid, corrupted.activations)
    change *= contrast.clean.select(rows).mask[:, None, :, None]
    scores = change.new_zeros(len(rows), len(grid.senders), len(grid.receivers))
    for site, senders in _components(contrast):
        way = torch.cat([point * clean[site] + (1 - point) * corrupted[site] for point in points])
        run = differentiated(contrast, rows, len(points), [replace(site, way)], after=site)
        for slope in slopes(contrast, run, len(points)):
            fed = slice(senders.start, min(senders.stop, slope.fed))
            if fed.start < fed.stop:
                scores[:, fed, slope.columns] = contracted(change[:, : fed.stop], slope)[:, fed]
    return scores


def _components(contrast: Contrast) -> Iterator[tuple[Site, slice]]:
    """Where each component's output is set, and its rows in the grid."""
    grid = contrast.grid
    yield INPUT, slice(0, 1)
    for layer in range(grid.shape.n_layers):
        first = grid.read_before(layer)
        yield Site(Kind.Z, layer), slice(first, first + grid.shape.n_heads)
        yield Site(Kind.MLP_OUT, layer), slice(first + grid.shape.n_heads, first + grid.shape.n_heads + 1)
