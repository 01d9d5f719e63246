"""One search for a circuit: chosen on one half of the pairs, to be judged on the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from jackfield.bench import Bench
from jackfield.edge_grid import EdgeGrid
from jackfield.errors import TaskError
from jackfield.statistics import Resamples, mean_share
from jackfield_plugins.circuit_discovery.choice import Choice, smallest
from jackfield_plugins.circuit_discovery.config import CircuitDiscoveryConfig, Selector
from jackfield_plugins.circuit_discovery.contrast import Contrast
from jackfield_plugins.circuit_discovery.evaluation import Evaluator
from jackfield_plugins.circuit_discovery.scorers.acdc import acdc
from jackfield_plugins.circuit_discovery.scorers.gradient import EdgeScores
from jackfield_plugins.circuit_discovery.scoring import scored
from jackfield_plugins.circuit_discovery.screening import Verified
from jackfield_plugins.circuit_discovery.selection import pruned
from jackfield_plugins.circuit_discovery.stability import Stability

__all__ = ["Half", "Search"]

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

_LEAST_PAIRS = 4
_ACDC_REPEATS = 4


@dataclass(frozen=True, eq=False)
class Half:
    """One half of the pairs.

    Parameters
    ----------
    contrast
        Its prompts.
    evaluator
        Runs circuits on them.
    scores
        What each edge carries on each of them, ``[pair, edge]``, in the metric's unit.
    """

    contrast: Contrast
    evaluator: Evaluator
    scores: Floats

    @property
    def shares(self) -> Floats:
        """What each edge carries of the difference on average, ``[edge]``."""
        return mean_share(self.scores.T, self.contrast.whole)


@dataclass(frozen=True, eq=False)
class Search:
    """What was scored and chosen, and what judges it.

    Parameters
    ----------
    bench, config
        What was asked.
    scores
        Of all pairs.
    choosing, judging
        The halves.
    verified
        Exact effects, on the judging half.
    ranking
        What edges are chosen by, ``[edge]``, shares of the difference.
    chosen
        The edges chosen, before those that lead nowhere were left out.
    """

    bench: Bench
    config: CircuitDiscoveryConfig
    scores: EdgeScores
    choosing: Half
    judging: Half
    verified: Verified
    ranking: Floats
    chosen: Mask

    @classmethod
    def begin(cls, bench: Bench, config: CircuitDiscoveryConfig) -> Self:
        """Score, verify and choose; errors are those of ``CircuitDiscovery.run``."""
        if len(bench.pairs) < _LEAST_PAIRS:
            raise TaskError(
                f"a circuit is chosen on one half of the pairs and judged on the other: {len(bench.pairs)} pairs are "
                f"too few, {_LEAST_PAIRS} are the least"
            )
        contrast = Contrast.prepare(bench, config.memory * 2**20)
        choice = Choice(contrast.grid, config)
        choice.require_count()
        scores = scored(contrast, config)
        choosing, judging = (
            Half(part, Evaluator(part, config.ablation), scores.values[rows])
            for rows in bench.pairs.half_rows(bench.draw("halves"))
            for part in [contrast.select(rows)]
        )
        ranking = choosing.shares
        verified = Verified.of(judging.evaluator, ranking, config.verify, config.sample, bench.draw("verified sample"))
        if config.rerank:
            known = Verified.of(choosing.evaluator, ranking, config.verify, 0, bench.draw("reranking"))
            ranking = known.reranked(ranking, mean_share(known.effects.T, choosing.contrast.whole))
        chosen = _chosen(bench, choice, ranking, choosing)
        return cls(bench, config, scores, choosing, judging, verified, ranking, chosen)

    @property
    def choice(self) -> Choice:
        return Choice(self.grid, self.config)

    @property
    def grid(self) -> EdgeGrid:
        return self.judging.contrast.grid

    @property
    def circuit(self) -> Mask:
        """The chosen edges that lead from the input to the logits."""
        return pruned(self.grid, self.chosen)

    @property
    def count(self) -> int:
        """How many units were chosen: edges, or nodes."""
        rows, _ = self.grid.cells
        return len(np.unique(rows[self.chosen])) if self.choice.by_nodes else int(self.chosen.sum())

    def stability(self) -> Stability:
        """Repeat the choice on resampled pairs of the choosing half."""
        config, half = self.config, self.choosing
        whole = half.contrast.whole
        draws = config.resamples if config.select is not Selector.ACDC else min(_ACDC_REPEATS, config.resamples)

        def choose(weights: Floats) -> Mask:
            if config.select is Selector.ACDC:
                rows = np.repeat(np.arange(len(whole)), np.round(weights * len(whole)).astype(int)).tolist()
                return pruned(self.grid, _acdc(self.bench, config, half.contrast.select(rows)))
            shares = (weights @ half.scores) / (weights @ whole)
            if config.select is Selector.THRESHOLD:
                return pruned(self.grid, self.choice.above_threshold(shares))
            return pruned(self.grid, self.choice.of(shares, max(1, self.count)))

        resamples = Resamples.draw(len(whole), self.bench.rng("resampled choice"), draws)
        return Stability.of(self.circuit, choose, resamples, self.bench.progress)


def _chosen(bench: Bench, choice: Choice, ranking: Floats, half: Half) -> Mask:
    config = choice.config
    if config.select is Selector.ACDC:
        return _acdc(bench, config, half.contrast)
    if config.select is Selector.THRESHOLD:
        return choice.above_threshold(ranking)
    count = config.count or smallest(
        choice, ranking, half.evaluator, config.faithfulness, "looking for the smallest circuit"
    )
    return choice.of(ranking, count or choice.units)


def _acdc(bench: Bench, config: CircuitDiscoveryConfig, contrast: Contrast) -> Mask:
    draw = bench.draw("order of ACDC")
    return acdc(contrast, config.threshold, config.order, config.damage, config.ablation, draw)
