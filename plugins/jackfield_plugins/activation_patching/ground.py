"""What all patches of a run share: the prompts that are run, the values that are written, and what 0 and 1 mean."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jackfield.bench import Bench
from jackfield.interventions import Intervention
from jackfield.metrics import AnswerKey
from jackfield.sites import Site
from jackfield.statistics import Estimate
from jackfield.token_batch import TokenBatch
from jackfield_plugins.activation_patching.config import Direction, Replacement

__all__ = ["Ground"]

Floats = NDArray[np.float64]
_Run = tuple[TokenBatch, tuple[Intervention, ...]]


@dataclass(frozen=True, eq=False)
class Ground:
    """What all patches of a run share.

    Parameters
    ----------
    direction
        Which prompts are run, and which the values come from.
    base
        The prompts that are run and written to.
    given
        What is done to them in every run, before any patch: the noise, where that is the corruption.
    key
        What predictions are graded against.
    values, unrelated
        What patches write, and what their control writes: site (all heads) -> activation ``[pair, ...]``.
    base_metric, source_metric
        What an effect of 0 and of 1 means, ``[pair]``.
    """

    direction: Direction
    base: TokenBatch
    given: tuple[Intervention, ...]
    key: AnswerKey
    values: Mapping[Site, Tensor]
    unrelated: Mapping[Site, Tensor]
    base_metric: Floats
    source_metric: Floats

    @classmethod
    def prepare(
        cls,
        bench: Bench,
        direction: Direction,
        replacement: Replacement,
        sites: Collection[Site],
        noise: Intervention | None = None,
    ) -> Self:
        """Run both prompts of every pair, and keep what is to be written at ``sites``.

        With ``noise``, the clean prompt under that intervention takes the place of the corrupted prompt.

        Raises
        ------
        AlignmentError
            If a template occurs only once, so that no unrelated prompt can serve as control.
        """
        pairs, model = bench.pairs, bench.model
        clean: _Run = (pairs.clean, ())
        corrupted: _Run = (pairs.corrupted, ()) if noise is None else (pairs.clean, (noise,))
        (base, given), (source, done) = (corrupted, clean) if direction is Direction.DENOISING else (clean, corrupted)
        run = model.run_with_cache(source, sorted(sites), done)
        before = model.run_with_cache(base, (), given).logits
        key = bench.key(bench.clean_logits())
        partners = pairs.unrelated_rows(bench.draw("unrelated prompts"))
        return cls(
            direction,
            base,
            given,
            key,
            {site: _replaced(bench, replacement, value) for site, value in run.activations.items()},
            {site: value[partners] for site, value in run.activations.items()},
            bench.graded(model.answer_logits(before, base), key),
            bench.graded(model.answer_logits(run.logits, source), key),
        )

    @property
    def whole(self) -> Floats:
        """What there is to move, ``[pair]``."""
        return self.source_metric - self.base_metric

    def baselines(self, bench: Bench) -> dict[str, Estimate]:
        """The metric on the clean and on the corrupted prompts."""
        names = ("corrupted", "clean") if self.direction is Direction.DENOISING else ("clean", "corrupted")
        metrics = (self.base_metric, self.source_metric)
        return {
            name: Estimate.of_mean(values, bench.metric.unit, bench.rng(f"baseline/{name}"))
            for name, values in sorted(zip(names, metrics, strict=True))
        }


def _replaced(bench: Bench, replacement: Replacement, source: Tensor) -> Tensor:
    """What is written in place of the base run's activation, ``[pair, ...]``."""
    if replacement is Replacement.RESAMPLE:
        return source
    if replacement is Replacement.ZERO:
        return torch.zeros_like(source)
    mean = torch.empty_like(source)
    for rows in bench.pairs.rows_by_template.values():
        mean[rows] = source[rows].mean(0)
    return mean
