"""The claims of a circuit, and whether those of two circuits are the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jackfield_circuits import Circuit, Evidence

__all__ = ["claims_of", "difference"]

Key = tuple[str, str, str, str, int]
_NUMBERS = ("score", "low", "high", "control", "control_low", "control_high")


def claims_of(circuit: Circuit) -> dict[Key, Evidence]:
    """Every claim by its node or edge, method, metric, position, and its place among those that share all these."""
    found: dict[Key, Evidence] = {}
    seen: Counter[tuple[str, str, str, str]] = Counter()
    elements = [(node.id, node.evidence) for node in circuit.nodes]
    elements += [(edge.name, edge.evidence) for edge in circuit.edges]
    for name, evidence in elements:
        for claim in evidence:
            key = (name, claim.method, claim.metric, claim.position or "")
            found[(*key, seen[key])] = claim
            seen[key] += 1
    return found


def difference(left: Mapping[Key, Evidence], right: Mapping[Key, Evidence], tolerance: float) -> str | None:
    """Where two sets of claims differ by more than a share of the largest score, in words; ``None`` if nowhere.

    What only one of them claims counts as a difference if it is a finding.
    """
    scale = max((abs(claim.score) for claim in left.values()), default=0.0) or 1.0
    worst = (0.0, "")
    for key in left.keys() & right.keys():
        for name in _NUMBERS:
            one, other = (getattr(claims[key], name) for claims in (left, right))
            if one is None or other is None:
                if one is not other:
                    return f"{name} of {key[0]} is {one} in one and {other} in the other"
                continue
            gap = abs(one - other) / scale if one != other else 0.0
            worst = max(worst, (gap, f"{name} of {key[0]} is {one:.6g} in one and {other:.6g} in the other"))
    for mine, theirs in ((left, right), (right, left)):
        lost = sorted(key[0] for key in mine.keys() - theirs.keys() if mine[key].is_finding())
        if lost:
            return f"{lost[0]} is a finding in only one of them"
    return worst[1] if worst[0] > tolerance else None
