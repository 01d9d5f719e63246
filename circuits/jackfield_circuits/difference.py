"""Differences: which claims of two circuits say different things, and which cannot be told apart."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Literal, NamedTuple

from jackfield_circuits.circuit import Circuit
from jackfield_circuits.errors import CircuitError
from jackfield_circuits.evidence import Evidence

__all__ = ["Difference", "Question", "Verdict", "diff"]

Verdict = Literal["changed", "not distinguishable", "not comparable", "only in first", "only in second"]


class Question(NamedTuple):
    """What a claim answers: about which node or edge, measured how and where."""

    name: str
    plugin: str
    method: str
    metric: str
    unit: str
    position: str | None


@dataclass(frozen=True)
class Difference:
    """How the second circuit's answer to a question differs from the first's.

    Attributes
    ----------
    question
        What both were asked.
    verdict
        ``changed`` or ``not distinguishable``; ``not comparable`` where an interval is missing, the intervals have
        different levels, or a circuit answers more than once; ``only in first`` or ``only in second`` where the other
        circuit has no answer, which does not say that it would be another.
    first, second
        The scores, where there is one.
    change, low, high
        Second score minus first, and the interval of that.
    q_value
        Probability of so large a difference where there is none, after correction for all comparable questions.
    """

    question: Question
    verdict: Verdict
    first: float | None = None
    second: float | None = None
    change: float | None = None
    low: float | None = None
    high: float | None = None
    q_value: float | None = None


def diff(first: Circuit, second: Circuit, alpha: float = 0.05) -> tuple[Difference, ...]:
    """Compare two circuits claim by claim, by the claims' intervals.

    The interval of a difference is put together from those of the two scores (MOVER, Zou and Donner 2008): from the
    lower end of one to the upper end of the other, their distances from the scores added in squares. That two intervals
    overlap does not make them indistinguishable, and this finds differences that overlapping intervals hide. It takes
    the two runs as independent, which makes it cautious where they share prompts. p-values suppose that errors are
    normal; they are corrected together (Benjamini-Hochberg).

    Parameters
    ----------
    first, second
        The circuits, such as those of two checkpoints, two seeds or two tasks.
    alpha
        Largest q-value that counts as a change.

    Returns
    -------
    tuple of Difference
        Changes first, the surest one at the head; then the others in the order of the circuits.

    Raises
    ------
    CircuitError
        If ``alpha`` is not from 0 to 1.
    """
    if not 0 <= alpha <= 1:
        raise CircuitError(f"alpha is a probability from 0 to 1, found {alpha}")
    ours, theirs = _answers(first), _answers(second)
    found = [_difference(question, ours.get(question, ()), theirs.get(question, ())) for question in {**ours, **theirs}]
    return tuple(sorted(_corrected(found, alpha), key=_surest_change))


def _surest_change(difference: Difference) -> float:
    return difference.q_value if difference.verdict == "changed" and difference.q_value is not None else 1.0


def _answers(circuit: Circuit) -> dict[Question, tuple[Evidence, ...]]:
    found: dict[Question, tuple[Evidence, ...]] = defaultdict(tuple)
    for element in (*circuit.nodes, *circuit.edges):
        for claim in element.evidence:
            question = Question(str(element), claim.plugin, claim.method, claim.metric, claim.unit, claim.position)
            found[question] += (claim,)
    return found


class _Measured(NamedTuple):
    """A score, how far its interval reaches below and above it (0 where it does not), and the interval's level."""

    score: float
    below: float
    above: float
    level: float


class _Compared(NamedTuple):
    """A difference before correction, with its p-value; ``None`` where nothing was tested."""

    difference: Difference
    p_value: float | None


def _difference(question: Question, ours: Sequence[Evidence], theirs: Sequence[Evidence]) -> _Compared:
    scores = {"first": _single(ours), "second": _single(theirs)}
    if not (ours and theirs):
        return _Compared(Difference(question, "only in first" if ours else "only in second", **scores), None)
    first, second = _measured(ours), _measured(theirs)
    if first is None or second is None or first.level != second.level:
        return _Compared(Difference(question, "not comparable", **scores), None)
    change = second.score - first.score
    below, above = math.hypot(second.below, first.above), math.hypot(second.above, first.below)
    difference = Difference(
        question, "not distinguishable", **scores, change=change, low=change - below, high=change + above
    )
    return _Compared(difference, _p_value(change, below if change > 0 else above, first.level))


def _single(claims: Sequence[Evidence]) -> float | None:
    return claims[0].score if len(claims) == 1 else None


def _measured(claims: Sequence[Evidence]) -> _Measured | None:
    """What a single claim with a finite interval measured."""
    if len(claims) != 1:
        return None
    score, low, high = claims[0].score, claims[0].low, claims[0].high
    if low is None or high is None or not all(map(math.isfinite, (score, low, high))):
        return None
    return _Measured(score, max(0.0, score - low), max(0.0, high - score), claims[0].level)


def _p_value(change: float, margin: float, level: float) -> float:
    """Two-sided; an interval that reaches just to zero gives 1 minus its level."""
    if change == 0:
        return 1.0
    if margin == 0:
        return 0.0
    return math.erfc(NormalDist().inv_cdf((1 + level) / 2) * abs(change) / margin / math.sqrt(2))


def _corrected(found: Sequence[_Compared], alpha: float) -> Iterator[Difference]:
    from scipy.stats import false_discovery_control

    p_values = [each.p_value for each in found if each.p_value is not None]
    q_values = iter(false_discovery_control(p_values) if p_values else ())
    for difference, p_value in found:
        if p_value is None:
            yield difference
        else:
            q_value = float(next(q_values))
            verdict: Verdict = "changed" if q_value <= alpha and difference.change else "not distinguishable"
            yield replace(difference, verdict=verdict, q_value=q_value)
