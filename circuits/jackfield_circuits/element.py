"""Elements: what nodes and edges have in common, which is that claims are made about them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

from pydantic import field_validator

from jackfield_circuits.evidence import Evidence
from jackfield_circuits.record import Record

__all__ = ["Element"]


class Element(Record):
    """A node or an edge, with the claims made about it in canonical order, each once."""

    evidence: tuple[Evidence, ...] = ()

    @field_validator("evidence")
    @classmethod
    def _canonical(cls, claims: tuple[Evidence, ...]) -> tuple[Evidence, ...]:
        return claims if len(claims) < 2 else tuple(sorted(set(claims), key=lambda claim: claim.sort_key))

    def claiming(self, claims: Iterable[Evidence]) -> Self:
        """This element with ``claims`` added to those it has."""
        evidence = Element(evidence=(*self.evidence, *claims)).evidence
        return self.model_copy(update={"evidence": evidence})

    @property
    def plugins(self) -> tuple[str, ...]:
        """Names of the plugins that claim something about this element, sorted."""
        return tuple(sorted({claim.plugin for claim in self.evidence}))

    def is_finding(self, alpha: float = 0.05) -> bool:
        """Whether any of the claims is a finding, see `Evidence.is_finding`."""
        return any(claim.is_finding(alpha) for claim in self.evidence)

    def strongest(self, plugin: str | None = None) -> Evidence | None:
        """The strongest claim: findings come before other claims, then the largest absolute score.

        Parameters
        ----------
        plugin
            Look only at this plugin's claims.

        Returns
        -------
        Evidence or None
            Of equally strong claims the first in canonical order; ``None`` if there is no claim.
        """
        claims = [claim for claim in self.evidence if plugin in (None, claim.plugin)]
        return max(claims, key=lambda claim: (claim.is_finding(), abs(claim.score)), default=None)
