"""Where a result comes from: everything that, repeated, gives it again."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jackfield.hooked_model import ModelIdentity

__all__ = ["Provenance", "versions"]

_PACKAGES = ("jackfield", "torch", "transformers", "transformer-lens", "numpy")


@cache
def versions() -> dict[str, str]:
    """Versions of the packages that numbers depend on."""
    return {package: version(package) for package in _PACKAGES}


@dataclass(frozen=True)
class Provenance:
    """What a result was made from.

    Parameters
    ----------
    analysis, analysis_version
        Name and version of the analysis.
    config
        Its settings, as JSON-able values.
    model
        Name and digests of the model.
    task, metric, seed
        What it was asked, how it was graded, and the seed of all randomness.
    pairs, drawn
        Prompt pairs used, and drawn before those that the model gets wrong were set aside.
    prompts
        Digest of the pairs used, word for word.
    packages
        Versions of the packages that numbers depend on.
    """

    analysis: str
    analysis_version: str
    config: dict[str, Any]
    model: ModelIdentity
    task: str
    metric: str
    seed: int
    pairs: int
    drawn: int
    prompts: str
    packages: dict[str, str]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Provenance:
        from jackfield.hooked_model import ModelIdentity

        return cls(**{**fields, "model": ModelIdentity(**fields["model"])})

    @property
    def digest(self) -> str:
        """Sixteen hexadecimal digits that stand for this provenance; equal inputs give equal digests."""
        text = json.dumps(self.as_dict(), sort_keys=True, ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]
