"""What senders send: the ground of a run, and what each sender would add to the stream of its prompts."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool
from numpy.typing import NDArray
from torch import Tensor

from jackfield.bench import Bench
from jackfield.comparison import compared
from jackfield.contributions import changes, read_sites
from jackfield.errors import ConfigError
from jackfield.sites import Site
from jackfield.statistics import mean_share
from jackfield_plugins.activation_patching.config import Direction, Replacement
from jackfield_plugins.activation_patching.ground import Ground
from jackfield_plugins.activation_patching.paths.config import Positions

__all__ = ["Sent", "chosen_tokens"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Sent:
    """What all patches of a run share.

    Parameters
    ----------
    ground
        The prompts and what 0 and 1 mean.
    changed, unrelated
        What each sender adds to the stream in the pair's other prompt, and in an unrelated prompt, less what it adds in
        the prompt that is run: sender -> ``[pair, column, d_model]``.
    """

    ground: Ground
    changed: Mapping[Site, Tensor]
    unrelated: Mapping[Site, Tensor]

    @classmethod
    def prepare(
        cls, bench: Bench, direction: Direction, nodes: Collection[Site], where: Bool[Tensor, "pair column"]
    ) -> Sent:
        """Run both prompts of every pair and see what the senders send at some tokens.

        Raises
        ------
        AlignmentError
            If a template occurs only once, so that no unrelated prompt can serve as control.
        UndefinedMetricError
            If clean and corrupted prompts score the same on average.
        """
        ground = Ground.prepare(bench, direction, Replacement.RESAMPLE, read_sites(nodes))
        mean_share(ground.whole, ground.whole)
        sent = (changes(bench.model, ground.base, source, nodes, where) for source in (ground.values, ground.unrelated))
        return cls(ground, *sent)

    def compared(self, bench: Bench, axis: str, patched: Floats, control: Floats) -> dict[str, object]:
        """Effects beside controls, and the metrics they come from; ``patched`` and ``control`` are ``[cell, pair]``."""
        ground, raw = self.ground, {"unit": bench.metric.unit}
        return {
            **compared(bench, axis, patched - ground.base_metric, control - ground.base_metric, ground.whole),
            "metric": ((axis, "pair"), patched, raw),
            "control_metric": ((axis, "pair"), control, raw),
            "base_metric": ("pair", ground.base_metric, raw),
            "source_metric": ("pair", ground.source_metric, raw),
        }


def chosen_tokens(bench: Bench, positions: Positions) -> Bool[Tensor, "pair column"]:
    """The tokens at which senders are changed.

    Raises
    ------
    ConfigError
        If the task names no such position.
    """
    tokens, known = bench.pairs.clean, bench.pairs.positions
    if positions == "every":
        return tokens.mask
    if unknown := [name for name in positions if name not in known]:
        raise ConfigError(f"task {bench.task!r} names no position {', '.join(unknown)}; it names {', '.join(known)}")
    return torch.stack([tokens.at(known[name]) for name in positions]).any(0)
