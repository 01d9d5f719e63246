"""All of a model that an analysis must leave as it found it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from jackfield.loading import digest_weights
from jackfield.sites import Gate

if TYPE_CHECKING:
    from jackfield.hooked_model import HookedModel

__all__ = ["ModelState"]


@dataclass(frozen=True)
class ModelState:
    """What is hooked and which gates are open, and the weights by their digest.

    Parameters
    ----------
    hooks
        Names of the places that carry a hook, each with how many.
    gates
        Names of the gates that are open.
    weights
        Digest of all weights, and whether each can be trained.
    """

    hooks: frozenset[tuple[str, int]]
    gates: frozenset[str]
    weights: tuple[str, frozenset[str]]

    @classmethod
    def of(cls, model: HookedModel) -> ModelState:
        """The state that a model is in now."""
        bridge = model.bridge
        counts = {
            name: len(module._forward_hooks) + len(module._forward_pre_hooks) + len(module._backward_hooks)
            for name, module in bridge.named_modules()
        }
        trained = frozenset(name for name, weight in bridge.original_model.named_parameters() if weight.requires_grad)
        return cls(
            frozenset((name, count) for name, count in counts.items() if count),
            frozenset(gate.value for gate in Gate if getattr(bridge.cfg, gate.value, False)),
            (digest_weights(bridge.original_model), trained),
        )

    def traces_of(self, later: ModelState) -> list[str]:
        """What hangs on the model later and did not before, in words."""
        hooks = sorted(name for name, _ in later.hooks - self.hooks)
        gone = sorted(name for name, _ in self.hooks - later.hooks if name not in dict(later.hooks))
        traces = [f"a hook is left at {name or 'the model'}" for name in hooks]
        traces += [f"a hook is gone from {name or 'the model'}" for name in gone]
        return traces + [f"{name} is switched over" for name in sorted(self.gates ^ later.gates)]
