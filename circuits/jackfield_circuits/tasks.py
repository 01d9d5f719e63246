"""The tasks of a circuit: what is claimed about one of them, apart from what is claimed about others."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from jackfield_circuits.circuit import Circuit
from jackfield_circuits.edge import Edge
from jackfield_circuits.errors import CircuitError
from jackfield_circuits.node import Node

__all__ = ["on_task", "tasks_of"]

E = TypeVar("E", Node, Edge)


def tasks_of(circuit: Circuit) -> tuple[str, ...]:
    """The tasks that claims are about, sorted; claims of runs that state none are about no task."""
    claims = (claim for element in (*circuit.nodes, *circuit.edges) for claim in element.evidence)
    return tuple(sorted({task for claim in claims if (task := circuit.task_of(claim)) is not None}))


def on_task(circuit: Circuit, task: str | None = None) -> Circuit:
    """The claims about one task, the nodes and edges that they are about, and the runs that made them.

    Parameters
    ----------
    circuit
        The circuit.
    task
        The task. If omitted, the circuit as it is, provided that its claims are about no more than one.

    Raises
    ------
    CircuitError
        If nothing is claimed about the task, or if none is named and there are several, which would be mixed.

    Examples
    --------
    >>> from jackfield_circuits import Evidence
    >>> fields = dict(plugin="eap", method="m", metric="d", unit="", score=1.0, n=8)
    >>> claims = {"m0->m1": Evidence(run="1", **fields), "m1->m2": Evidence(run="2", **fields)}
    >>> edges = [Edge.parse(name, [claim]) for name, claim in claims.items()]
    >>> circuit = Circuit(edges=edges, runs={"1": {"task": "ioi"}, "2": {"task": "induction"}})
    >>> tasks_of(circuit), [edge.name for edge in on_task(circuit, "ioi").edges]
    (('induction', 'ioi'), ['m0->m1'])
    """
    known = tasks_of(circuit)
    if task is None:
        if len(known) > 1:
            raise CircuitError(
                f"the claims are about {len(known)} tasks, which must not be mixed; name one of {', '.join(known)}"
            )
        return circuit
    if task not in known:
        raise CircuitError(f"nothing is claimed about the task {task!r}; there are claims about "
                           f"{', '.join(known) or 'no task'}")  # fmt: skip

    def about(elements: Iterable[E]) -> list[E]:
        claimed = (
            (each, tuple(claim for claim in each.evidence if circuit.task_of(claim) == task)) for each in elements
        )
        return [each.model_copy(update={"evidence": claims}) for each, claims in claimed if claims]

    runs = {digest: run for digest, run in circuit.runs.items() if run.get("task") == task}
    return Circuit(about(circuit.nodes), about(circuit.edges), runs)
