"""Settings of circuit discovery."""

from __future__ import annotations

from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

from jackfield.analysis import AnalysisConfig
from jackfield.quadrature import Rule
from jackfield_plugins.circuit_discovery.evaluation import Ablation
from jackfield_plugins.circuit_discovery.scorers.acdc import Damage, Order

__all__ = ["MIB_SIZES", "CircuitDiscoveryConfig", "Level", "Scorer", "Selector"]

MIB_SIZES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
"""The circuit sizes of the MIB benchmark (arXiv 2504.13151), as shares of all units."""


class Scorer(StrEnum):
    """How edges are scored."""

    EAP = "eap"
    EAP_IG_INPUTS = "eap_ig_inputs"
    EAP_IG_ACTIVATIONS = "eap_ig_activations"
    CLEAN_CORRUPTED = "clean_corrupted"
    INFORMATION_FLOW = "information_flow"
    EXACT = "exact"

    @property
    def label(self) -> str:
        """How the literature spells it."""
        return _LABELS[self.value]

    @property
    def integrates(self) -> bool:
        """Whether slopes are taken at several points of a way."""
        return self in (Scorer.EAP_IG_INPUTS, Scorer.EAP_IG_ACTIVATIONS)


_LABELS = {
    "eap": "EAP", "eap_ig_inputs": "EAP-IG (inputs)", "eap_ig_activations": "EAP-IG (activations)",
    "clean_corrupted": "clean-corrupted EAP", "information_flow": "information-flow routes", "exact": "exact effects",
}  # fmt: skip


class Selector(StrEnum):
    """How a circuit is made of scores."""

    TOP = "top"
    """The strongest."""
    GREEDY = "greedy"
    """The strongest that hang together, from the logits back."""
    THRESHOLD = "threshold"
    """All that are at least so strong."""
    ACDC = "acdc"
    """Not by scores: by leaving out one edge after the other."""


class Level(StrEnum):
    """What is chosen."""

    EDGE = "edge"
    NODE = "node"
    """Whole nodes, with all edges out of them."""


class CircuitDiscoveryConfig(AnalysisConfig):
    """How edges are scored, how a circuit is made of them, and what is asked of it."""

    scorer: Scorer = Field(
        Scorer.EAP_IG_INPUTS,
        description="eap, eap_ig_inputs, eap_ig_activations, clean_corrupted, information_flow or exact",
    )
    steps: int = Field(5, ge=1, description="points at which an eap_ig scorer takes slopes")
    rule: Rule = Field(Rule.MIDPOINT, description="where those points lie: left, midpoint or right of each piece")
    ablation: Ablation = Field(
        Ablation.RESAMPLE, description="what edges outside a circuit carry: resample, zero, mean or positional_mean"
    )
    level: Level = Field(Level.EDGE, description="what is chosen: single edges, or nodes with all edges out of them")
    select: Selector = Field(Selector.TOP, description="top, greedy, threshold or acdc")
    absolute: bool = Field(True, description="rank by the size of scores; otherwise by their signed value")
    count: int | None = Field(
        None, ge=1, description="how many to choose; if omitted, as few as reach the faithfulness asked for"
    )
    faithfulness: float = Field(
        0.9,
        gt=0,
        lt=1,
        description="faithfulness of the smallest circuit: with absolute, as near to 1 as this; "
        "otherwise at least this",
    )
    threshold: float = Field(
        0.01, gt=0, description="for threshold: least score; for acdc: least damage (nats, or share of the difference)"
    )
    order: Order = Field(
        Order.NORMAL, description="for acdc: order of edges into one receiver; the circuit depends on it"
    )
    damage: Damage = Field(Damage.TASK, description="for acdc: kl (divergence of predictions) or task (the metric)")
    sizes: tuple[float, ...] = Field(
        MIB_SIZES, min_length=2, description="shares of all edges, or nodes, at which faithfulness is measured"
    )
    verify: int = Field(48, ge=0, description="strongest edges whose exact effect is computed")
    sample: int = Field(
        48, ge=2, description="edges drawn at random from the others, whose exact effect is computed too"
    )
    rerank: bool = Field(False, description="rank the verified edges by their exact effects, before all others")
    random_circuits: int = Field(5, ge=2, description="random circuits at each size, the control")
    resamples: int = Field(200, ge=20, description="times that the choice is repeated on resampled pairs")
    knockouts: int = Field(3, ge=0, description="random sets of nodes by which completeness and minimality are tried")
    rivals: int = Field(3, ge=0, le=4, description="attempts to find another circuit as faithful")
    memory: int = Field(1024, ge=64, description="MiB that one pass may take, about")

    @model_validator(mode="after")
    def _sizes_ascend(self) -> Self:
        if not all(0 < left < right <= 1 for left, right in zip(self.sizes, self.sizes[1:], strict=False)):
            raise ValueError("sizes are ascending shares above 0 and up to 1")
        return self

    @model_validator(mode="after")
    def _choice_is_one(self) -> Self:
        if self.count is not None and self.select in (Selector.THRESHOLD, Selector.ACDC):
            raise ValueError(f"a count and a threshold exclude each other: {self.select} chooses by its threshold")
        if self.level is Level.NODE and self.select in (Selector.GREEDY, Selector.ACDC):
            raise ValueError(f"{self.select} chooses edges, not nodes; choose top or threshold")
        return self
