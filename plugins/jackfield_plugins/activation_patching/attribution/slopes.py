"""Slopes of the metric at the sites of a batch, a few prompts at a time."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from jackfield.bench import Bench
from jackfield.errors import ConfigError, UndefinedMetricError
from jackfield.interventions import Intervention
from jackfield.sites import Site
from jackfield_plugins.activation_patching.ground import Ground

__all__ = ["Change", "Slopes"]

Change = Callable[[Sequence[int]], Sequence[Intervention]]
"""The interventions on some rows of the batch."""

_FLAT = 1e-4


@dataclass(frozen=True, eq=False)
class Slopes:
    """The metric of the prompts that are run, ready to be differentiated.

    Parameters
    ----------
    bench, ground
        What is run and graded.
    pairs_at_once
        Prompts in one backward pass.
    """

    bench: Bench
    ground: Ground
    pairs_at_once: int

    def at(self, sites: Collection[Site], change: Change | None = None) -> dict[Site, Tensor]:
        """The gradient of each prompt's metric by the activations of ``sites``, ``[pair, ...]``."""
        every = range(len(self.ground.base))
        parts = [
            self._part(sites, change, every[start : start + self.pairs_at_once])
            for start in range(0, len(every), self.pairs_at_once)
        ]
        return {site: torch.cat([part[site] for part in parts]) for site in sites}

    def _part(self, sites: Collection[Site], change: Change | None, rows: Sequence[int]) -> Mapping[Site, Tensor]:
        metric, key = self.bench.metric, self.ground.key.select(rows)
        run = self.bench.model.run_with_gradients(
            self.ground.base.select(rows),
            sites,
            lambda logits: metric(logits, key),
            () if change is None else change(rows),
        )
        return run.gradients

    def require(self) -> None:
        """Raise unless the metric has a slope at the prompts that are run.

        Raises
        ------
        ConfigError
            If the metric cannot be differentiated.
        UndefinedMetricError
            If it is flat there, so that a slope tells nothing.
        """
        model, metric, ground = self.bench.model, self.bench.metric, self.ground
        logits = model.answer_logits(model.run(ground.base), ground.base).requires_grad_()
        with torch.enable_grad():
            values = metric(logits, ground.key)
        if not values.requires_grad:
            raise ConfigError(
                f"metric {metric.name!r} cannot be differentiated, so nothing can be attributed with it; choose one "
                "that can, such as logit_difference"
            )
        (slope,) = torch.autograd.grad(values.sum(), logits)
        steepest = float((slope.abs().sum(-1) * logits.detach().abs().amax(-1)).mean())
        if steepest < _FLAT * abs(float(ground.whole.mean())):
            raise UndefinedMetricError(
                f"metric {metric.name!r} is flat at the prompts that are run ({ground.direction}), so its slope tells "
                "nothing of what patches do; choose another metric or the other direction"
            )
