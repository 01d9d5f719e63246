"""Whether noise is called a finding."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from jackfield.errors import JackfieldError
from jackfield.testing.conformance.check import BrokenPromise, Check, NotApplicable
from jackfield.testing.conformance.claims import difference

if TYPE_CHECKING:
    from jackfield.bench import Bench
    from jackfield.testing.conformance.subject import Subject

__all__ = ["CHECKS", "LEVEL", "SEEDS"]

SEEDS = 5
"""Draws of each kind of null data."""

LEVEL = 0.05
"""The share of runs on null data that may have a finding."""

_CHANCE = 0.99


def _null(subject: Subject) -> str:
    from scipy.stats import binom

    stage, findings, refusals = subject.stage, list[int](), list[str]()
    if not subject.claims:
        raise NotApplicable("the result claims nothing about a node or edge")
    kinds: dict[str, Callable[[int], Bench]] = {"random weights": stage.unlearned, "random labels": stage.mislabelled}
    for kind, bench_of in kinds.items():
        for seed in range(SEEDS):
            found = subject.claims_unless_refused(bench_of(seed), f"on {kind}")
            if isinstance(found, JackfieldError):
                refusals.append(type(found).__name__)
            elif kind == "random labels" and difference(subject.claims, found, 0.0) is None:
                break
            else:
                findings.append(sum(claim.is_finding() for claim in found.values()))
    if not findings:
        raise NotApplicable(f"all {len(refusals)} sets of null data are refused: {', '.join(sorted({*refusals}))}")
    wrong = sum(count > 0 for count in findings)
    seen = f"{wrong} of {len(findings)} runs on null data have findings"
    if wrong > binom.ppf(_CHANCE, len(findings), LEVEL):
        raise BrokenPromise(f"{seen}, up to {max(findings)}; {LEVEL:.0%} may")
    return seen + (f"; {len(refusals)} more were refused" if refusals else "")


CHECKS = (
    Check(
        "null",
        "Where there is nothing to find, nothing is found, but in one run of twenty: on networks with random weights, "
        "and on trained ones whose answers and foils are exchanged by lot.",
        "Test each effect against a control of its own, prompt by prompt, and correct for the number of tests; choose "
        "on one half of the pairs what you report on the other.",
        _null,
    ),
)
