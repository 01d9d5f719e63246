"""Transfer: what the circuit of one task does on another, by running it there, beside what the circuits share."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from jackfield.bench import Bench
from jackfield.circuit_bench import CircuitBench
from jackfield.edge_grid import EdgeGrid
from jackfield.errors import ConfigError
from jackfield.projections import Projections
from jackfield.random_circuits import Control, scattered, shuffled_heads
from jackfield.shared_parts import SharedParts, shared_parts
from jackfield.sites import Site
from jackfield.statistics import Estimate, Resamples, false_discovery_rate

if TYPE_CHECKING:
    from jackfield_circuits import Circuit

__all__ = ["Candidate", "Rerun", "Transfer", "transfer"]

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

_ALPHA = 0.05


@dataclass(frozen=True)
class Candidate:
    """A circuit to be run.

    Parameters
    ----------
    name
        What it is called.
    task
        The task that it was found on.
    edges
        Names of its edges, as a circuit has them. Heads that share keys and values read them through one input, so an
        edge into the keys or values of one of them is one into those of all.
    """

    name: str
    task: str
    edges: frozenset[str]

    @classmethod
    def of(cls, name: str, task: str, circuit: Circuit) -> Candidate:
        """All edges of a circuit; give its findings to run what was found, not what was tested."""
        return cls(name, task, frozenset(edge.name for edge in circuit.edges))


@dataclass(frozen=True)
class Rerun:
    """What one circuit does on one task.

    Parameters
    ----------
    circuit, found_on, task
        Name of the circuit, the task that it was found on, and the task that it was run on.
    edges
        How many edges it has.
    faithfulness
        What it keeps of the model's metric: 0 what the empty circuit does, 1 what the model does.
    shuffled
        The same of circuits with the same wiring between other heads of the same layers.
    scattered
        The same of circuits of as many edges anywhere.
    p_value, q_value
        The share of shuffled circuits that keep at least as much, the circuit itself counted among them; and corrected
        for all circuits and tasks that were run together.
    """

    circuit: str
    found_on: str
    task: str
    edges: int
    faithfulness: Estimate
    shuffled: Control
    scattered: Control
    p_value: float
    q_value: float

    @property
    def is_finding(self) -> bool:
        """Whether it keeps more than its wiring between other heads does: significant, and beyond 95 % of them."""
        return self.q_value <= _ALPHA and self.faithfulness.low > max(0.0, self.shuffled.high, self.scattered.high)


@dataclass(frozen=True)
class Transfer:
    """What some circuits do on some tasks, and what they share."""

    reruns: tuple[Rerun, ...]
    overlaps: tuple[SharedParts, ...]

    def rerun(self, circuit: str, task: str) -> Rerun:
        """What a circuit does on a task.

        Raises
        ------
        ConfigError
            If it was not run there.
        """
        for found in self.reruns:
            if (found.circuit, found.task) == (circuit, task):
                return found
        raise ConfigError(f"{circuit!r} was not run on {task!r}")

    def summary(self) -> list[str]:
        """What each circuit does on other tasks than its own, in sentences."""
        return [_sentence(each) for each in self.reruns if each.found_on != each.task]

    def as_dict(self) -> dict[str, Any]:
        """The transfer as JSON's types."""
        reruns = [{**asdict(each), "finding": each.is_finding} for each in self.reruns]
        return {"reruns": reruns, "overlaps": [asdict(each) for each in self.overlaps]}


def transfer(
    candidates: Sequence[Candidate], benches: Sequence[Bench], *, shuffles: int = 60, scatters: int = 10
) -> Transfer:
    """Run every circuit on every task.

    Overlap does not show that one task's circuit does the other's task (arXiv 2403.17806); running it does. Give pairs
    that no circuit was found on: on those that it was chosen on, a circuit looks better than it is.

    Parameters
    ----------
    candidates
        The circuits, with different names.
    benches
        The tasks, all of one model; the first one's seed fixes all random circuits.
    shuffles, scatters
        How many random circuits of each kind every circuit is compared with. A p-value is at least one over one more
        than the shuffles, and is then corrected: 60 are enough for circuits of three tasks, each run on all three.

    Raises
    ------
    ConfigError
        If circuits or tasks lack or share names, models differ, a circuit is empty, or there are fewer than 2 random
        circuits of a kind.
    SiteError
        If an edge is none of the model's, or the model does not let its heads be told apart.
    UndefinedMetricError
        If a task's metric is the same without any edge.
    """
    _require_distinct("circuits", [each.name for each in candidates])
    _require_distinct("tasks", [bench.task for bench in benches])
    if len({(bench.model.identity.weights, bench.model.identity.architecture) for bench in benches}) > 1:
        raise ConfigError("circuits are run on tasks of one model; these benches have several")
    if min(shuffles, scatters) < 2:
        raise ConfigError(f"at least 2 random circuits of each kind are needed, got {shuffles} and {scatters}")
    grid, rng = EdgeGrid(benches[0].model.shape), benches[0].rng
    masks = {each.name: _mask(grid, each) for each in candidates}
    drawn = {
        name: (
            [shuffled_heads(grid, mask, rng(f"transfer/shuffled/{name}/{n}")) for n in range(shuffles)],
            [scattered(grid, int(mask.sum()), rng(f"transfer/{name}/{n}")) for n in range(scatters)],
        )
        for name, mask in masks.items()
    }
    projections = Projections.of(benches[0].model)
    reruns = [
        found for bench in benches for found in _reruns(CircuitBench(bench, projections), candidates, masks, drawn)
    ]
    q_values = false_discovery_rate(np.array([each.p_value for each in reruns]))
    return Transfer(
        tuple(replace(each, q_value=float(q)) for each, q in zip(reruns, q_values, strict=True)),
        shared_parts(grid, {each.name: (each.task, masks[each.name]) for each in candidates}, rng("transfer/overlap")),
    )


def _reruns(
    judge: CircuitBench,
    candidates: Sequence[Candidate],
    masks: Mapping[str, Mask],
    drawn: Mapping[str, tuple[list[Mask], list[Mask]]],
) -> Iterator[Rerun]:
    """What all circuits, and their random counterparts, do on one task."""
    task = judge.bench.task
    own = judge.graded([masks[each.name] for each in candidates], f"circuits on {task}")
    parts, whole = own - judge.empty, judge.whole
    interval = Resamples.draw(len(whole), judge.bench.rng("transfer/faithfulness")).interval(parts, whole)
    shares = judge.faithfulness(own)
    for row, each in enumerate(candidates):
        shuffled, anywhere = (
            judge.faithfulness(judge.graded(circuits, f"{kind} circuits on {task}"))
            for kind, circuits in zip(("shuffled", "scattered"), drawn[each.name], strict=True)
        )
        found = Estimate(float(shares[row]), float(interval.low[row]), float(interval.high[row]), len(whole), "share")
        p_value = float((1 + (shuffled >= shares[row]).sum()) / (1 + len(shuffled)))
        yield Rerun(
            each.name, each.task, task, int(masks[each.name].sum()), found, Control.of(shuffled), Control.of(anywhere),
            p_value, p_value,
        )  # fmt: skip


def _mask(grid: EdgeGrid, candidate: Candidate) -> Mask:
    if not candidate.edges:
        raise ConfigError(f"the circuit {candidate.name!r} has no edges to run")
    return grid.mask({_shared_input(grid, name) for name in candidate.edges})


def _shared_input(grid: EdgeGrid, name: str) -> str:
    """The grid's name of an edge: heads that share keys and values read them through one input."""
    within = grid.shape.n_heads // grid.shape.n_key_value_heads
    source, arrow, target = name.partition("->")
    if within == 1 or not arrow or not target.endswith(("<k>", "<v>")):
        return name
    site = Site.parse(target)
    return f"{source}{arrow}{Site(site.kind, site.layer, (site.head or 0) // within)}"


def _require_distinct(noun: str, names: Collection[str]) -> None:
    if not names or len(set(names)) < len(names):
        raise ConfigError(f"{noun} need different names, at least one; got {', '.join(map(repr, names)) or 'none'}")


def _sentence(each: Rerun) -> str:
    found, control = each.faithfulness, each.shuffled
    verdict = "more than chance explains" if each.is_finding else "no more than chance explains"
    return (
        f"{each.circuit} ({each.edges} edges, found on {each.found_on}) keeps {found.value:.0%} [{found.low:.0%}, "
        f"{found.high:.0%}] of {each.task}, {verdict}: its wiring between other heads keeps {control.mean:.0%} "
        f"[{control.low:.0%}, {control.high:.0%}] (q = {each.q_value:.2g})."
    )
