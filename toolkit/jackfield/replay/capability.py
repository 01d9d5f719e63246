"""What of a model's forward pass can be left out: tried on the base batch, never assumed."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from jackfield.replay.base_run import BaseRun

__all__ = ["Capability"]

_TOLERANCE = {torch.float64: 1e-9, torch.float32: 2e-5, torch.float16: 2e-2, torch.bfloat16: 1e-1}


@dataclass(frozen=True)
class Capability:
    """Whether a run can be resumed, and whether layers and columns can then be left out.

    Parameters
    ----------
    resumes, layers, columns
        Whether it can be resumed at all, at a later layer, at a later column.
    reasons
        Why not, one sentence for each that failed.
    """

    resumes: bool
    layers: bool
    columns: bool
    reasons: tuple[str, ...] = ()

    @classmethod
    def of(cls, base: BaseRun) -> Capability:
        """Resume a base run without changing anything, and compare."""
        kept = sorted(base.streams)
        layer = kept[len(kept) // 2] if kept else 0
        last = int(base.batch.last_columns.min())
        column = min(last, 1 + last // 2) if base.keys else 0
        reasons = []
        if last and not base.keys:
            reasons.append(f"{base.model.identity.architecture} keeps no keys and values that a run could go on from")
        for first_layer, first_column in dict.fromkeys([(layer, column), (layer, 0), (0, column), (0, 0)]):
            failure = _failure(base, first_layer, first_column)
            if failure is None:
                return cls(True, bool(first_layer), bool(first_column), tuple(reasons))
            reasons.append(failure)
        return cls(False, False, False, tuple(reasons))


def _failure(base: BaseRun, layer: int, column: int) -> str | None:
    """What goes wrong when the run is resumed at a layer and column, or ``None`` if it ends as the base run did."""
    asked = f"{base.model.identity.architecture} cannot be resumed at layer {layer}, column {column}"
    try:
        found = base.resume(torch.arange(len(base.batch), device=base.batch.tokens.device), layer, column)
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        return f"{asked}: {type(error).__name__}: {error}"
    dtype = next(base.model.bridge.original_model.parameters()).dtype
    gap = (found - base.logits).abs().max().item()
    limit = _TOLERANCE[dtype] * max(1.0, base.logits.abs().max().item())
    return None if gap <= limit else f"{asked}: its logits are off by {gap:.3g}, allowed {limit:.3g}"
