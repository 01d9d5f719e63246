"""Weights: one number for each node or edge, all of them of one metric and one unit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from jackfield_circuits.edge import Edge
from jackfield_circuits.errors import CircuitError
from jackfield_circuits.evidence import Evidence
from jackfield_circuits.node import Node

__all__ = ["Weights"]


@dataclass(frozen=True)
class Weights:
    """The score of the strongest claim of one metric about each node or edge.

    Attributes
    ----------
    metric, unit
        What the scores measure, and their unit; both are empty where nothing is claimed.
    scores
        Name of a node or edge -> signed score. What has no claim of this metric is left out.

    Examples
    --------
    >>> claim = Evidence(plugin="acdc", method="m", metric="kl", unit="nats", score=-0.5, n=8, run="5f2c")
    >>> Weights.of([Edge.parse("m0->logits", [claim]), Edge.parse("m1->logits")]).scores
    {'m0->logits': -0.5}
    """

    metric: str
    unit: str
    scores: Mapping[str, float]

    @classmethod
    def of(cls, elements: Iterable[Node | Edge], metric: str | None = None, plugin: str | None = None) -> Weights:
        """Weigh nodes or edges.

        Parameters
        ----------
        elements
            What to weigh.
        metric, plugin
            Look only at claims of this metric, or by this plugin. Without a metric, claims that were tested (those with
            a q-value) are looked at, or all where none was tested.

        Raises
        ------
        CircuitError
            If the claims that are looked at measure in different metrics or units, or if there are none although a
            metric or a plugin was named.
        """
        claims = {
            str(element): [
                claim for claim in element.evidence if metric in (None, claim.metric) and plugin in (None, claim.plugin)
            ]
            for element in elements
        }
        if metric is None and any(_tested(found) for found in claims.values()):
            claims = {name: _tested(found) for name, found in claims.items()}
        measures = sorted({(claim.metric, claim.unit) for found in claims.values() for claim in found})
        if len(measures) > 1:
            raise CircuitError(
                "scores of different metrics or units cannot be weighed against each other; name one metric, or one "
                f"plugin, of: {', '.join(_spell(*measure) for measure in measures)}"
            )
        if not measures and not metric is plugin is None:
            raise CircuitError(f"there is no claim of the metric {metric or '(any)'} by the plugin {plugin or '(any)'}")
        measured, unit = measures[0] if measures else ("", "")
        strongest = {
            name: max(found, key=lambda claim: (claim.is_finding(), abs(claim.score)))
            for name, found in claims.items()
            if found
        }
        return cls(measured, unit, {name: claim.score for name, claim in strongest.items()})


def _tested(claims: Iterable[Evidence]) -> list[Evidence]:
    return [claim for claim in claims if claim.q_value is not None]


def _spell(metric: str, unit: str) -> str:
    return f"{metric} ({unit})" if unit else metric
