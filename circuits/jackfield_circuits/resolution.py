"""Resolution: what all claims about one node or edge say together, and where they contradict each other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from jackfield_circuits.evidence import Evidence

__all__ = ["Resolution", "Verdict", "resolve", "speaker"]

Verdict = Literal["supported", "conflict", "undecided"]


@dataclass(frozen=True)
class Resolution:
    """What claims of one metric about one position of a node or edge say together.

    Attributes
    ----------
    metric, position
        What the claims are about; the position is ``None`` for all positions.
    verdict
        ``supported``: there are findings, all of one sign, and the combined q-value is small enough. ``conflict``:
        there are findings of both signs, and jackfield abstains. ``undecided``: neither.
    q_value
        The smallest q-value times the number of claims that have one, at most 1 (Bonferroni); ``None`` where no claim
        has one.
    positive, negative
        The findings of either sign.
    others
        All other claims: not significant, not tested, or not beyond their control.
    task
        The task that the claims are about, where a circuit knows it; ``None`` otherwise.
    """

    metric: str
    position: str | None
    verdict: Verdict
    q_value: float | None
    positive: tuple[Evidence, ...]
    negative: tuple[Evidence, ...]
    others: tuple[Evidence, ...]
    task: str | None = None

    @property
    def speaker(self) -> Evidence | None:
        """The strongest finding, where the claims support it; ``None`` to abstain."""
        if self.verdict != "supported":
            return None
        return max((*self.positive, *self.negative), key=lambda claim: abs(claim.score))


def resolve(evidence: Iterable[Evidence], alpha: float = 0.05) -> tuple[Resolution, ...]:
    """Put claims about one node or edge together, metric by metric and position by position.

    Scores of different metrics need not have the same sign where they agree, and different positions are different
    places, so neither is compared. Claims share the model and most often the prompts: they are not independent, and
    methods that pool independent p-values (Fisher, Stouffer) would count one observation several times. Bonferroni's
    correction holds whatever the dependence. It also holds where a q-value is 1, which corrected values often are and
    which the Cauchy combination takes for a veto. A claim that is made twice never becomes surer by that.

    Parameters
    ----------
    evidence
        All claims about one node or edge.
    alpha
        Largest q-value that counts as significant, of each finding and of all together.

    Returns
    -------
    tuple of Resolution
        One for each metric and position, in the order of the claims.

    Examples
    --------
    >>> fields = dict(method="m", metric="d", unit="", n=8, control=0.0, q_value=0.01, run="5f2c")
    >>> agreed = Evidence(plugin="acdc", score=1.0, low=0.5, high=1.5, **fields)
    >>> against = Evidence(plugin="eap", score=-1.0, low=-1.5, high=-0.5, **fields)
    >>> [(found.verdict, found.q_value) for found in resolve([agreed])]
    [('supported', 0.01)]
    >>> [(found.verdict, found.speaker) for found in resolve([agreed, against])]
    [('conflict', None)]
    """
    grouped: dict[tuple[str, str | None], list[Evidence]] = defaultdict(list)
    for claim in evidence:
        grouped[claim.metric, claim.position].append(claim)
    return tuple(_resolve(metric, position, claims, alpha) for (metric, position), claims in grouped.items())


def speaker(evidence: Iterable[Evidence], alpha: float = 0.05) -> Evidence | None:
    """The claim that speaks for a node or edge: jackfield's own answer to the hook ``resolve_evidence``.

    Returns
    -------
    Evidence or None
        The strongest supported finding; ``None`` to abstain, where nothing is supported or claims are in conflict about
        any metric or position.
    """
    resolutions = resolve(evidence, alpha)
    if any(resolution.verdict == "conflict" for resolution in resolutions):
        return None
    speakers = [resolution.speaker for resolution in resolutions if resolution.speaker]
    return max(speakers, key=lambda claim: abs(claim.score), default=None)


def _resolve(metric: str, position: str | None, claims: list[Evidence], alpha: float) -> Resolution:
    findings = [claim for claim in claims if claim.is_finding(alpha)]
    positive = tuple(claim for claim in findings if claim.low is not None and claim.low > 0)
    negative = tuple(claim for claim in findings if claim not in positive)
    q_values = [claim.q_value for claim in claims if claim.q_value is not None]
    q_value = min(1.0, len(q_values) * min(q_values)) if q_values else None
    verdict: Verdict = "undecided"
    if positive and negative:
        verdict = "conflict"
    elif findings and q_value is not None and q_value <= alpha:
        verdict = "supported"
    others = tuple(claim for claim in claims if claim not in findings)
    return Resolution(metric, position, verdict, q_value, positive, negative, others)
