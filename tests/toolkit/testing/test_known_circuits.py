"""The circuits that are said to be known are the circuits: every edge of every model is patched exactly."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from jackfield.contributions import changes, read_sites
from jackfield.edges import Wire, senders, wires
from jackfield.paths import edge_patch
from jackfield.replay import sweep
from jackfield.testing import KnownCircuit, known_circuits

UNMOVED = 1e-4
MOVED = 0.2
"""Shares of the whole difference; what belongs to a circuit moves some pair by much more than what does not."""


class Noised:
    """A known circuit's clean prompts, into which what senders write in the corrupted ones can be patched."""

    def __init__(self, known: KnownCircuit) -> None:
        self.known, self.bench = known, known.bench(pairs=24)
        self.shape, self.clean = known.model.shape, self.bench.pairs.clean
        nodes = senders(self.shape)
        source = known.model.run_with_cache(self.bench.pairs.corrupted, read_sites(nodes)).activations
        self.changed = changes(known.model, self.clean, source, nodes, self.clean.mask)
        self.key = self.bench.key()
        self.own = self.bench.graded(self.bench.clean_logits(), self.key)
        self.other = self.bench.graded(self.bench.corrupted_logits(), self.key)

    def moved(self, sets: Sequence[Sequence[Wire]]) -> np.ndarray:
        """What patching each set of edges changes, ``[set, pair]``, as a share of the whole difference."""
        found = sweep(
            self.bench, self.clean, self.key, sets,
            lambda members: [edge_patch(self.shape, wire, self.changed, self.clean.mask) for wire in members], "edges",
        )  # fmt: skip
        return (found - self.own) / (self.other - self.own).mean()


@pytest.fixture(scope="module", params=list(known_circuits()))
def noised(request: pytest.FixtureRequest) -> Noised:
    return Noised(known_circuits()[request.param]())


def test_an_edge_is_in_the_circuit_exactly_if_patching_it_moves_the_answer(noised: Noised) -> None:
    every = wires(noised.shape)
    strongest = abs(noised.moved([[wire] for wire in every])).max(1)
    found = {wire.name: share for wire, share in zip(every, strongest, strict=True)}
    assert noised.known.edges <= found.keys()
    assert {name for name, share in found.items() if share > UNMOVED} == noised.known.edges
    assert min(found[name] for name in noised.known.edges) > MOVED
