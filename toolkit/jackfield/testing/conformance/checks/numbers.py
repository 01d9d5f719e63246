"""Whether numbers depend on what they should depend on, and on nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jackfield.errors import JackfieldError
from jackfield.testing.conformance.check import BrokenPromise, Check, NotApplicable
from jackfield.testing.conformance.checks.results import same
from jackfield.testing.conformance.claims import difference

if TYPE_CHECKING:
    from jackfield.testing.conformance.subject import Subject

__all__ = ["CHECKS"]

_ROUNDING = 1e-3
"""The share of the largest score within which two runs in float32 agree."""


def _deterministic(subject: Subject) -> str:
    result = subject.result
    again = subject.on(subject.stage.bench)
    if again.raised is not None:
        raise BrokenPromise(f"it ran once, and then raised {type(again.raised).__name__}")
    if changed := same(result, again.returned):
        raise BrokenPromise(f"{changed} differs between two runs with one seed")
    return "two runs with one seed are the same, bit by bit"


def _padding(subject: Subject) -> str:
    for side in ("left", "right"):
        padded = subject.claims_on(subject.stage.padded(side), f"with padding on the {side}")
        if changed := difference(subject.claims, padded, _ROUNDING):
            raise BrokenPromise(f"with padding on the {side}, {changed}")
    return f"{len(subject.claims)} claims are the same with padding on the left and on the right"


def _precision(subject: Subject) -> str:
    double = subject.claims_on(subject.stage.recast("float64"), "in float64")
    if changed := difference(subject.claims, double, _ROUNDING):
        raise BrokenPromise(f"between float32 and float64, {changed}")
    subject.claims_on(subject.stage.recast("bfloat16"), "in bfloat16")
    return f"{len(double)} claims agree between float32 and float64; bfloat16 runs"


def _device(subject: Subject) -> str:
    import torch

    if not torch.cuda.is_available():
        raise NotApplicable("there is no device here but the CPU")
    moved = subject.claims_on(subject.stage.recast("float32", "cuda"), "on the GPU")
    if changed := difference(subject.claims, moved, 10 * _ROUNDING):
        raise BrokenPromise(f"between CPU and GPU, {changed}")
    return f"{len(moved)} claims agree between CPU and GPU"


def _self_patch(subject: Subject) -> str:
    if not subject.claims:
        raise NotApplicable("the result claims nothing about a node or edge")
    found = subject.claims_unless_refused(subject.stage.untold(), "on pairs of two equal prompts")
    if isinstance(found, JackfieldError):
        return f"pairs of two equal prompts are refused: {type(found).__name__}"
    if difference(subject.claims, found, 0.0) is None:
        raise NotApplicable("the analysis does not look at the corrupted prompts")
    worst = max(found.values(), key=lambda claim: abs(claim.score), default=None)
    if worst is not None and abs(worst.score) > _ROUNDING:
        raise BrokenPromise(f"on pairs of two equal prompts it claims an effect of {worst.score:.3g} {worst.unit}")
    return "pairs of two equal prompts have no effect"


CHECKS = (
    Check(
        "deterministic",
        "Two runs with one seed give the same result, bit by bit.",
        "Draw from bench.rng(purpose) alone; no clocks, no sets or identities to order by.",
        _deterministic,
    ),
    Check(
        "padding",
        "Where prompts are padded, and how much, changes no claim.",
        "Find columns with batch.columns(positions) or batch.last_columns, and leave out columns where batch.mask is "
        "False; never index a padded tensor by position.",
        _padding,
    ),
    Check(
        "precision",
        "The analysis runs in float32, float64 and bfloat16, and the first two agree.",
        "Give new tensors the dtype of the activations beside them, and turn numbers into numpy with .double().",
        _precision,
    ),
    Check(
        "device",
        "The analysis runs where the model is, and finds the same there.",
        "Give new tensors the device of the activations beside them, and call .cpu() before .numpy().",
        _device,
    ),
    Check(
        "self_patch",
        "Between two equal prompts there is no effect.",
        "Measure effects against the run of the very prompts that are patched; refuse to take a share of nothing.",
        _self_patch,
    ),
)
