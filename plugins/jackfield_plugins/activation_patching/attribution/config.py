"""Settings of attribution patching."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from jackfield.quadrature import Rule
from jackfield_plugins.activation_patching.config import SweepConfig

__all__ = ["AttributionPatchingConfig", "Method"]


class Method(StrEnum):
    """How an effect is estimated."""

    ATP = "atp"
    """By the slope at the prompt that is run."""
    ATP_STAR = "atp_star"
    """The same, with queries and keys taken through the softmax exactly, ranked by what no single layer can cancel."""
    INTEGRATED_GRADIENTS = "integrated_gradients"
    """By the mean slope on the way from the input of the prompt that is run to that of its twin."""

    @property
    def label(self) -> str:
        """How the literature spells it."""
        return {"atp": "AtP", "atp_star": "AtP*", "integrated_gradients": "integrated gradients"}[self.value]


class AttributionPatchingConfig(SweepConfig):
    """Which effects to estimate, how, and how many of them to verify."""

    method: Method = Field(Method.ATP, description="atp, atp_star or integrated_gradients")
    queries_and_keys: bool | None = Field(
        None, description="also every head's queries and keys, by layer, head and position; if omitted, with atp_star"
    )
    steps: int = Field(16, ge=1, description="points on the way of integrated_gradients")
    rule: Rule = Field(Rule.MIDPOINT, description="where those points lie: left, midpoint or right of each piece")
    sample: int = Field(48, ge=2, description="places drawn at random at which the estimate is held to exact patching")
    top: int = Field(16, ge=1, description="strongest places by the estimate that are patched exactly too")
    pairs_at_once: int = Field(32, ge=1, description="pairs in one backward pass; fewer take less memory")

    @property
    def sweeps_queries_and_keys(self) -> bool:
        if self.queries_and_keys is None:
            return self.method is Method.ATP_STAR
        return self.queries_and_keys
