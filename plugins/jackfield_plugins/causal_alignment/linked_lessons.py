"""Counterfactuals of several variables, any of which come from sources of their own."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, cycle

import torch

from jackfield.causal_models import CausalModel, Setting, Value
from jackfield.errors import CausalModelError
from jackfield_plugins.causal_alignment.config import CausalAlignmentConfig
from jackfield_plugins.causal_alignment.lessons import Lessons, Rows, Split
from jackfield_plugins.causal_alignment.numbering import Numbering

__all__ = ["draw_linked_lessons"]

_MOST_DRAWS = 400


@dataclass(frozen=True)
class _Row:
    """A base, the source of each variable, which is the base where the variable stays, and both labels."""

    base: Setting
    sources: tuple[Setting, ...]
    base_label: Value
    label: Value

    @property
    def key(self) -> tuple[Value, ...]:
        return tuple(setting[name] for setting in (self.base, *self.sources) for name in sorted(setting))


def draw_linked_lessons(
    causal: CausalModel, variables: Sequence[str], config: CausalAlignmentConfig, draw: random.Random
) -> Lessons:
    """Draw counterfactuals of several variables at once, for a featuriser that links them.

    Every set of variables is interchanged equally often, each variable from a source of its own, and half of the
    labels change, or as many as the configuration asks for. A variable that is not interchanged has the base as its
    source. Rows of different splits are different ones, and no word of ``Split.VALUES`` is trained on.

    Parameters
    ----------
    causal, variables
        Which variables of what.
    config
        How many counterfactuals of which kind.
    draw
        Source of randomness.

    Raises
    ------
    CausalModelError
        If there are too few values to hold some out or for so many different counterfactuals, or an interchange never
        changes the output.
    """
    taught, held_out = causal.split(draw, config.held_out_share)
    sizes = {
        Split.TRAIN: config.train_pairs,
        Split.VALIDATION: config.validation_pairs,
        Split.PAIRS: config.test_pairs,
    }
    drawn = _different(taught, variables, sum(sizes.values()), config.changed_share, draw)
    sets = {split: [next(drawn) for _ in range(size)] for split, size in sizes.items()}
    sets[Split.VALUES] = [*_different(held_out, variables, config.test_pairs, config.changed_share, draw)]
    numbering = Numbering(causal)
    rows = {split: _rows(numbering, part) for split, part in sets.items()}
    return Lessons(", ".join(variables), numbering.settings, numbering.truth(), rows)


def _different(
    causal: CausalModel, variables: Sequence[str], count: int, changed_share: float, draw: random.Random
) -> Iterator[_Row]:
    """Rows that are all different, by set of variables in turn, in a random order."""
    sets = [moved for size in range(1, len(variables) + 1) for moved in combinations(variables, size)]
    rows: dict[tuple[Value, ...], _Row] = {}
    for index, moved in zip(range(count), cycle(sets), strict=False):
        turn = index // len(sets)
        wanted = int((turn + 1) * changed_share) > int(turn * changed_share)
        row = _drawn(causal, variables, moved, wanted, rows, draw)
        rows[row.key] = row
    yield from draw.sample([*rows.values()], count)


def _drawn(
    causal: CausalModel,
    variables: Sequence[str],
    moved: Sequence[str],
    wanted: bool,
    known: Mapping[tuple[Value, ...], _Row],
    draw: random.Random,
) -> _Row:
    for _ in range(_MOST_DRAWS):
        base = causal.draw(draw)
        sources = {name: causal.draw(draw) for name in moved}
        if base in sources.values():
            continue
        labels = causal.run(base)[causal.output], causal.run_interchange(base, sources)[causal.output]
        row = _Row(base, tuple(sources.get(name, base) for name in variables), *labels)
        if (labels[0] != labels[1]) is wanted and row.key not in known:
            return row
    raise CausalModelError(
        f"{_MOST_DRAWS} draws gave no other interchange of {' and '.join(moved)} in {causal.name} that "
        f"{'changes' if wanted else 'keeps'} the output; ask for fewer counterfactuals, or give it larger domains"
    )


def _rows(numbering: Numbering, drawn: Sequence[_Row]) -> Rows:
    return Rows(
        torch.tensor([numbering.number(row.base) for row in drawn]),
        torch.tensor([[numbering.number(source) for source in row.sources] for row in drawn]),
        numbering.labels(row.base_label for row in drawn),
        numbering.labels(row.label for row in drawn),
    )
