"""The scores of all edges, by the scorer that the settings name."""

from __future__ import annotations

import numpy as np

from jackfield.errors import UndefinedMetricError
from jackfield_plugins.circuit_discovery.config import CircuitDiscoveryConfig, Scorer
from jackfield_plugins.circuit_discovery.contrast import Contrast
from jackfield_plugins.circuit_discovery.evaluation import Evaluator
from jackfield_plugins.circuit_discovery.scorers.activations import activation_scores
from jackfield_plugins.circuit_discovery.scorers.exact import exact_scores
from jackfield_plugins.circuit_discovery.scorers.gradient import CLEAN, EdgeScores, gradient_scores
from jackfield_plugins.circuit_discovery.scorers.information_flow import route_scores

__all__ = ["scored"]


def scored(contrast: Contrast, config: CircuitDiscoveryConfig) -> EdgeScores:
    """Score every edge on every pair.

    Raises
    ------
    UndefinedMetricError
        If a score is not a number, or no edge scores anything: the metric is flat where slopes are taken.
    """
    scores = _scored(contrast, config)
    unknown = int((~np.isfinite(scores.values)).sum())
    if unknown or not scores.values.any():
        what = f"{unknown} edge scores are infinite or not numbers" if unknown else "no edge scores anything"
        raise UndefinedMetricError(
            f"{what} by {config.scorer.label} with metric {contrast.bench.metric.name!r}; choose another metric, such "
            "as logit_difference, or another scorer"
        )
    return scores


def _scored(contrast: Contrast, config: CircuitDiscoveryConfig) -> EdgeScores:
    points = config.rule.points(config.steps)
    if config.scorer is Scorer.EAP:
        return gradient_scores(contrast, CLEAN)
    if config.scorer is Scorer.EAP_IG_INPUTS:
        return gradient_scores(contrast, points)
    if config.scorer is Scorer.EAP_IG_ACTIVATIONS:
        return activation_scores(contrast, points)
    if config.scorer is Scorer.CLEAN_CORRUPTED:
        return gradient_scores(contrast, (0.0, 1.0))
    if config.scorer is Scorer.INFORMATION_FLOW:
        return route_scores(contrast)
    grid = contrast.grid
    return EdgeScores(exact_scores(Evaluator(contrast, config.ablation), range(grid.size), grid.size, "exact effects"))
