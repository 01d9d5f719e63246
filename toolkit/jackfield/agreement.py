"""Agreement: what all analyses of a study say together of each node and edge, task by task, and who speaks for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from jackfield_circuits import Circuit, Evidence, Resolution

__all__ = ["Agreement", "Outcome", "Settlement", "settle"]

Outcome = Literal["agreed", "conflicting", "abstained"]
"""``agreed``: a claim speaks for all. ``conflicting``: none does, since findings contradict each other. ``abstained``:
none does, since nothing is supported."""

Choice = Callable[[Sequence["Evidence"]], "Evidence | None"]


@dataclass(frozen=True)
class Settlement:
    """What the claims about one node or edge come to, of one model and task.

    Parameters
    ----------
    name
        Id of the node, or name of the edge.
    is_edge
        Whether it is an edge.
    task
        What the claims are about; ``None`` where their runs do not say.
    speaker
        The claim that speaks for the node or edge; ``None`` to abstain.
    resolutions
        What the claims say together, metric by metric and position by position.
    """

    name: str
    is_edge: bool
    task: str | None
    speaker: Evidence | None
    resolutions: tuple[Resolution, ...]

    @property
    def outcome(self) -> Outcome:
        if self.speaker is not None:
            return "agreed"
        return "conflicting" if any(each.verdict == "conflict" for each in self.resolutions) else "abstained"

    @property
    def shared(self) -> bool:
        """Whether it is agreed on and methods of several analyses find it, whatever metric they measure in."""
        plugins = {claim.plugin for each in self.resolutions for claim in (*each.positive, *each.negative)}
        return self.outcome == "agreed" and len(plugins) > 1


@dataclass(frozen=True)
class Agreement:
    """How many nodes and edges a study agrees on, of one task."""

    task: str | None
    agreed_nodes: int
    shared_nodes: int
    conflicting_nodes: int
    abstained_nodes: int
    agreed_edges: int
    shared_edges: int
    conflicting_edges: int
    abstained_edges: int

    @classmethod
    def count(cls, settlements: Iterable[Settlement]) -> tuple[Agreement, ...]:
        """Count settlements, task by task in the order in which they come."""
        counts: dict[str | None, Counter[str]] = {}
        for each in settlements:
            noun = "edges" if each.is_edge else "nodes"
            count = counts.setdefault(each.task, Counter())
            count[f"{each.outcome}_{noun}"] += 1
            count[f"shared_{noun}"] += each.shared
        fields = [field for field in cls.__dataclass_fields__ if field != "task"]
        return tuple(cls(task, **{field: count[field] for field in fields}) for task, count in counts.items())


def settle(circuit: Circuit, choose: Choice, alpha: float = 0.05) -> tuple[Settlement, ...]:
    """Settle every node and edge about which something is claimed, for each model and task apart.

    Parameters
    ----------
    circuit
        The circuit.
    choose
        Chooses the claim that speaks for others about the same thing, as ``Registry.resolve_evidence`` does.
    alpha
        Largest q-value that counts as significant.

    Returns
    -------
    tuple of Settlement
        Nodes, then edges, in the circuit's order; one for each model and task that something is claimed about.

    Examples
    --------
    >>> from jackfield_circuits import Circuit, Evidence, Node, speaker
    >>> fields = dict(method="m", metric="d", unit="", n=8, control=0.0, q_value=0.01)
    >>> here = Evidence(plugin="a", score=1.0, low=0.5, high=1.5, run="1", **fields)
    >>> there = Evidence(plugin="b", score=-1.0, low=-1.5, high=-0.5, run="2", **fields)
    >>> runs = {"1": {"task": "ioi"}, "2": {"task": "induction"}}
    >>> circuit = Circuit([Node(id="m0", evidence=(here, there))], runs=runs)
    >>> [(each.task, each.outcome) for each in settle(circuit, speaker)]
    [('ioi', 'agreed'), ('induction', 'agreed')]
    """
    from jackfield_circuits import Edge, resolve

    return tuple(
        Settlement(
            str(element), isinstance(element, Edge), circuit.task_of(claims[0]), choose(claims), resolve(claims, alpha)
        )
        for element in (*circuit.nodes, *circuit.edges)
        for claims in circuit.claims(element)
    )
