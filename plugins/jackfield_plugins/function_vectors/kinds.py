"""The vectors that a function vector is compared with, and how they are called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from jackfield.bench import Bench
from jackfield.sites import Site
from jackfield_plugins.function_vectors.effects import every_head
from jackfield_plugins.function_vectors.evaluation import Addition
from jackfield_plugins.function_vectors.subject import Subject

__all__ = [
    "CONTROLS", "KINDS", "LAYER_AVERAGE", "NONE", "NULLS", "OTHER_HEADS", "OTHER_VECTORS", "OWN_PLACE", "RANDOM_HEADS",
    "RANDOM_VECTOR", "RIVALS", "SHARED", "VECTOR", "Injection", "additions",
]  # fmt: skip

NONE = "nothing added"
VECTOR = "function vector"
SHARED = "shared heads"
RANDOM_HEADS = "random heads"
OTHER_HEADS = "other functions' heads"
OTHER_VECTORS = "other functions' vectors"
RANDOM_VECTOR = "random vector"
LAYER_AVERAGE = "layer average"
OWN_PLACE = "layer average, own place"

CONTROLS: Mapping[str, str] = {
    RANDOM_HEADS: "the function's mean outputs of as many heads drawn from those that its vector leaves out",
    OTHER_HEADS: "its mean outputs of the heads that rank first for each other function, without those of its vector",
    OTHER_VECTORS: "the vector of each other function",
    RANDOM_VECTOR: "random vectors as long as the function's",
    LAYER_AVERAGE: "the mean residual stream after the layer at which the vector is added",
}
"""Controls and what they are; all are added where, and as often as, the function's vector is."""

KINDS: tuple[str, ...] = (NONE, VECTOR, SHARED, *CONTROLS, OWN_PLACE)
"""Everything that is added: ``SHARED`` are the function's mean outputs of the heads that rank first over all functions;
``OWN_PLACE`` is the layer average added where, and as often as, it works best itself."""

NULLS: tuple[str, ...] = (NONE, RANDOM_HEADS, OTHER_HEADS, OTHER_VECTORS, RANDOM_VECTOR)
"""What should not make the model carry out the function; a finding must be clear of all of these."""

RIVALS: tuple[str, ...] = (LAYER_AVERAGE, OWN_PLACE)
"""What holds all that the heads write, and more: a baseline to beat, and no proof that nothing is carried."""


@dataclass(frozen=True)
class Injection:
    """Where a vector is added, and how many times."""

    layer: int
    strength: float

    def of(self, vector: Tensor) -> Addition:
        return self.layer, self.strength * vector


def additions(
    bench: Bench,
    subject: Subject,
    others: Sequence[Subject],
    shared: Sequence[Site],
    place: Injection,
    average_place: Injection,
    random_draws: int,
) -> dict[str, list[Addition]]:
    """For each kind what is added: one vector, or several whose results are averaged.

    Parameters
    ----------
    bench
        Gives the randomness.
    subject, others
        The function, and the others.
    shared
        The heads that rank first over all functions.
    place, average_place
        Where the vector is added, and where the layer average is when it has a place of its own.
    random_draws
        How many random vectors and sets of heads there are.
    """
    draw = bench.draw(f"random heads for {subject.name}")
    left = [head for head in every_head(bench) if head not in subject.own]
    vector = subject.vector
    noise = torch.from_numpy(
        bench.rng(f"random vectors for {subject.name}").standard_normal((random_draws, len(vector)))
    ).to(vector)
    streams = subject.means.streams
    vectors = {
        VECTOR: [vector],
        SHARED: [subject.sum_over(shared)],
        RANDOM_HEADS: [subject.sum_over(draw.sample(left, subject.heads)) for _ in range(random_draws)],
        OTHER_HEADS: [subject.sum_over(subject.strangers(other.ranking)) for other in others],
        OTHER_VECTORS: [other.vector for other in others],
        RANDOM_VECTOR: [*(noise / noise.norm(dim=-1, keepdim=True) * vector.norm())],
        LAYER_AVERAGE: [streams[place.layer]],
    }
    found = {kind: [place.of(one) for one in some] for kind, some in vectors.items()}
    return {NONE: [], **found, OWN_PLACE: [average_place.of(streams[average_place.layer])]}
