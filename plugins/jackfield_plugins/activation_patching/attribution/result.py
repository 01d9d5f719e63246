"""What attribution patching found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from jackfield.comparison import COMPARED
from jackfield_plugins.activation_patching.attribution.config import Method
from jackfield_plugins.activation_patching.result import SweepResult

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["AttributionPatchingResult"]

_COMPLETE = 0.05


@dataclass(frozen=True, eq=False)
class AttributionPatchingResult(SweepResult):
    """Effects of patching single places, estimated, and their agreement with exact patching.

    ``data`` holds what ``SweepResult`` does, all of it estimated, and for each ``place`` the ``magnitude`` that it is
    ranked by. Of the places that are ``sampled`` (at random) or in the ``top`` (by magnitude) it holds the ``exact``
    effect with its interval; elsewhere that is not a number.

    ``spearman`` is the rank correlation of estimated and exact effects over the sample. The ``recall`` of the
    strongest places lies between ``recall_low`` and ``recall``. ``candidates`` places could be drawn: at all others the
    patch puts what is there anyway. For integrated gradients, ``completeness`` is the share of the difference that the
    input's estimates add up to, 1 in the limit of many steps.
    """

    variables: ClassVar[tuple[str, ...]] = (
        *COMPARED, "magnitude", "exact", "exact_low", "exact_high", "sampled", "top", "spearman", "spearman_low",
        "spearman_high", "recall", "recall_low", "candidates",
    )  # fmt: skip
    shown: ClassVar[tuple[str, ...]] = (*SweepResult.shown, "exact")

    @property
    def method(self) -> str:
        config = self.provenance.config
        return f"{config['direction']}, {self._method.label} (approximate)"

    @property
    def _method(self) -> Method:
        return Method(self.provenance.config["method"])

    def plot(self) -> Mapping[str, Figure]:
        from jackfield_plugins.activation_patching import pictures
        from jackfield_plugins.activation_patching.attribution.pictures import agreement, queries_and_keys

        figures = {"Estimated against exact effect": agreement(self)}
        streams = set(self.data["stream"].values.tolist())
        if streams - {"q", "k", "z"}:
            figures["Estimated effect by layer and position"] = pictures.streams(self)
        if "z" in streams:
            figures["Estimated effect by layer and head"] = pictures.heads(self, ["z"])
        if "q" in streams:
            figures["Estimated effect of queries and keys"] = queries_and_keys(self)
        return figures

    def summary(self) -> list[str]:
        return list(self._sentences())

    def _sentences(self) -> Iterator[str]:
        data, frame = self.data, self.to_frame()
        top, sampled = int(data["top"].sum()), int(data["sampled"].sum())
        verified = int(np.isfinite(data["exact"]).sum())
        correlation = (
            f"rank correlation {float(data['spearman']):.2f} [{float(data['spearman_low']):.2f}, "
            f"{float(data['spearman_high']):.2f}] over {sampled} places drawn at random from {int(data['candidates'])}"
            if np.isfinite(float(data["spearman"]))
            else f"no rank correlation, since {sampled} places drawn at random all have the same effect"
        )
        yield (
            f"Agreement of {self._method.label} with exact patching, verified at {verified} places: {correlation}; of "
            f"the {top} truly strongest places it ranks between {float(data['recall_low']):.0%} and "
            f"{float(data['recall']):.0%} among its own {top} strongest."
        )
        if "completeness" in data:
            gap = float(data["completeness"]) - 1
            config = self.provenance.config
            verdict = "take more steps" if abs(gap) > _COMPLETE else "near enough"
            yield (
                f"Attributions of the input add up to {1 + gap:.1%} of the difference ({config['steps']} steps, "
                f"{config['rule']} rule), a completeness gap of {gap:+.1%}: {verdict}."
            )
        found = frame[frame["finding"]]
        yield (
            f"Estimated the effects of {len(frame)} places ({self.method}) on {self.provenance.pairs} pairs; "
            f"{len(found)} are findings: significant at a false discovery rate of 5 % and farther from zero than the "
            "control."
        )
        if len(found):
            best = "; ".join(
                f"{_label(row.site, row.position)} {row.effect:+.2f} [{row.effect_low:+.2f}, {row.effect_high:+.2f}], "
                f"exactly {row.exact:+.2f}".replace("exactly +nan", "not verified")
                for row in found.head(3).itertuples()
            )
            yield f"The strongest: {best}."


def _label(site: object, position: object) -> str:
    return f"{site}@{position}" if position else str(site)
