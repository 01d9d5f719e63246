"""What of a model's forward pass can be left out: tried on the base batch, never assumed."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from jackfield.replay.base_run import BaseRun

__all__ = ["Capability"]

_TOLERANCE = {torch.float64: 1e-9, torch.float32: 2e-5, torch.float16: 2e-2, torch.bfloat16: 1e-1}
_PROMPTS = 4
"""Rows that a model is tried on; they are of different lengths where prompts are."""


@dataclass(frozen=True)
class Capability:
    """Whether a run can be resumed, and what can then be left out.

    Parameters
    ----------
    resumes, layers, columns
        Whether it can be resumed at all, at a later layer, at a later column.
    staggers
        Whether rows that start at different layers can share a forward pass.
    only_answers
        Whether the last block can compute its output at the answer alone.
    reasons
        Why not, one sentence for each that failed.
    """

    resumes: bool = False
    layers: bool = False
    columns: bool = False
    staggers: bool = False
    only_answers: bool = False
    reasons: tuple[str, ...] = ()

    @classmethod
    def of(cls, base: BaseRun) -> Capability:
        """Resume a base run without changing anything, and compare: first leaving out all, then less and less."""
        kept = sorted(base.streams)
        layer = kept[len(kept) // 2] if kept else 0
        last = int(base.batch.last_columns.min())
        column = min(last, 1 + last // 2) if base.keys else 0
        reasons: list[str] = []
        if last and not base.keys:
            reasons.append(f"{base.model.identity.architecture} keeps no keys and values that a run could go on from")
        if not _fails(base, layer, column, staggered=bool(layer), only_answers=True, reasons=[]):
            return cls(True, bool(layer), bool(column), True, True, tuple(reasons))
        for first_layer, first_column in dict.fromkeys([(layer, column), (layer, 0), (0, column), (0, 0)]):
            if not _fails(base, first_layer, first_column, staggered=False, only_answers=False, reasons=reasons):
                return cls(
                    True, bool(first_layer), bool(first_column),
                    not _fails(base, first_layer, first_column, staggered=True, only_answers=False, reasons=reasons),
                    not _fails(base, first_layer, first_column, staggered=False, only_answers=True, reasons=reasons),
                    tuple(reasons),
                )  # fmt: skip
        return cls(reasons=tuple(reasons))


def _fails(base: BaseRun, layer: int, column: int, *, staggered: bool, only_answers: bool, reasons: list[str]) -> bool:
    """Whether the run, resumed at a layer and column, ends otherwise than the base run did; says why in ``reasons``."""
    device = base.batch.tokens.device
    by_length = base.batch.lengths.argsort()
    prompts = by_length[torch.linspace(0, len(by_length) - 1, _PROMPTS, device=device).long()]
    layers = torch.full_like(prompts, layer)
    if staggered:
        layers[: len(layers) // 2] = 0
    how = [f"at layer {layer}, column {column}"]
    how += ["by rows that start at different layers"] * staggered + ["with the answers alone at the end"] * only_answers
    asked = f"{base.model.identity.architecture} cannot be resumed {', '.join(how)}"
    try:
        found = base.resume(prompts, layers, column, only_answers=only_answers)
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        reasons.append(f"{asked}: {type(error).__name__}: {error}")
        return True
    dtype = next(base.model.bridge.original_model.parameters()).dtype
    gap = (found - base.logits[prompts]).abs().max().item()
    limit = _TOLERANCE[dtype] * max(1.0, base.logits.abs().max().item())
    if gap <= limit:
        return False
    reasons.append(f"{asked}: its logits are off by {gap:.3g}, allowed {limit:.3g}")
    return True
