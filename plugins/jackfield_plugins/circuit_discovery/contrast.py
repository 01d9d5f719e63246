"""What all scores of a run share: two prompts for every pair, and what each sender writes in either."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from jackfield.bench import Bench
from jackfield.circuit_runs import contributions, writer_sites
from jackfield.edge_grid import EdgeGrid
from jackfield.metrics import AnswerKey
from jackfield.projections import Projections
from jackfield.statistics import mean_share
from jackfield.token_batch import TokenBatch

__all__ = ["Contrast"]

Floats = NDArray[np.float64]

_GRAPH = 14
"""Numbers per token, layer and ``d_model`` that a pass of gpt2-small's shape keeps until it is differentiated."""


@dataclass(frozen=True, eq=False)
class Contrast:
    """The pairs of a bench, ready to be scored.

    Parameters
    ----------
    bench
        Model, pairs and metric.
    grid, projections
        The model's edges, and how its heads read and write.
    key
        What predictions are graded against.
    clean_metric, corrupted_metric
        ``[pair]``.
    budget
        Bytes that one pass may take, about.
    """

    bench: Bench
    grid: EdgeGrid
    projections: Projections
    key: AnswerKey
    clean_metric: Floats
    corrupted_metric: Floats
    budget: int

    @classmethod
    def prepare(cls, bench: Bench, budget: int = 2**30) -> Contrast:
        """Run both prompts of every pair.

        Raises
        ------
        SiteError
            If the model does not let its heads be told apart.
        UndefinedMetricError
            If clean and corrupted prompts score the same on average.
        """
        projections = Projections.of(bench.model)
        clean = bench.clean_logits()
        key = bench.key(clean)
        before, after = (bench.graded(logits, key) for logits in (clean, bench.corrupted_logits()))
        found = cls(bench, EdgeGrid(bench.model.shape), projections, key, before, after, budget)
        mean_share(found.whole, found.whole)
        return found

    def __len__(self) -> int:
        return len(self.bench.pairs)

    @property
    def clean(self) -> TokenBatch:
        return self.bench.pairs.clean

    @property
    def corrupted(self) -> TokenBatch:
        return self.bench.pairs.corrupted

    @property
    def whole(self) -> Floats:
        """What corruption takes away, ``[pair]``, in the metric's unit."""
        return self.clean_metric - self.corrupted_metric

    def select(self, rows: Sequence[int]) -> Contrast:
        """The contrast of some pairs."""
        chosen = list(rows)
        return replace(
            self,
            bench=replace(self.bench, pairs=self.bench.pairs.select(chosen)),
            key=self.key.select(chosen),
            clean_metric=self.clean_metric[chosen],
            corrupted_metric=self.corrupted_metric[chosen],
        )

    def written(self, batch: TokenBatch) -> Float[Tensor, "prompt sender column d_model"]:
        """What each sender writes in some prompts; nothing at padding."""
        model = self.bench.model
        run = model.run_with_cache(batch, writer_sites(model))
        return contributions(self.projections, self.grid, run.activations) * batch.mask[:, None, :, None]

    def parts(self, points: int = 1) -> Iterator[list[int]]:
        """Pairs that fit the budget together, when each is differentiated at so many points at once."""
        size = max(1, self.budget // self.pair_bytes(points))
        rows = range(len(self))
        for start in range(0, len(self), size):
            yield list(rows[start : start + size])

    def pair_bytes(self, points: int = 1) -> int:
        """About how many bytes the scores of one pair take, differentiated at so many points at once."""
        shape, grid = self.grid.shape, self.grid
        columns = self.clean.tokens.shape[1]
        inputs = shape.n_heads + 2 * shape.n_key_value_heads
        graph = shape.n_layers * (_GRAPH * shape.d_model + 4 * shape.n_heads * columns) + 3 * shape.d_vocab
        numbers = columns * (
            2 * len(grid.senders) * shape.d_model + points * graph + (points + 1) * 3 * inputs * shape.d_model
        )
        return 4 * numbers + 8 * len(grid.senders) * len(grid.receivers)
