"""A model, a task, and the circuit by which the one does the other, known because the model was built that way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from jackfield.bench import Bench
    from jackfield.hooked_model import HookedModel
    from jackfield.tasks import Task

__all__ = ["KnownCircuit", "known_circuits"]


@dataclass(frozen=True, eq=False)
class KnownCircuit:
    """A transformer with weights set by hand, which does a task by known edges and by no others.

    An edge is in the circuit exactly if what it carries differs between the two prompts of some pair, and reading the
    corrupted prompt's value there, in the run of the clean prompt, changes the logit difference of some pair. All other
    heads and MLPs are decoys: they read everything, differ between the prompts, and write where nothing else reads.

    Parameters
    ----------
    name
        What it is called in ``known_circuits``.
    description
        How it works.
    model
        The transformer. It has no norms, and attends to a single token where it matters.
    task
        What it does, without mistakes.
    edges
        The circuit, as ``jackfield.edges.wires`` spells edges, such as ``a0.h1->a1.h2<k>``.
    subspaces
        Variables of the algorithm and the directions in which the stream keeps them, ``[direction, d_model]``; none
        where they are not known to be kept in directions of their own.
    """

    name: str
    description: str
    model: HookedModel
    task: Task
    edges: frozenset[str]
    subspaces: Mapping[str, Tensor] = field(default_factory=dict)

    def bench(self, pairs: int = 16, seed: int = 0) -> Bench:
        """A bench on this model and task, graded by logit difference."""
        from jackfield.bench import Bench
        from jackfield.metrics import BUILT_IN

        metric = next(metric for metric in BUILT_IN if metric.name == "logit_difference")
        return Bench.prepare(self.model, self.task, metric, pairs, seed)


def known_circuits() -> Mapping[str, Callable[[], KnownCircuit]]:
    """What builds each known circuit afresh, by its name.

    Examples
    --------
    >>> known = known_circuits()["copy"]()
    >>> sorted(known.edges)
    ['a0.h1->logits', 'input->a0.h1<k>', 'input->a0.h1<v>']
    >>> len(known.bench(pairs=8).pairs)
    8
    """
    from jackfield.testing.circuits import CIRCUITS

    return CIRCUITS
