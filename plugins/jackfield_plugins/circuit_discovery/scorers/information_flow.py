"""Information-flow routes: how much of what a node reads is one sender's, in the clean run alone."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from jackfield.circuit_runs import contributions, writer_sites
from jackfield.progress import track
from jackfield.sites import Kind, Site
from jackfield_plugins.circuit_discovery.contrast import Contrast
from jackfield_plugins.circuit_discovery.scorers.gradient import EdgeScores

__all__ = ["route_scores"]


def route_scores(contrast: Contrast) -> EdgeScores:
    """Score every edge by how much nearer its sender brings the stream to what the receiver reads.

    The proximity of a sender's part ``x`` to the stream ``y`` is ``max(0, |y| - |y - x|)`` in the 1-norm; it is divided
    by the sum over all senders that feed the receiver, token by token, and averaged over the tokens of a prompt. There
    is no metric and no corrupted prompt in it, no sign, and all heads of a layer read the same stream, so their edges
    score alike. It is meant for greedy selection.

    Source: Ferrando and Voita (arXiv 2403.00824).
    """
    parts = list(contrast.parts())
    values = [_scored(contrast, rows) for rows in track(parts, "scoring edges", contrast.bench.progress)]
    return EdgeScores(np.concatenate([contrast.grid.listed(part).double().cpu().numpy() for part in values]))


def _scored(contrast: Contrast, rows: list[int]) -> Tensor:
    grid, model, batch = contrast.grid, contrast.bench.model, contrast.clean.select(rows)
    middle = [] if grid.shape.parallel_blocks else [Kind.RESID_MID]
    streams = [Site(kind, layer) for layer in range(grid.shape.n_layers) for kind in (Kind.RESID_PRE, *middle)]
    last = Site(Kind.RESID_POST, grid.shape.n_layers - 1)
    run = model.run_with_cache(batch, {*writer_sites(model), *streams, last})
    written = contributions(contrast.projections, grid, run.activations)
    scores = written.new_zeros(len(rows), len(grid.senders), len(grid.receivers))
    for layer in range(grid.shape.n_layers):
        before, mlp = grid.read_before(layer), Site(Kind.MLP_IN, layer)
        stream = run[Site(Kind.RESID_PRE, layer)]
        scores[:, :before, grid.columns_of(layer)] = _proximity(written[:, :before], stream, batch.mask)[..., None]
        read = run[Site(middle[0], layer)] if middle else stream
        scores[:, : grid.fed(mlp), grid.column(mlp)] = _proximity(written[:, : grid.fed(mlp)], read, batch.mask)
    scores[:, :, -1] = _proximity(written, run[last], batch.mask)
    return scores


def _proximity(parts: Tensor, stream: Tensor, mask: Tensor) -> Tensor:
    """``[pair, sender, column, d_model]`` beside ``[pair, column, d_model]``: shares, ``[pair, sender]``."""
    near = (stream.abs().sum(-1)[:, None] - (stream[:, None] - parts).abs().sum(-1)).clamp(min=0)
    share = near / near.sum(1, keepdim=True).clamp(min=torch.finfo(near.dtype).tiny)
    return (share * mask[:, None]).sum(-1) / mask.sum(-1)[:, None]
