"""What causal alignment found."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from jackfield.results import AnalysisResult
from jackfield_circuits import Circuit, Edge, Evidence, Node
from jackfield_plugins.causal_alignment.attempts import Subject
from jackfield_plugins.causal_alignment.config import CausalAlignmentConfig
from jackfield_plugins.causal_alignment.lessons import Split
from jackfield_plugins.causal_alignment.verdict import ENOUGH, beyond_doing_nothing, objections, told

if TYPE_CHECKING:
    import pandas as pd
    import torch
    from matplotlib.figure import Figure

__all__ = ["CONTROLS", "CausalAlignmentResult"]

CONTROLS: Mapping[str, str] = {
    str(Subject.WEIGHTS): "the same map, trained in the same way on a copy of the network with random weights",
    str(Subject.PERMUTED): "the same map, trained on labels in a random order",
    str(Subject.SUBSPACE): "a random subspace of as many directions, not trained",
    str(Subject.NOTHING): "nothing is interchanged",
}

_METRIC = "interchange gives the algorithm's answer, held-out values"
_ENDS = ("", "_low", "_high")


@dataclass(frozen=True, eq=False)
class CausalAlignmentResult(AnalysisResult):
    """How well a subspace plays the part of each variable, beside what plays it without having learned anything.

    ``data`` holds by ``variable``, with the chosen ``site`` and ``position`` as coordinates:

    * ``iia [variable, subject, split]``, the share of interchanges after which the network answers as the algorithm,
      of the reported map (``trained``), its controls, and the whole vector as a bracket; splits are held-out
      ``values``, other ``pairs`` of the words trained on, and ``isolation``, where the answer should stay.
      ``iia_changed`` is the same over held-out values whose label the interchange changes; ``success`` every row.
    * ``p_value [variable, subject]`` against each control (exact sign test over counterfactuals), ``q_value`` against
      the one that is beaten least surely (Benjamini-Hochberg over variables), ``advantage`` over random weights;
    * ``searched [variable, place]``, on the validation split;
    * ``curve [variable, map, on, split]`` of all maps on the model and on random weights, ``curve_soft`` with the gate
      of the end of training, ``vacuous_q_value [variable, map, split]`` that random weights are moved more than by
      nothing, ``curve_taken``, ``curve_numbers``, ``curve_steps``, ``curve_inverse_error``;
    * ``direction [variable, feature, dimension]`` of the reported map.

    Shares have exact 95 % intervals (``_low``, ``_high``). Not a number stands where something was not measured.
    """

    variables: ClassVar[tuple[str, ...]] = (
        *(f"{name}{end}" for name in ("iia", "iia_changed", "advantage", "searched", "curve") for end in _ENDS),
        "success", "changed", "p_value", "q_value", "direction",
    )  # fmt: skip

    @property
    def config(self) -> CausalAlignmentConfig:
        """The settings that it was made with."""
        return CausalAlignmentConfig.model_validate(self.provenance.config)

    @property
    def names(self) -> list[str]:
        """The variables."""
        found: list[str] = self.data["variable"].values.tolist()
        return found

    @property
    def untested(self) -> list[str]:
        """Variables of the algorithm that were not looked for."""
        found: list[str] = json.loads(self.data.attrs["untested"])
        return found

    def directions(self, variable: str) -> torch.Tensor:
        """The directions that are interchanged for a variable, ``[taken, d_model]``; none if the map is not linear."""
        import torch

        found = self.data["direction"].sel(variable=variable).dropna("feature").values
        return torch.tensor(found, dtype=torch.float32)

    def objections(self, variable: str) -> list[str]:
        """Why a variable may not be called realised; empty if it may."""
        return objections(self.data, variable, self.config.choice)

    def vacuous(self, variable: str) -> list[str]:
        """Maps that moved the variable of a network with random weights, so that their alignments mean nothing."""
        return beyond_doing_nothing(self.data, variable)

    @cached_property
    def claims(self) -> Mapping[str, Evidence]:
        """What is claimed of each variable, beside the control that comes closest.

        A claim has no q-value, and so is no finding, if the map is not linear or the control with random weights is
        missing.
        """
        return {name: self._claim(name) for name in self.names}

    def to_frame(self) -> pd.DataFrame:
        import pandas as pd

        names = [f"{name}{end}" for name in ("iia", "iia_changed") for end in _ENDS]
        parts = []
        for variable, claim in self.claims.items():
            at = self.data.sel(variable=variable, split=str(Split.VALUES))
            rows = at[[*names, "p_value"]].to_dataframe().reset_index()
            rows["finding"] = (rows["subject"] == str(Subject.TRAINED)) & claim.is_finding()
            parts.append(rows[["variable", "site", "position", "subject", *names, "p_value", "finding"]])
        return pd.concat(parts, ignore_index=True)

    def to_circuit(self) -> Circuit:
        """A node for each subspace, below its site, with an edge to the variable whose part it plays.

        A map that is not linear has no subspace; its claim is put on the site.
        """
        nodes, edges = [], []
        for variable, claim in self.claims.items():
            site = str(self.data["site"].sel(variable=variable).item())
            place = f"das:{site}/{variable}" if self.config.choice.kind.is_linear else site
            nodes.append(Node(id=place, evidence=(claim,)))
            edges.append(Edge.parse(f"{place}->{self._algorithm}/{variable}", (claim,)))
            if place != site:
                edges.append(Edge.parse(f"{site}->{place}"))
        return Circuit(nodes=nodes, edges=edges, runs={self.provenance.digest: self.provenance.as_dict()})

    def plot(self) -> Mapping[str, Figure]:
        from jackfield_plugins.causal_alignment import pictures

        found = {
            "Interchanges that succeed, beside the controls": pictures.controls(self),
            "Where each variable can be moved": pictures.places(self),
        }
        if self.data.sizes["map"] > 1:
            found["What each kind of map can align"] = pictures.curve(self)
        return found

    def summary(self) -> list[str]:
        return list(self._sentences())

    @property
    def _algorithm(self) -> str:
        return self.config.causal_model or self.provenance.task

    def _claim(self, variable: str) -> Evidence:
        at = self.data.sel(variable=variable, split=str(Split.VALUES))
        kinds = dict(zip(at["subject"].values.tolist(), at["kind"].values.tolist(), strict=True))
        controls = [name for name, kind in kinds.items() if Subject(kind).is_control]
        closest = max(controls, key=lambda name: float(at["iia_high"].sel(subject=name)))
        score, control = (
            [float(at[f"iia{end}"].sel(subject=name)) for end in _ENDS] for name in (str(Subject.TRAINED), closest)
        )
        is_tested = self.config.choice.kind.is_linear and str(Subject.WEIGHTS) in kinds.values()
        return Evidence(
            plugin=self.provenance.analysis, method=f"{self.config.map}, interchange", metric=_METRIC,
            unit=str(at["iia"].attrs["unit"]), position=str(at["position"].item()), score=score[0], low=score[1],
            high=score[2], level=float(self.data.attrs["level"]), n=self.data.sizes["row"], control=control[0],
            control_low=control[1], control_high=control[2], control_kind=kinds[closest],
            p_value=float(at["p_value"].max()), q_value=float(at["q_value"]) if is_tested else None,
            run=self.provenance.digest,
        )  # fmt: skip

    def _sentences(self) -> Iterator[str]:
        objected = {name: self.objections(name) for name in self.names}
        for name in self.names:
            yield self._headline(name)
            yield self._beside(name)
            yield self._judged(name, objected[name])
            if vacuous := self.vacuous(name):
                yield (
                    f"Vacuous for {name}: {', '.join(vacuous)} moved it in a network with random weights as well, so "
                    "what they align in this one means nothing."
                )
        yield self._verdict([name for name, found in objected.items() if found])

    def _headline(self, name: str) -> str:
        data = self.data.sel(variable=name)
        whole, trained = (data.sel(subject=str(kind)) for kind in (Subject.FULL, Subject.TRAINED))
        values, pairs = (trained.sel(split=str(split)) for split in (Split.VALUES, Split.PAIRS))
        return (
            f"{name}: {self.config.map} at {data['site'].item()}, {data['position'].item()}, makes the answer follow "
            f"the algorithm in {told(values, 'iia')} of interchanges on held-out values, {told(values, 'iia_changed')} "
            f"where that changes the label; on words trained on, {told(pairs, 'iia')}. The whole vector: "
            f"{told(whole.sel(split=str(Split.VALUES)), 'iia')}."
        )

    def _beside(self, name: str) -> str:
        data = self.data.sel(variable=name, split=str(Split.VALUES))
        kinds = dict(zip(data["subject"].values.tolist(), data["kind"].values.tolist(), strict=True))
        told_of = {
            control: told(data.sel(subject=control), "iia")
            for control, kind in kinds.items()
            if Subject(kind).is_control and kind != Subject.SUBSPACE
        }
        subspaces = data["iia"].values[data["kind"].values == str(Subject.SUBSPACE)]
        best = f"; the best of {len(subspaces)} random subspaces {subspaces.max():.0%}" if len(subspaces) else ""
        over = f" Advantage over random weights: {told(data, 'advantage')}." if data["advantage"].notnull() else ""
        return f"Controls: {', '.join(f'{control} {share}' for control, share in told_of.items())}{best}.{over}"

    def _judged(self, name: str, objected: list[str]) -> str:
        if objected:
            return f"{name} may not be called realised: {'; '.join(objected)}."
        isolated = self.data.sel(variable=name, subject=str(Subject.TRAINED), split=str(Split.ISOLATION))
        rest = "" if isolated["iia"].isnull() else f" Of answers that should stay, {told(isolated, 'iia')} do."
        return f"{name} is realised there: clear of every control, and in at least {ENOUGH:.0%} of cases.{rest}"

    def _verdict(self, failed: list[str]) -> str:
        network, algorithm = self.provenance.model.name, self._algorithm
        if failed:
            objected = ", ".join(failed)
            return f"This is no evidence that {network} implements {algorithm}: there are objections to {objected}."
        if untested := self.untested:
            return f"Whether {network} implements {algorithm} is open: {', '.join(untested)} was not looked for."
        return (
            f"{network} implements {algorithm} as far as this test can tell: {', '.join(self.names)} can each be moved "
            "by a linear map, on words that were held out, and by no control."
        )
