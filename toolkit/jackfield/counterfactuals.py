"""Counterfactual data sets: bases, sources, and what a causal model answers when a variable comes from the source."""

from __future__ import annotations

import random
from collections.abc import Collection
from dataclasses import dataclass
from typing import Self

from jackfield.causal_models import CausalModel, Setting, Value
from jackfield.errors import CausalModelError

__all__ = ["Counterfactual", "CounterfactualSet"]

_MOST_DRAWS = 400


@dataclass(frozen=True)
class Counterfactual:
    """A base, a source, the output on the base, and the output on it when a variable has its value on the source."""

    base: Setting
    source: Setting
    base_label: Value
    label: Value

    @property
    def key(self) -> tuple[Value, ...]:
        """The values of base and source, by which counterfactuals are told apart."""
        return tuple(setting[name] for setting in (self.base, self.source) for name in sorted(setting))

    @property
    def is_changed(self) -> bool:
        """Whether the interchange changes the output."""
        return self.label != self.base_label


@dataclass(frozen=True)
class CounterfactualSet:
    """Counterfactuals of one variable.

    Parameters
    ----------
    variable
        The variable that is interchanged.
    rows
        The counterfactuals.
    """

    variable: str
    rows: tuple[Counterfactual, ...]

    @classmethod
    def draw(
        cls, model: CausalModel, variable: str, count: int, draw: random.Random, changed_share: float = 0.5
    ) -> Self:
        """Draw different counterfactuals, of which a given share changes the output.

        Parameters
        ----------
        model, variable
            What is interchanged in what.
        count
            How many to draw.
        draw
            Source of randomness.
        changed_share
            The share that changes the output, from 0 to 1.

        Raises
        ------
        CausalModelError
            If there is no such variable, its interchange never, or always, changes the output as far as was seen, or
            there are too few different ones.

        Examples
        --------
        >>> from jackfield.builtins.algorithms import HIERARCHICAL_EQUALITY
        >>> drawn = CounterfactualSet.draw(HIERARCHICAL_EQUALITY, "WX", 10, random.Random(0))
        >>> drawn.changed_share
        0.5
        """
        rows: dict[tuple[Value, ...], Counterfactual] = {}
        for index in range(count):
            wanted = int((index + 1) * changed_share) > int(index * changed_share)
            row = _drawn(model, variable, draw, wanted, rows)
            rows[row.key] = row
        return cls(variable, tuple(draw.sample([*rows.values()], count)))

    @classmethod
    def draw_isolating(cls, model: CausalModel, variable: str, count: int, draw: random.Random) -> Self | None:
        """Draw counterfactuals in which base and source agree on the variable, and have different outputs.

        Whoever moves the variable alone leaves the output as it is; whoever moves more is found out. ``None`` if there
        is none, since the variable fixes the output.

        Parameters
        ----------
        model, variable, count, draw
            As for ``draw``.
        """
        rows: list[Counterfactual] = []
        for _ in range(count):
            for _ in range(_MOST_DRAWS):
                base, source = model.draw(draw), model.draw(draw)
                on_base, on_source = model.run(base), model.run(source)
                label = on_base[model.output]
                if on_base[variable] == on_source[variable] and label != on_source[model.output]:
                    rows.append(Counterfactual(base, source, label, label))
                    break
            else:
                return None
        return cls(variable, tuple(rows))

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def changed_share(self) -> float:
        """The share of interchanges that change the output; doing nothing is right on all others."""
        return sum(row.is_changed for row in self.rows) / len(self.rows)


def _drawn(
    model: CausalModel, variable: str, draw: random.Random, wanted: bool, known: Collection[tuple[Value, ...]]
) -> Counterfactual:
    repeated = 0
    for _ in range(_MOST_DRAWS):
        base, source = model.draw(draw), model.draw(draw)
        label = model.run_interchange(base, {variable: source})[model.output]
        row = Counterfactual(base, source, model.run(base)[model.output], label)
        if row.is_changed is wanted:
            if row.key not in known:
                return row
            repeated += 1
    if repeated:
        raise CausalModelError(
            f"{model.name} has too few values for so many different counterfactuals of {variable}: it gave "
            f"{len(known)}, and then {repeated} that were there already; ask for fewer, or give it larger domains"
        )
    found = "never changes" if wanted else "always changes"
    raise CausalModelError(
        f"an interchange of {variable} {found} the output {model.output} of {model.name} in {_MOST_DRAWS} draws, so "
        "nothing can be learned from it; choose another variable, or a sampler that draws its values more evenly"
    )
