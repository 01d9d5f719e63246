"""What circuits do without the rest of the model, and how near that comes to the whole of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jackfield.checkpoint import NoCheckpoint
from jackfield.circuit_runs import CircuitRuns
from jackfield.metrics import Metric
from jackfield.progress import silent
from jackfield_plugins.circuit_discovery.contrast import Contrast

__all__ = ["Ablation", "Evaluator"]

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

_KEPT_BYTES = 2**31
_AT_ONCE = 256


class Ablation(StrEnum):
    """What edges outside a circuit carry."""

    RESAMPLE = "resample"
    """What the sender writes in the pair's corrupted prompt."""
    ZERO = "zero"
    """Nothing."""
    MEAN = "mean"
    """What it writes on average over all real tokens of the corrupted prompts."""
    POSITIONAL_MEAN = "positional_mean"
    """What it writes at that position on average over the corrupted prompts of the same template."""


class Evaluator:
    """The pairs of a contrast, ready to be run through any circuit.

    Parameters
    ----------
    contrast
        The pairs.
    ablation
        What edges outside a circuit carry.
    """

    def __init__(self, contrast: Contrast, ablation: Ablation) -> None:
        self._contrast, self._ablation = contrast, ablation
        self._means = self._averages()
        self._parts = list(contrast.parts())
        senders = 4 * len(contrast.grid.senders) * contrast.clean.tokens.numel() * contrast.grid.shape.d_model
        self._keeps = 3 * senders <= _KEPT_BYTES
        self._kept: dict[int, CircuitRuns] = {}
        whole, empty = np.ones((1, contrast.grid.size), dtype=bool), np.zeros((1, contrast.grid.size), dtype=bool)
        self.full, self.empty = self.graded([whole[0], empty[0]])

    @property
    def whole(self) -> Floats:
        """What the whole model has beyond the empty circuit, ``[pair]``, in the metric's unit."""
        found: Floats = self.full - self.empty
        return found

    def graded(self, circuits: Sequence[Mask], description: str | None = None, metric: Metric | None = None) -> Floats:
        """The metric of each pair under each circuit, ``[circuit, pair]``.

        Parameters
        ----------
        circuits
            Masks of edges in the order of the grid.
        description
            What progress is reported as, and what is computed is kept in the bench's checkpoint; neither if omitted.
        metric
            Another metric than that of the bench.
        """
        bench, grid = self._contrast.bench, self._contrast.grid
        checkpoint, report = (bench.checkpoint, bench.progress) if description else (NoCheckpoint(), silent)
        metric, name = metric or bench.metric, description or "circuits"
        done = 0
        report(name, done, len(circuits))
        with checkpoint.begin(name, len(circuits), len(self._contrast)) as partial:
            for rows, runs in self._runs():
                key = self._contrast.key.select(rows)
                for start in range(0, len(circuits), _AT_ONCE):
                    kept = torch.stack([grid.matrix(mask) for mask in circuits[start : start + _AT_ONCE]])
                    known = torch.from_numpy(partial.known[start : start + _AT_ONCE][:, rows])
                    for chosen, prompts, logits in runs.answers(kept, known):
                        values = metric(logits.flatten(0, 1), key.select(prompts.repeat(len(chosen))))
                        cells, pairs = np.meshgrid(
                            start + chosen.cpu().numpy(), np.asarray(rows)[prompts.cpu().numpy()], indexing="ij"
                        )
                        partial.fill(cells.ravel(), pairs.ravel(), values.double().cpu().numpy())
                    before, done = done, int(partial.known.mean() * len(circuits))
                    if before < done < len(circuits):
                        report(name, done, len(circuits))
        report(name, len(circuits), len(circuits))
        return partial.values

    def faithfulness(self, metrics: Floats) -> Floats:
        """``[circuit, pair]`` metrics as shares of means: 0 the empty circuit's, 1 the whole model's, ``[circuit]``."""
        share: Floats = (metrics - self.empty).mean(-1) / self.whole.mean()
        return share

    def _runs(self) -> Iterator[tuple[list[int], CircuitRuns]]:
        for index, rows in enumerate(self._parts):
            runs = self._kept.get(index)
            if runs is None:
                contrast = self._contrast
                runs = CircuitRuns(
                    contrast.bench.model, contrast.projections, contrast.grid, contrast.clean.select(rows),
                    self._ablated(rows), contrast.budget // 2,
                )  # fmt: skip
                if self._keeps:
                    self._kept[index] = runs
            yield rows, runs

    def _ablated(self, rows: Sequence[int]) -> Tensor:
        if self._ablation is Ablation.RESAMPLE:
            return self._contrast.written(self._contrast.corrupted.select(rows))
        return self._means[list(rows)] if len(self._means) > 1 else self._means

    def _averages(self) -> Tensor:
        """What is put in place of what senders write, where it is the same in all prompts or in those of a template."""
        contrast = self._contrast
        corrupted, grid = contrast.corrupted, contrast.grid
        if self._ablation is Ablation.MEAN:
            total = sum(
                (contrast.written(corrupted.select(rows)).sum((0, 2)) for rows in contrast.parts()), torch.zeros(())
            )
            return (total / corrupted.mask.sum())[None, :, None]
        if self._ablation is Ablation.POSITIONAL_MEAN:
            columns = corrupted.tokens.shape[1]
            means = torch.empty(len(corrupted), len(grid.senders), columns, grid.shape.d_model)
            for rows in contrast.bench.pairs.rows_by_template.values():
                means[rows] = contrast.written(corrupted.select(rows)).mean(0).to(means)
            return means.to(corrupted.tokens.device)
        return torch.zeros(1, len(grid.senders), 1, grid.shape.d_model, device=corrupted.tokens.device)
