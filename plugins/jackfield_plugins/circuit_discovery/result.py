"""What circuit discovery found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from jackfield.comparison import COMPARED, evidence
from jackfield.results import AnalysisResult
from jackfield.sites import Site
from jackfield_circuits import Circuit, Edge, Evidence, Node
from jackfield_plugins.circuit_discovery.config import Scorer, Selector

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

__all__ = ["AREAS", "RANDOM_EDGES", "SETS", "CircuitDiscoveryResult"]

RANDOM_EDGES = "random edges"
AREAS = ("CPR", "CMD")
SETS = ("circuit", "all but the circuit", "random circuits", "scattered edges")
"""The circuit, its complement, and the means of two kinds of random circuits of as many edges."""

_COMPLETE = 0.05
_EXACT = {
    "effect": "exact", "effect_low": "exact_low", "effect_high": "exact_high", "p_value": "exact_p_value",
    "q_value": "exact_q_value", "control": "exact_control", "control_low": "exact_control_low",
    "control_high": "exact_control_high",
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class CircuitDiscoveryResult(AnalysisResult):
    """A circuit, and what speaks for it and against it.

    ``data`` holds, for each ``edge``, the ``effect`` on the judging half (the estimated share of the difference that is
    lost when the edge is corrupted) with interval, control, p- and q-value; the ``ranking`` it was chosen by; whether
    it was ``chosen`` and is in the ``circuit``, which leaves out what leads nowhere; how often it was chosen again
    (``inclusion``); and, for verified edges, the ``exact`` effect.

    By ``size``: ``faithfulness`` with interval, edges ``asked`` for and ``surviving``, ``random_faithfulness``. By
    ``area`` and ``axis``: CPR and CMD. By ``set``: faithfulness of the circuit, its complement and random ones. By
    ``node``: what the circuit loses without it (``need``) and the most that it ever matters (``most_needed``). By
    ``knockout``: circuit and model ``without`` some nodes. By ``rival``: other circuits as faithful; ``core`` edges are
    in all of them, ``union`` edges in any.
    """

    variables: ClassVar[tuple[str, ...]] = (
        *COMPARED, "ranking", "chosen", "circuit", "inclusion", "exact", "sampled", "jaccard", "faithfulness",
        "random_faithfulness", "area_value", "set_faithfulness", "need", "incompleteness", "rival_overlap", "core",
    )  # fmt: skip

    @property
    def edges(self) -> list[str]:
        """The names of the circuit's edges."""
        found: list[str] = self.data["edge"].values[self.data["circuit"].values].tolist()
        return found

    @property
    def method(self) -> str:
        """How effects were estimated."""
        config, scorer = self.provenance.config, Scorer(self.provenance.config["scorer"])
        steps = f", {config['steps']} steps, {config['rule']} rule" if scorer.integrates else ""
        if scorer is Scorer.EXACT:
            return f"noising, {config['ablation']}, single edge"
        return f"noising, resample, {scorer.label}{steps} (approximate)"

    @property
    def selection(self) -> str:
        """How the circuit was chosen, in a few words."""
        config, chosen = self.provenance.config, int(self.data["chosen"].sum())
        rank = "size of scores" if config["absolute"] else "signed scores"
        if config["select"] == Selector.ACDC:
            return f"ACDC, threshold {config['threshold']:g} ({config['damage']}), {config['order']} order"
        if config["select"] == Selector.THRESHOLD:
            return f"every {config['level']} of at least {config['threshold']:g} by {rank}"
        what = f"edges out of the best {config['level']}s" if config["level"] == "node" else "best edges"
        way = ", grown from the logits" if config["select"] == Selector.GREEDY else ""
        return f"the {chosen} {what} by {rank}{way}"

    def claims(self) -> Sequence[Evidence]:
        """What is claimed of each edge's estimated effect, in the order of ``data``."""
        return self._evidence(self.data, self.method)

    def _evidence(self, data: xr.Dataset, method: str) -> Sequence[Evidence]:
        nowhere = [None] * data.sizes["edge"]
        return evidence(data, self.provenance, method, RANDOM_EDGES, nowhere, int(data.attrs["judged"]))

    @property
    def findings(self) -> xr.DataArray:
        """True at edges that are significant and farther from zero than random edges."""
        data = self.data
        beyond = (data["effect_low"] > np.maximum(0, data["control_high"])) | (
            data["effect_high"] < np.minimum(0, data["control_low"])
        )
        return (data["q_value"] <= 0.05) & beyond

    def to_frame(self) -> pd.DataFrame:
        """One row for each edge of the circuit and each that was verified, the circuit's first, strongest first."""
        import pandas as pd

        columns = [*COMPARED[:6], "q_value", "inclusion", "exact", "exact_low", "exact_high", "circuit"]
        data = self.data.assign(finding=self.findings)
        rows = data[[*columns, "finding"]].isel(edge=self._told).to_dataframe()[[*columns, "finding"]].reset_index()
        order = pd.DataFrame({"out": ~rows["circuit"], "rank": -rows["effect"].abs()})
        return rows.loc[order.sort_values(["out", "rank"], kind="stable").index].reset_index(drop=True)

    @property
    def _told(self) -> NDArray[np.int64]:
        told = self.data["circuit"].values | np.isfinite(self.data["exact"].values)
        return np.flatnonzero(told)

    def summary(self) -> list[str]:
        return list(self._sentences())

    def _sentences(self) -> Iterator[str]:
        data, config = self.data, self.provenance.config
        circuit, total = int(data["circuit"].sum()), data.sizes["edge"]
        chosen = int(data["chosen"].sum())
        sets = {name: self._share("set_faithfulness", set=name) for name in SETS}
        if circuit:
            yield (
                f"The circuit has {circuit} of {total} edges ({circuit / total:.1%}) and keeps "
                f"{sets[SETS[0]]} of the model's metric on the pairs that it was not chosen on; as many random edges "
                f"that lead to the logits keep {sets[SETS[2]]}, scattered ones {sets[SETS[3]]} (ablation: "
                f"{config['ablation']}). Chosen: {self.selection}; {chosen - circuit} of the chosen led nowhere."
            )
        else:
            yield (
                f"No circuit: none of the {chosen} chosen edges of {total} lies on a way from the input to the logits "
                f"({self.selection}). Choose more edges, or select greedily."
            )
        if "completeness" in data and config["scorer"] == Scorer.EAP_IG_INPUTS:
            gap = float(data["completeness"]) - 1
            verdict = "take more steps" if abs(gap) > _COMPLETE else "near enough"
            yield (
                f"Attributions of the input add up to {1 + gap:.1%} of the difference ({config['steps']} steps, "
                f"{config['rule']} rule), a completeness gap of {gap:+.1%}: {verdict}."
            )
        if circuit:
            yield from self._sureness()
        yield self._screening()
        cpr = ", ".join(
            f"{area} {float(data['area_value'].sel(area=area, axis=axis)):.3f} ({axis} axis)"
            for area in AREAS
            for axis in data["axis"].values
        )
        rank = "absolute" if config["absolute"] else "signed"
        yield (
            f"Over sizes of {config['sizes'][0]:g} to {config['sizes'][-1]:g}: {cpr}; {rank} scores, "
            f"{config['ablation']}."
        )

    def _sureness(self) -> Iterator[str]:
        data = self.data
        inside = data["inclusion"].values[data["circuit"].values]
        yield (
            f"Chosen again on {data.sizes['repetition']} resamples of the pairs, the circuit overlaps with itself by "
            f"{float(data['jaccard'].mean()):.0%} on average (Jaccard); {int((inside >= 0.95).sum())} of its "
            f"{len(inside)} edges come back at least 95 times in 100. {int(self.findings.sum())} edges are findings: "
            "significant at a false discovery rate of 5 % and farther from zero than 95 % of random edges."
        )
        if data.sizes["rival"]:
            yield (
                f"{data.sizes['rival']} other circuits are as faithful on the pairs they were searched on; they share "
                f"{float(data['rival_overlap'].min()):.0%} to {float(data['rival_overlap'].max()):.0%} of edges with "
                f"this one (Jaccard) and keep {float(data['rival_faithfulness'].min()):.0%} to "
                f"{float(data['rival_faithfulness'].max()):.0%} on the others. {int(data['core'].sum())} edges are in "
                f"all of them, {int(data['union'].sum())} in any."
            )
        if data.sizes["node"]:
            needed = data["node"].values[np.argsort(-data["most_needed"].values)][:5].tolist()
            worst = float(data["incompleteness"].max())
            yield (
                f"Without some of its nodes the circuit differs from the model without them by up to {worst:.0%} "
                f"(completeness). Most needed: {', '.join(needed)}."
            )

    def _screening(self) -> str:
        data = self.data
        verified = np.isfinite(data["exact"].values)
        top = verified & ~data["sampled"].values
        agreed = ""
        if top.sum() > 2 and np.ptp(data["effect"].values[top]) > 0:
            from scipy.stats import spearmanr

            rank = float(spearmanr(data["effect"].values[top], data["exact"].values[top]).statistic)
            agreed = f" rank correlation {rank:.2f} of estimated and exact effects among the strongest;"
        missed = (
            f"{float(data['missed']):.0%} of the sample (at most {float(data['missed_at_most']):.0%}, one-sided 95 %) "
            "carry as much as the circuit's weakest verified one."
            if np.isfinite(float(data["least_verified"]))
            else "none of the circuit's edges is among the strongest that were verified."
        )
        return (
            f"Verified exactly: the {int(top.sum())} strongest edges and {int(data['sampled'].sum())} drawn from the "
            f"{int(data['unverified'])} others;{agreed} {missed}"
        )

    def _share(self, name: str, **place: str) -> str:
        data = self.data.sel(place)
        low, high = (float(data[f"{name}_{end}"]) for end in ("low", "high"))
        return f"{float(data[name]):.0%} [{low:.0%}, {high:.0%}]"

    def plot(self) -> Mapping[str, Figure]:
        from jackfield_plugins.circuit_discovery import pictures

        figures = {
            "Faithfulness by size": pictures.faithfulness(self),
            "Stability of the choice": pictures.stability(self),
            "Estimated against exact effect": pictures.agreement(self),
        }
        return {"The circuit, layer by layer": pictures.layers(self), **figures} if self.edges else figures

    def to_circuit(self) -> Circuit:
        """The circuit's edges and all that were verified, with what is claimed of each.

        Keys and values of grouped queries are one input of all heads of the group: such an edge is written once for
        each of these heads.
        """
        data = self.data.isel(edge=self._told)
        exact = data.drop_vars(COMPARED).rename({new: old for old, new in _EXACT.items()})
        size = {"edge": data.sizes["edge"]}
        exact = exact.assign({name: exact[name].expand_dims(size) for name in COMPARED if not exact[name].dims})
        verified = np.flatnonzero(np.isfinite(data["exact"].values))
        claims: list[list[Evidence]] = [[claim] for claim in self._evidence(data, self.method)]
        if self.provenance.config["scorer"] != Scorer.EXACT:
            method = f"noising, {self.provenance.config['ablation']}, single edge"
            for place, claim in zip(verified, self._evidence(exact.isel(edge=verified), method), strict=True):
                claims[place].append(claim)
        for found, claim in zip(claims, self._inclusion(data), strict=True):
            found.append(claim)
        edges = [
            Edge.parse(name, found)
            for edge, found in zip(data["edge"].values.tolist(), claims, strict=True)
            for name in _written(edge, int(data.attrs["group"]))
        ]
        return Circuit(self._nodes(), edges, runs={self.provenance.digest: self.provenance.as_dict()})

    def _inclusion(self, data: xr.Dataset) -> Iterator[Evidence]:
        chance = float(self.data["circuit"].mean())
        columns = (data[name].values.tolist() for name in ("inclusion", "inclusion_low", "inclusion_high"))
        for score, low, high in zip(*columns, strict=True):
            yield Evidence(
                plugin=self.provenance.analysis, method=f"chosen again on resampled pairs ({self.selection})",
                metric="inclusion", unit="probability", score=score, low=low, high=high,
                n=self.provenance.pairs - int(data.attrs["judged"]), control=chance, control_kind="any edge",
                run=self.provenance.digest,
            )  # fmt: skip

    def _nodes(self) -> Iterator[Node]:
        data, unit = self.data, str(self.data["need"].attrs["unit"])
        columns = (data[name].values.tolist() for name in ("node", "need", "need_low", "need_high"))
        for name, score, low, high in zip(*columns, strict=True):
            claim = Evidence(
                plugin=self.provenance.analysis, method=f"{self.provenance.config['ablation']}, out of the circuit",
                metric=self.provenance.metric, unit=unit, score=score, low=low, high=high, n=int(data.attrs["judged"]),
                run=self.provenance.digest,
            )  # fmt: skip
            yield Node(id=name, evidence=(claim,))


def _written(edge: str, group: int) -> Iterator[str]:
    """How an edge is spelled for each head that shares its receiver."""
    source, _, target = edge.partition("->")
    site = Site.parse(target)
    if group == 1 or site.head is None or not site.kind.counts_key_value_heads:
        yield edge
    else:
        for head in range(site.head * group, (site.head + 1) * group):
            yield f"{source}->{Site(site.kind, site.layer, head)}"
