"""A function with all that was extracted of it, and the vectors that can be made of that."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from jackfield.bench import Bench
from jackfield.errors import ConfigError
from jackfield.sites import Site
from jackfield_plugins.function_vectors.config import Corruption, FunctionVectorsConfig
from jackfield_plugins.function_vectors.effects import Effects, every_head
from jackfield_plugins.function_vectors.material import Material
from jackfield_plugins.function_vectors.means import Means, written

__all__ = ["Subject", "extract", "mean_effect_ranking"]


@dataclass(frozen=True, eq=False)
class Subject:
    """What was extracted of a function.

    Parameters
    ----------
    material
        The function's inputs and prompts.
    means
        Mean outputs of heads, and mean streams.
    written
        What each head's mean output adds to the residual stream, ``[layer, head, d_model]``.
    effects
        What each head's mean output brings back, by corruption.
    ranking
        All heads, that with the greatest average indirect effect first.
    heads
        How many of them a vector is made of.
    """

    material: Material
    means: Means
    written: Float[Tensor, "layer head d_model"]
    effects: Mapping[Corruption, Effects]
    ranking: tuple[Site, ...]
    heads: int

    @property
    def name(self) -> str:
        return self.material.function.name

    @property
    def own(self) -> tuple[Site, ...]:
        """The heads that this function's vector is made of."""
        return self.ranking[: self.heads]

    @property
    def vector(self) -> Float[Tensor, " d_model"]:
        """The function vector."""
        return self.sum_over(self.own)

    def sum_over(self, heads: Iterable[Site]) -> Float[Tensor, " d_model"]:
        """The sum of what some heads write on average."""
        return torch.stack([self.written[head.layer, head.head] for head in heads]).sum(0)

    def strangers(self, ranking: Iterable[Site]) -> tuple[Site, ...]:
        """As many heads as the vector has, from the front of a ranking, leaving out those that it has."""
        return tuple(head for head in ranking if head not in self.own)[: self.heads]


def extract(
    bench: Bench, config: FunctionVectorsConfig, materials: Sequence[Material], words: Sequence[str]
) -> list[Subject]:
    """Take the means over each function's prompts, and measure what each head's brings back.

    Parameters
    ----------
    bench, config
        The model, and how many prompts and heads.
    materials
        Inputs and prompts of each function.
    words
        What random words are drawn from.

    Raises
    ------
    ConfigError
        If vectors are to be made of more than half of the model's heads.
    """
    every = every_head(bench)
    if 2 * config.heads > len(every):
        raise ConfigError(
            f"vectors of {config.heads} heads leave too few to compare with: {bench.model.name} has {len(every)} heads "
            f"in all; ask for at most {len(every) // 2}"
        )
    means = []
    for material in materials:
        draw = bench.draw(f"mean outputs of {material.function.name}")
        inputs = draw.choices(material.extraction, k=config.mean_prompts)
        means.append(Means.over(bench, material.shot(bench, inputs, draw), f"{material.function.label}: mean outputs"))
    subjects = []
    for index, material in enumerate(materials):
        others = torch.stack([mean.outputs for other, mean in enumerate(means) if other != index]).mean(0)
        effects = {
            corruption: _effects(bench, config, material, corruption, words, (means[index].outputs, others))
            for corruption in config.corruptions
        }
        first = effects[config.corruptions[0]].average
        ranking = tuple(every[place] for place in (-first).argsort(kind="stable"))
        added = written(bench.model, means[index].outputs, bias=config.output_bias)
        subjects.append(Subject(material, means[index], added, effects, ranking, config.heads))
    return subjects


def mean_effect_ranking(bench: Bench, subjects: Sequence[Subject], corruption: Corruption) -> list[Site]:
    """All heads by their average indirect effect over all functions, the greatest first."""
    every = every_head(bench)
    averages = np.sum([subject.effects[corruption].average for subject in subjects], axis=0)
    return [every[place] for place in (-averages).argsort(kind="stable")]


def _effects(
    bench: Bench,
    config: FunctionVectorsConfig,
    material: Material,
    corruption: Corruption,
    words: Sequence[str],
    outputs: tuple[Tensor, Tensor],
) -> Effects:
    draw: random.Random = bench.draw(f"{corruption} of {material.function.name}")
    inputs = draw.choices(material.extraction, k=config.corrupted_prompts)
    prompts = material.shot(bench, inputs, draw, corruption, words)
    description = f"{material.function.label}: heads, {corruption.replace('_', ' ')}"
    return Effects.measure(bench, prompts, *outputs, description)
