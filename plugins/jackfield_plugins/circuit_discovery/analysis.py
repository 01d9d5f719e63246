"""Circuit discovery: score, choose, verify, evaluate, and say how sure all that is."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import xarray as xr

from jackfield.analysis import Analysis
from jackfield.bench import Bench
from jackfield.comparison import LEVEL
from jackfield.statistics import Estimate
from jackfield_plugins.circuit_discovery import tables
from jackfield_plugins.circuit_discovery.config import CircuitDiscoveryConfig, Selector
from jackfield_plugins.circuit_discovery.curve import Axis
from jackfield_plugins.circuit_discovery.result import AREAS, RANDOM_EDGES, SETS, CircuitDiscoveryResult
from jackfield_plugins.circuit_discovery.search import Search

__all__ = ["CircuitDiscovery"]


class CircuitDiscovery(Analysis[CircuitDiscoveryConfig]):
    """Find the edges that carry a task, and show what they do without all others.

    Edges are scored on every pair. The circuit is chosen on one half of the pairs; its faithfulness, its edges' effects
    and all controls are reported on the other half. Effects of the strongest edges and of a random sample of the others
    are verified exactly.

    Controls: random edges with the same kind of receiver, random circuits of as many edges at every size, and the
    choice repeated on resampled pairs.

    Sources: Syed et al. (arXiv 2310.10348), Hanna et al. (arXiv 2403.17806), Conmy et al. (arXiv 2304.14997), Mueller
    et al. (arXiv 2504.13151).
    """

    name: ClassVar[str] = "circuit_discovery"
    version: ClassVar[str] = "1"
    summary: ClassVar[str] = "the edges that carry a task, their faithfulness, and how stable the choice is"
    Config = CircuitDiscoveryConfig
    Result = CircuitDiscoveryResult

    def run(self, bench: Bench, config: CircuitDiscoveryConfig) -> CircuitDiscoveryResult:
        """Discover a circuit.

        Raises
        ------
        SiteError
            If the model does not let its heads be told apart.
        TaskError
            If there are fewer than four pairs.
        ConfigError
            If more edges are asked for than there are.
        UndefinedMetricError
            If clean and corrupted prompts score the same on average, the metric cannot be differentiated, or a score is
            not a number.
        """
        search = Search.begin(bench, config)
        grid, contrast, judge = search.grid, search.judging.contrast, search.judging.evaluator
        senders, by_node = tables.nodes(search)
        found = {
            **tables.edges(search), **tables.sizes(search), **tables.circuits(search), **by_node,
            **tables.rivalry(search),
        }  # fmt: skip
        if search.scores.complete is not None:
            complete = (
                search.scores.complete.mean() / np.concatenate([search.choosing.contrast.whole, contrast.whole]).mean()
            )
            found["completeness"] = ((), float(complete), {"unit": "share of the difference"})
        names = {
            "edge": list(grid.names),
            "repetition": np.arange(len(found["jaccard"][1])),
            "size": list(config.sizes),
            "random": np.arange(config.random_circuits),
            "area": list(AREAS),
            "axis": [axis.value for axis in Axis],
            "set": list(SETS),
            "node": senders,
            "knockout": np.arange(len(found["without"][1])),
            "rival": np.arange(len(found["discount"][1])),
        }
        attributes = {
            "level": LEVEL, "judged": len(contrast), "group": grid.shape.n_heads // grid.shape.n_key_value_heads,
        }  # fmt: skip
        baselines = {
            name: Estimate.of_mean(values, bench.metric.unit, bench.rng(f"baseline/{name}"))
            for name, values in (
                ("clean", contrast.clean_metric), ("corrupted", contrast.corrupted_metric),
                ("empty circuit", judge.empty),
            )
        }  # fmt: skip
        repeated = "tried in random order" if config.select is Selector.ACDC else "chosen again"
        controls = {
            RANDOM_EDGES: "edges outside the circuit with the same kind of receiver, drawn at random",
            "random circuits": "as many edges at every size, drawn at random so that each leads on to the logits",
            "resampled pairs": f"the circuit {repeated} on pairs drawn with replacement",
        }
        provenance = bench.provenance(self.name, self.version, config.model_dump(mode="json"))
        return CircuitDiscoveryResult(xr.Dataset(found, names, attributes), baselines, controls, provenance)
