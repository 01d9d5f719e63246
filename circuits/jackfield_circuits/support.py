"""Consensus: which nodes and edges several methods find, each for itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from jackfield_circuits.edge import Edge
from jackfield_circuits.errors import CircuitError
from jackfield_circuits.evidence import Evidence
from jackfield_circuits.node import Node

__all__ = ["Support", "Voice", "consensus"]

Voice = Literal["plugin", "method", "run"]
"""What counts as one voice: a plugin, a plugin's method, or a run."""

_VOICES: dict[str, Callable[[Evidence], str]] = {
    "plugin": lambda claim: claim.plugin,
    "method": lambda claim: f"{claim.plugin}: {claim.method}",
    "run": lambda claim: claim.run,
}


@dataclass(frozen=True)
class Support:
    """Who finds a node or edge, and who looked and did not.

    Attributes
    ----------
    name
        Id of the node, or name of the edge.
    positive, negative
        Voices all of whose findings have this sign.
    mixed
        Voices with findings of both signs.
    silent
        Voices that tested and find nothing. Claims without a q-value are no voice.
    """

    name: str
    positive: tuple[str, ...]
    negative: tuple[str, ...]
    mixed: tuple[str, ...]
    silent: tuple[str, ...]

    @property
    def count(self) -> int:
        """How many voices agree, on the sign too."""
        return max(len(self.positive), len(self.negative))

    @property
    def contested(self) -> bool:
        """Whether findings point both ways."""
        return bool(self.mixed or (self.positive and self.negative))


def consensus(
    elements: Iterable[Node | Edge], least: int = 1, by: Voice = "plugin", alpha: float = 0.05
) -> tuple[Support, ...]:
    """Nodes or edges that at least some number of voices find, with the same sign.

    Voices that share prompts and a model are not independent, so their number is no p-value.

    Parameters
    ----------
    elements
        Nodes or edges of a circuit, such as ``circuit.edges``.
    least
        How many voices have to agree.
    by
        What counts as one voice.
    alpha
        Largest q-value that counts as significant, see `Evidence.is_finding`.

    Returns
    -------
    tuple of Support
        Those that most voices agree on first, then in the order of ``elements``.

    Raises
    ------
    CircuitError
        If ``least`` is below 1, or ``by`` or ``alpha`` is not valid.

    Examples
    --------
    >>> claim = dict(method="m", metric="d", unit="", n=8, low=0.5, high=1.5, control=0.0, q_value=0.01, run="5f2c")
    >>> found = [Evidence(plugin=name, score=1.0, **claim) for name in ("acdc", "eap")]
    >>> [(each.name, each.positive) for each in consensus([Edge.parse("m0->logits", found)], least=2)]
    [('m0->logits', ('acdc', 'eap'))]
    """
    if least < 1:
        raise CircuitError(f"consensus needs at least one voice, found {least}")
    if by not in _VOICES:
        raise CircuitError(f"voices are told apart by {', '.join(_VOICES)}, found {by!r}")
    supports = (_support(element, _VOICES[by], alpha) for element in elements)
    return tuple(sorted((each for each in supports if each.count >= least), key=lambda each: -each.count))


def _support(element: Node | Edge, voice: Callable[[Evidence], str], alpha: float) -> Support:
    signs: dict[str, set[bool]] = defaultdict(set)
    for claim in element.evidence:
        if claim.q_value is None:
            continue
        signs[voice(claim)] |= {claim.low is not None and claim.low > 0} if claim.is_finding(alpha) else set()

    def those_with(*found: bool) -> tuple[str, ...]:
        return tuple(sorted(name for name, seen in signs.items() if seen == set(found)))

    return Support(str(element), those_with(True), those_with(False), those_with(True, False), those_with())
