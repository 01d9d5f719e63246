"""Gaussian noise on the embeddings of some tokens, as a corruption of the clean prompt."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from jackfield.bench import Bench
from jackfield.interventions import Intervention, add
from jackfield.sites import Kind, Site
from jackfield_plugins.activation_patching.places import tokens_at

__all__ = ["noise"]


def noise(bench: Bench, positions: Sequence[str], level: float) -> Intervention:
    """The intervention that adds noise to what the model embeds of the clean prompts.

    Its standard deviation is ``level`` times that of the embeddings of all tokens of the clean prompts, so that it
    follows the model; every prompt gets noise of its own, the same for the same seed.

    Parameters
    ----------
    bench
        Gives the model, the prompts and the randomness.
    positions
        Names of the positions that get noise.
    level
        In standard deviations of the embeddings.

    Raises
    ------
    ConfigError
        If the task names no such position.
    """
    site, clean = Site(Kind.INPUT), bench.pairs.clean
    where = tokens_at(bench, positions)
    embedded = bench.model.run_with_cache(clean, [site])[site]
    drawn = bench.rng("noise on the embeddings").standard_normal(tuple(embedded.shape))
    return add(site, torch.from_numpy(drawn).to(embedded) * (level * embedded[clean.mask].std()), where)
