"""The causal models that jackfield comes with."""

from __future__ import annotations

import random
from collections.abc import Mapping

from jackfield.causal_models import CausalModel, Setting, Value, Variable
from jackfield.organism import world
from jackfield.organism.sentences import yes_no

__all__ = ["ALGORITHMS", "BETWEEN", "EQUALITY", "GREATER_THAN", "HIERARCHICAL_EQUALITY", "IOI", "MODULAR_SUM"]

Domains = Mapping[str, tuple[Value, ...]]

_BITS = (0, 1)
_YES_NO = (yes_no(True), yes_no(False))
_DIGITS = tuple(range(10))


def _equal(left: Value, right: Value) -> int:
    return int(left == right)


def _draw_two(draw: random.Random, domains: Domains) -> Setting:
    """Two words, equal half of the time."""
    left, right = draw.sample(domains["LEFT"], 2)
    return {"LEFT": left, "RIGHT": draw.choice((left, right))}


def _draw_four(draw: random.Random, domains: Domains) -> Setting:
    """Two pairs of words, each equal half of the time."""
    w, x, y, z = draw.sample(domains["W"], 4)
    return {"W": w, "X": draw.choice((w, x)), "Y": y, "Z": draw.choice((y, z))}


def _draw_bounds(draw: random.Random, domains: Domains) -> Setting:
    """Two bounds, the lower one first, and a value between them a third of the time, or else to either side."""
    low, value, high = sorted(draw.sample(domains["VALUE"], 3), key=int)
    return draw.choice(
        (
            {"VALUE": value, "LOW": low, "HIGH": high},
            {"VALUE": low, "LOW": value, "HIGH": high},
            {"VALUE": high, "LOW": low, "HIGH": value},
        )
    )


def _draw_people(draw: random.Random, domains: Domains) -> Setting:
    """Two people, either of whom gives."""
    first, second = draw.sample(domains["IO"], 2)
    return {"IO": first, "S1": second, "S2": draw.choice((first, second))}


def _draw_years(draw: random.Random, domains: Domains) -> Setting:
    """Two different years, of the same decade half of the time where there are such years."""
    years = domains["YEAR"]
    first, second = draw.sample(years, 2)
    near = [year for year in years if _tens(year) == _tens(first) and year != first]
    second = draw.choice(near) if near and draw.random() < 0.5 else second
    return {"YEAR": first, "ENDING": second}


def _tens(year: Value) -> int:
    return int(year) // 10


def _units(year: Value) -> int:
    return int(year) % 10


def _order(first: int, second: int) -> int:
    return (second > first) - (second < first)


EQUALITY = CausalModel(
    "equality",
    "yes if two words are equal",
    (
        Variable("LEFT", world.NOUN_WORDS),
        Variable("RIGHT", world.NOUN_WORDS),
        Variable("SAME", _BITS, ("LEFT", "RIGHT"), _equal),
        Variable("ANSWER", _YES_NO, ("SAME",), lambda same: yes_no(same == 1)),
    ),
    "ANSWER",
    _draw_two,
)

HIERARCHICAL_EQUALITY = CausalModel(
    "hierarchical_equality",
    "yes if both pairs of words are equal or both differ",
    (
        *(Variable(name, world.NOUN_WORDS) for name in "WXYZ"),
        Variable("WX", _BITS, ("W", "X"), _equal),
        Variable("YZ", _BITS, ("Y", "Z"), _equal),
        Variable("ANSWER", _YES_NO, ("WX", "YZ"), lambda wx, yz: yes_no(wx == yz)),
    ),
    "ANSWER",
    _draw_four,
)

BETWEEN = CausalModel(
    "between",
    "yes if a number lies between two others: price tagging with both bounds as variables",
    (
        *(Variable(name, world.NUMBERS) for name in ("VALUE", "LOW", "HIGH")),
        Variable("ABOVE_LOW", _BITS, ("VALUE", "LOW"), lambda value, low: int(int(value) >= int(low))),
        Variable("BELOW_HIGH", _BITS, ("VALUE", "HIGH"), lambda value, high: int(int(value) <= int(high))),
        Variable("ANSWER", _YES_NO, ("ABOVE_LOW", "BELOW_HIGH"), lambda above, below: yes_no(above == below == 1)),
    ),
    "ANSWER",
    _draw_bounds,
)

IOI = CausalModel(
    "ioi",
    "the one of two people who is not the giver, by the place of the one name that does not come again",
    (
        *(Variable(name, world.NAMES) for name in ("IO", "S1", "S2")),
        Variable("PLACE", ("IO", "S1"), ("IO", "S2"), lambda first, giver: "S1" if giver == first else "IO"),
        Variable(
            "RECIPIENT", world.NAMES, ("PLACE", "IO", "S1"),
            lambda place, first, second: first if place == "IO" else second, like="IO",
        ),
        Variable("ANSWER", world.NAMES, ("RECIPIENT",), lambda recipient: recipient, like="IO"),
    ),
    "ANSWER",
    _draw_people,
)  # fmt: skip

GREATER_THAN = CausalModel(
    "greater_than",
    "yes if a two-digit year comes after another: by the tens, or where they are equal by the units",
    (
        *(Variable(name, world.NUMBERS) for name in ("YEAR", "ENDING")),
        Variable("TENS", (-1, 0, 1), ("YEAR", "ENDING"), lambda year, end: _order(_tens(year), _tens(end))),
        Variable("UNITS", (-1, 0, 1), ("YEAR", "ENDING"), lambda year, end: _order(_units(year), _units(end))),
        Variable("ANSWER", _YES_NO, ("TENS", "UNITS"), lambda tens, units: yes_no((tens or units) == 1)),
    ),
    "ANSWER",
    _draw_years,
)

MODULAR_SUM = CausalModel(
    "modular_sum",
    "the last two digits of the sum of two two-digit numbers, by a carry from the units to the tens",
    (
        *(Variable(name, _DIGITS) for name in ("TENS_1", "UNITS_1", "TENS_2", "UNITS_2")),
        Variable("UNITS", _DIGITS, ("UNITS_1", "UNITS_2"), lambda a, b: (a + b) % 10),
        Variable("CARRY", _BITS, ("UNITS_1", "UNITS_2"), lambda a, b: (a + b) // 10),
        Variable("TENS", _DIGITS, ("TENS_1", "TENS_2", "CARRY"), lambda a, b, carry: (a + b + carry) % 10),
        Variable("SUM", tuple(range(100)), ("TENS", "UNITS"), lambda tens, units: 10 * tens + units),
    ),
    "SUM",
)

ALGORITHMS: Mapping[str, CausalModel] = {
    model.name: model for model in (EQUALITY, HIERARCHICAL_EQUALITY, BETWEEN, IOI, GREATER_THAN, MODULAR_SUM)
}
"""Causal models by name. Those named like a task have the task's positions as inputs.

Greater-than alone does not: its task asks for any later year, and an alignment needs an answer that is one of a few.
"""
