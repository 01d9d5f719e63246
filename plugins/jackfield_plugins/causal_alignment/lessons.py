"""The counterfactuals that maps are trained and tested on, as rows of prompts that are run once."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from jackfield.causal_models import CausalModel, Setting
from jackfield.counterfactuals import Counterfactual, CounterfactualSet
from jackfield_plugins.causal_alignment.config import CausalAlignmentConfig
from jackfield_plugins.causal_alignment.numbering import Numbering

__all__ = ["Lessons", "Rows", "Split", "draw_lessons"]


class Split(StrEnum):
    """What counterfactuals are for."""

    TRAIN = "train"
    VALIDATION = "validation"
    PAIRS = "pairs"
    """Tested: other pairs of prompts, of the words that were trained on."""
    VALUES = "values"
    """Tested: words that were not trained on."""
    ISOLATION = "isolation"
    """Tested: words that were not trained on; base and source agree on the variable, and not on the output."""


@dataclass(frozen=True, eq=False)
class Rows:
    """Counterfactuals as indices of prompts and labels, each ``[row]``; a source for each of linked variables."""

    base: Int[Tensor, " row"]
    source: Int[Tensor, "row ..."]
    base_label: Int[Tensor, " row"]
    label: Int[Tensor, " row"]

    def __len__(self) -> int:
        return len(self.base)

    @property
    def changed(self) -> Bool[Tensor, " row"]:
        """Rows whose interchange changes the label."""
        return self.label != self.base_label

    def permuted(self, generator: torch.Generator) -> Rows:
        """The same rows with their labels in another order, so that nothing can be learned from them."""
        return replace(self, label=self.label[torch.randperm(len(self), generator=generator)])


@dataclass(frozen=True, eq=False)
class Lessons:
    """All counterfactuals of one variable.

    Parameters
    ----------
    variable
        The variable; several with commas between them if they are linked.
    settings
        The prompts' settings, each once.
    truth
        The label of each setting, ``[prompt]``.
    rows
        Counterfactuals by what they are for. Isolation is missing where the variable fixes the output.
    """

    variable: str
    settings: tuple[Setting, ...]
    truth: Int[Tensor, " prompt"]
    rows: Mapping[Split, Rows]


def draw_lessons(causal: CausalModel, variable: str, config: CausalAlignmentConfig, draw: random.Random) -> Lessons:
    """Draw counterfactuals of one variable; those of different splits are different ones.

    Raises
    ------
    CausalModelError
        If there are too few values to hold some out, too few different counterfactuals, or an interchange of the
        variable never changes the output.
    """
    taught, held_out = causal.split(draw, config.held_out_share)
    sizes = {
        Split.TRAIN: config.train_pairs,
        Split.VALIDATION: config.validation_pairs,
        Split.PAIRS: config.test_pairs,
    }
    drawn = CounterfactualSet.draw(taught, variable, sum(sizes.values()), draw, config.changed_share)
    sets: dict[Split, Sequence[Counterfactual]] = {}
    start = 0
    for split, size in sizes.items():
        sets[split] = drawn.rows[start : start + size]
        start += size
    sets[Split.VALUES] = CounterfactualSet.draw(held_out, variable, config.test_pairs, draw, config.changed_share).rows
    isolating = CounterfactualSet.draw_isolating(held_out, variable, config.test_pairs, draw)
    if isolating is not None:
        sets[Split.ISOLATION] = isolating.rows
    return _indexed(causal, variable, sets)


def _indexed(causal: CausalModel, variable: str, sets: Mapping[Split, Sequence[Counterfactual]]) -> Lessons:
    numbering = Numbering(causal)
    rows = {
        split: Rows(
            torch.tensor([numbering.number(row.base) for row in drawn]),
            torch.tensor([numbering.number(row.source) for row in drawn]),
            numbering.labels(row.base_label for row in drawn),
            numbering.labels(row.label for row in drawn),
        )
        for split, drawn in sets.items()
    }
    return Lessons(variable, numbering.settings, numbering.truth(), rows)
