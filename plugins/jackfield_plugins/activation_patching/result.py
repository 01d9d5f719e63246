"""What activation patching found."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from jackfield.comparison import COMPARED, evidence
from jackfield.results import AnalysisResult
from jackfield.sites import Kind, Site
from jackfield_circuits import Circuit, Evidence, Node

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from matplotlib.figure import Figure

__all__ = ["COMPONENT_KINDS", "CONTROL", "STREAM_KINDS", "ActivationPatchingResult", "SweepResult"]

CONTROL = "unrelated prompt"
STREAM_KINDS = {
    "resid_pre": Kind.RESID_PRE, "resid_mid": Kind.RESID_MID, "resid_post": Kind.RESID_POST,
    "attn_out": Kind.ATTN_OUT, "mlp_out": Kind.MLP_OUT,
}  # fmt: skip
COMPONENT_KINDS = {"z": Kind.Z, "q": Kind.Q, "k": Kind.K, "v": Kind.V, "pattern": Kind.PATTERN}


@dataclass(frozen=True, eq=False)
class SweepResult(AnalysisResult):
    """An effect, with its control, of each of many places: the variables of ``COMPARED`` along the dimension ``place``.

    Places have coordinates ``site``, ``position`` (empty: all positions), ``stream``, ``layer`` and ``head`` (-1:
    none).
    """

    variables: ClassVar[tuple[str, ...]] = COMPARED
    shown: ClassVar[tuple[str, ...]] = (
        "effect", "effect_low", "effect_high", "control", "control_low", "control_high", "q_value",
    )  # fmt: skip
    """The variables that ``to_frame`` shows."""

    @property
    @abstractmethod
    def method(self) -> str:
        """What was done, in a few words, as claims say it."""

    @cached_property
    def _claims(self) -> tuple[tuple[str, Evidence], ...]:
        """Each place's site with what is claimed of it, in the order of ``data``."""
        claims = evidence(self.data, self.provenance, self.method, CONTROL, self.data["position"].values.tolist())
        return tuple(zip(self.data["site"].values.tolist(), claims, strict=True))

    @property
    def findings(self) -> xr.DataArray:
        """True at places that are significant and farther from zero than their control, ``[place]``."""
        import xarray as xr

        found = [claim.is_finding() for _, claim in self._claims]
        return xr.DataArray(found, dims="place", coords={"place": self.data["place"]})

    def to_frame(self) -> pd.DataFrame:
        import pandas as pd

        columns = list(self.shown)
        rows = self.data[columns].to_dataframe().drop(columns=["stream", "layer", "head"])
        rows["finding"] = self.findings.values
        rows = rows[["site", "position", *columns, "finding"]]
        order = pd.DataFrame({"rank": -rows["effect"].abs(), "quiet": ~rows["finding"]})
        return rows.loc[order.sort_values(["quiet", "rank"], kind="stable").index].reset_index(drop=True)

    def to_circuit(self) -> Circuit:
        claims: dict[str, list[Evidence]] = {}
        for site, claim in self._claims:
            claims.setdefault(site, []).append(claim)
        nodes = [Node(id=site, evidence=tuple(found)) for site, found in claims.items()]
        return Circuit(nodes=nodes, runs={self.provenance.digest: self.provenance.as_dict()})


@dataclass(frozen=True, eq=False)
class ActivationPatchingResult(SweepResult):
    """Effects of patching single places, and of the strongest heads together.

    Effects are shares: 0 leaves the prompt that is run as it is, 1 moves its metric all the way to that of the pair's
    other prompt; they keep their sign and are not bounded.

    ``data`` holds, for each tested ``place``, its ``effect`` with interval (``effect_low``, ``effect_high``), the same
    of the control (``control``, ``control_low``, ``control_high``), ``p_value`` (effect against control, paired over
    prompts) and ``q_value`` (after Benjamini-Hochberg over all places), and the raw ``metric [place, pair]``. Places
    have coordinates ``site``, ``position`` (empty: all positions), ``stream``, ``layer`` and ``head`` (-1: none).
    ``joint*`` hold the effect of the ``count`` strongest heads together, on pairs that they were not chosen on, and
    ``interaction*`` what every ``couple`` of them moves together beyond the sum of what each moves alone.
    """

    variables: ClassVar[tuple[str, ...]] = (*COMPARED, "metric", "control_metric", "base_metric", "source_metric")

    @property
    def method(self) -> str:
        config = self.provenance.config
        parts = [config["direction"], config["replacement"]]
        if config["corruption"] != "prompt":
            level, positions = config["noise_level"], ", ".join(config["noise_positions"])
            parts.append(f"noise of {level:g} standard deviations on {positions}")
        if config["window"] > 1:
            parts.append(f"window of {config['window']} layers")
        return ", ".join(parts)

    def plot(self) -> Mapping[str, Figure]:
        from jackfield_plugins.activation_patching import pictures

        figures = {}
        if (self.data["head"] < 0).any():
            figures["Effect by layer and position"] = pictures.streams(self)
        if (self.data["head"] >= 0).any():
            figures["Effect by layer and head"] = pictures.heads(self)
            figures["The strongest heads together"] = pictures.joint(self)
        if "interaction" in self.data:
            figures["Two heads together, beyond the sum of each"] = pictures.interactions(self)
        return figures

    def summary(self) -> list[str]:
        return list(self._sentences())

    def _sentences(self) -> Iterator[str]:
        frame = self.to_frame()
        found = frame[frame["finding"]]
        yield (
            f"Patched {len(frame)} places ({self.method}) on {self.provenance.pairs} "
            f"pairs; {len(found)} are findings: significant at a false discovery rate of 5 % and farther from zero "
            "than the control."
        )
        heads = found[[Site.parse(site).kind is Kind.HEAD_OUT for site in found["site"]]]
        if len(heads):
            best = "; ".join(
                f"{row.site} {row.effect:+.2f} [{row.effect_low:+.2f}, {row.effect_high:+.2f}] "
                f"(control [{row.control_low:+.2f}, {row.control_high:+.2f}])"
                for row in heads.head(3).itertuples()
            )
            yield f"{len(heads)} heads are findings; the strongest: {best}."
        if "joint" in self.data:
            last = self.data.isel(count=-1)
            yield (
                f"The {int(last['count'])} strongest heads together move {float(last['joint']):.0%} "
                f"[{float(last['joint_low']):.0%}, {float(last['joint_high']):.0%}] of the difference, on pairs that "
                f"they were not chosen on; as many random heads move {float(last['joint_random']):.0%} "
                f"[{float(last['joint_random_low']):.0%}, {float(last['joint_random_high']):.0%}]."
            )
        if "interaction" in self.data:
            top = self.data.isel(couple=int(abs(self.data["interaction"].values).argmax()))
            yield (
                f"Of {self.data.sizes['couple']} couples of heads, {top['couple'].item()} differ most from the sum of "
                f"each alone: {float(top['interaction']):+.3f} [{float(top['interaction_low']):+.3f}, "
                f"{float(top['interaction_high']):+.3f}] (control [{float(top['interaction_control_low']):+.3f}, "
                f"{float(top['interaction_control_high']):+.3f}])."
            )
