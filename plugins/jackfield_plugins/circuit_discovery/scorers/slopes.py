"""Slopes of the metric at every receiver's input, without a copy of the residual stream for any head."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from jackfield.gradients import GradientRun
from jackfield.interventions import Intervention
from jackfield.sites import Kind, Site
from jackfield.token_batch import TokenBatch
from jackfield_plugins.circuit_discovery.contrast import Contrast

__all__ = ["INPUT", "Slope", "contracted", "differentiated", "slopes"]

INPUT = Site(Kind.RESID_PRE, 0)
"""Where the input is set: the stream before layer 0, positions and scale included."""

_READ = (Kind.Q, Kind.K, Kind.V)


@dataclass(frozen=True, eq=False)
class Slope:
    """The slopes at some receivers that the same senders feed.

    Parameters
    ----------
    columns
        The receivers' columns in the grid.
    fed
        How many senders, the first rows of the grid, feed them.
    values
        ``[receiver, pair, column, d_model]``.
    """

    columns: slice
    fed: int
    values: Float[Tensor, "receiver pair column d_model"]


def differentiated(
    contrast: Contrast,
    rows: Sequence[int],
    points: int = 1,
    interventions: Sequence[Intervention] = (),
    read: Collection[Site] = (),
    after: Site = INPUT,
) -> GradientRun:
    """Run clean prompts, under interventions, and differentiate the metric wherever something reads the stream.

    Parameters
    ----------
    contrast
        Gives the prompts and the metric.
    rows
        Which pairs.
    points
        How often the pairs are run, one after the other in the batch.
    interventions
        Changes, of ``points * pairs`` rows.
    read
        More sites to keep.
    after
        Readers that it does not feed are left out.
    """
    bench, shape, many = contrast.bench, contrast.grid.shape, list(rows) * points
    layers = range(shape.n_layers)
    readers = [
        *(Site(kind, layer) for layer in layers for kind in (*_READ, Kind.MLP_IN)),
        Site(Kind.RESID_POST, shape.n_layers - 1),
    ]
    key = contrast.key.select(many)
    return bench.model.run_with_gradients(
        _repeated(contrast.clean.select(rows), points),
        [reader for reader in readers if shape.feeds(after, reader)],
        lambda logits: bench.metric(logits, key),
        interventions,
        {*read, *(Site(Kind.RESID_PRE, layer) for layer in layers)},
    )


def slopes(contrast: Contrast, run: GradientRun, points: int = 1) -> Iterator[Slope]:
    """The slopes at the receivers of a run, layer by layer, as means over its points.

    A layer's slopes are made from those of its queries, keys and values when it is their turn, and let go after it.
    """
    grid = contrast.grid

    def mean(values: Tensor) -> Tensor:
        return values.reshape(len(values), points, -1, *values.shape[2:]).mean(1) if points > 1 else values

    for layer in range(grid.shape.n_layers):
        if Site(Kind.Q, layer) in run.gradients:
            inner = {kind: run.gradient(Site(kind, layer)) for kind in _READ}
            pulled = contrast.projections.pulled_back(layer, run[Site(Kind.RESID_PRE, layer)], inner)
            yield Slope(grid.columns_of(layer), grid.read_before(layer), mean(pulled))
        if Site(Kind.MLP_IN, layer) in run.gradients:
            yield _single(contrast, Site(Kind.MLP_IN, layer), mean(run.gradient(Site(Kind.MLP_IN, layer))[None]))
    last = Site(Kind.RESID_POST, grid.shape.n_layers - 1)
    yield _single(contrast, Site(Kind.LOGITS), mean(run.gradient(last)[None]))


def _single(contrast: Contrast, receiver: Site, values: Tensor) -> Slope:
    column = contrast.grid.column(receiver)
    return Slope(slice(column, column + 1), contrast.grid.fed(receiver), values)


def _repeated(batch: TokenBatch, points: int) -> TokenBatch:
    return TokenBatch(batch.tokens.repeat(points, 1), batch.mask.repeat(points, 1)) if points > 1 else batch


def contracted(change: Float[Tensor, "pair sender column d_model"], slope: Slope) -> Float[Tensor, "pair fed receiver"]:
    """What the changes of the senders that feed some receivers come to at their slopes, in the metric's unit."""
    across = slope.values.flatten(2).permute(1, 2, 0)
    found: Tensor = torch.bmm(change[:, : slope.fed].flatten(2), across)
    return found
