"""What was found: a table, two pictures, sentences and a circuit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from jackfield import AnalysisResult, Circuit
from jackfield.comparison import COMPARED, evidence
from jackfield.plotting import FINDING_MARK, heatmap, new_figure
from jackfield_circuits import Node
from jackfield_example.roles import ROLES

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["HeadRolesResult"]


class HeadRolesResult(AnalysisResult):
    """The score of each head in each role, with its control: the variables of ``COMPARED`` along ``place``.

    Places have coordinates ``role``, ``source`` (``repeats`` or ``task``), ``layer`` and ``head``.
    """

    variables = (*COMPARED, "prompts")

    @property
    def claims(self):
        """Each place's head, and what is claimed of it."""
        data, claims = self.data, []
        for index in range(data.sizes["place"]):
            place = data.isel(place=[index])
            method = f"{place['role'].item()} score on {place['source'].item()}"
            n = int(place["prompts"].item())
            claims += evidence(place, self.provenance, method, "random targets", [None], n)
        names = [f"a{layer}.h{head}" for layer, head in zip(data["layer"].values, data["head"].values, strict=True)]
        return list(zip(names, claims, strict=True))

    def to_frame(self) -> pd.DataFrame:
        frame = self.data.to_dataframe().reset_index(drop=True)
        frame = frame.assign(node=[name for name, _ in self.claims], finding=[c.is_finding() for _, c in self.claims])
        columns = ["node", "role", "source", "effect", "effect_low", "effect_high", "control", "q_value", "finding"]
        return frame[columns].sort_values(["finding", "effect"], ascending=False, ignore_index=True)

    def plot(self) -> Mapping[str, Figure]:
        found = np.array([claim.is_finding() for _, claim in self.claims])
        return {f"Head roles on {source}": self._picture(source, found) for source in ("repeats", "task")}

    def _picture(self, source: str, found) -> Figure:
        layers, heads = (int(self.data[name].max()) + 1 for name in ("layer", "head"))
        figure = new_figure(2 + 2.2 * len(ROLES), 1.8 + 0.28 * max(layers, 4))
        panels = figure.subplots(1, len(ROLES), sharey=True)
        for axes, role in zip(panels, ROLES, strict=True):
            here = ((self.data["role"] == role) & (self.data["source"] == source)).values
            values, marks = (part[here].reshape(layers, heads) for part in (self.data["effect"].values, found))
            image = heatmap(axes, values, marks, [*map(str, range(layers))], [*map(str, range(heads))], 1.0)
            axes.set_title(role, fontsize=10)
            axes.set_xlabel("head")
        panels[0].set_ylabel("layer")
        figure.colorbar(image, ax=panels, label="share of attention", shrink=0.9)
        margin = self.provenance.config["margin"]
        figure.supxlabel(f"{FINDING_MARK} finding: surely more than {margin:g} above random targets", fontsize=8)
        return figure

    def summary(self) -> list[str]:
        frame = self.to_frame()
        found = frame[frame["finding"]]
        sentences = [f"Scored {len(frame)} combinations of head, role and prompts; {len(found)} are findings."]
        for (role, source), best in found.groupby(["role", "source"]):
            top = best.iloc[0]
            sentences.append(
                f"{len(best)} heads have the role {role} on {source}; the clearest is {top.node} with {top.effect:.2f} "
                f"[{top.effect_low:.2f}, {top.effect_high:.2f}] (random targets {top.control:.2f})."
            )
        return sentences

    def to_circuit(self) -> Circuit:
        claims = {}
        for name, claim in self.claims:
            claims.setdefault(name, []).append(claim)
        nodes = [Node(id=name, evidence=tuple(made)) for name, made in claims.items()]
        return Circuit(nodes=nodes, runs={self.provenance.digest: self.provenance.as_dict()})
