"""A bench whose pairs are run through circuits, with the corrupted prompt's activations on all other edges."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from jackfield.bench import Bench
from jackfield.circuit_runs import CircuitRuns, contributions, writer_sites
from jackfield.edge_grid import EdgeGrid
from jackfield.projections import Projections
from jackfield.statistics import mean_share
from jackfield.token_batch import TokenBatch

__all__ = ["CircuitBench"]

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

_PROMPTS = 32
_CIRCUITS = 64


class CircuitBench:
    """What circuits do on the pairs of a bench.

    Edges outside a circuit carry what their sender writes in the pair's corrupted prompt (resample ablation).

    Parameters
    ----------
    bench
        Model, pairs and metric.
    projections
        How the model's heads read and write.

    Raises
    ------
    UndefinedMetricError
        If the whole model and the empty circuit score the same on average.
    """

    def __init__(self, bench: Bench, projections: Projections) -> None:
        self.bench, self.grid = bench, EdgeGrid(bench.model.shape)
        self._projections = projections
        self._key = bench.key(bench.clean_logits())
        self.full, self.empty = self.graded([np.ones(self.grid.size, dtype=bool), np.zeros(self.grid.size, dtype=bool)])
        mean_share(self.whole, self.whole)

    @property
    def whole(self) -> Floats:
        """What the whole model has beyond the empty circuit, ``[pair]``, in the metric's unit."""
        found: Floats = self.full - self.empty
        return found

    def graded(self, circuits: Sequence[Mask], description: str | None = None) -> Floats:
        """The metric of each pair under each circuit, ``[circuit, pair]``.

        Parameters
        ----------
        circuits
            Masks of edges in the order of the grid.
        description
            What progress is reported as; it is not reported if omitted.
        """
        pairs, model = self.bench.pairs, self.bench.model
        found = np.empty((len(circuits), len(pairs)))
        total, done = len(circuits) * len(pairs), 0
        for start in range(0, len(pairs), _PROMPTS):
            rows = range(start, min(start + _PROMPTS, len(pairs)))
            part, key = pairs.select(rows), self._key.select(list(rows))
            ablated = self._written(part.corrupted)
            runs = CircuitRuns(model, self._projections, self.grid, part.clean, ablated)
            for first in range(0, len(circuits), _CIRCUITS):
                kept = torch.stack([self.grid.matrix(mask) for mask in circuits[first : first + _CIRCUITS]])
                for chosen, prompts, logits in runs.answers(kept):
                    values = self.bench.graded(logits.flatten(0, 1), key.select(prompts.repeat(len(chosen))))
                    cells = np.ix_(first + chosen.cpu().numpy(), start + prompts.cpu().numpy())
                    found[cells] = values.reshape(len(chosen), len(prompts))
                    if description:
                        self.bench.progress(description, done, total)
                    done += len(chosen) * len(prompts)
        if description:
            self.bench.progress(description, total, total)
        return found

    def faithfulness(self, metrics: Floats) -> Floats:
        """``[circuit, pair]`` metrics as shares of means: 0 the empty circuit's, 1 the whole model's, ``[circuit]``."""
        share: Floats = (metrics - self.empty).mean(-1) / self.whole.mean()
        return share

    def _written(self, batch: TokenBatch) -> Float[Tensor, "prompt sender column d_model"]:
        run = self.bench.model.run_with_cache(batch, writer_sites(self.bench.model))
        return contributions(self._projections, self.grid, run.activations) * batch.mask[:, None, :, None]
