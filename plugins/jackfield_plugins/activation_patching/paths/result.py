"""What path patching and edge patching found."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from jackfield.comparison import COMPARED, evidence
from jackfield.results import AnalysisResult
from jackfield_circuits import Circuit, Edge, Evidence, Node

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from matplotlib.figure import Figure

__all__ = ["CONTROL", "EdgePatchingResult", "PathPatchingResult", "RouteResult"]

CONTROL = "unrelated prompt"


@dataclass(frozen=True, eq=False)
class RouteResult(AnalysisResult):
    """Effects of what travels along some routes through the network, one route at a time.

    Effects are shares: 0 leaves the prompt that is run as it is, 1 moves its metric all the way to that of the pair's
    other prompt; they keep their sign and are not bounded.

    ``data`` holds for each route its ``effect`` with interval (``effect_low``, ``effect_high``), the same of the
    control (``control``, ``control_low``, ``control_high``), ``p_value`` (effect against control, paired over prompts)
    and ``q_value`` (after Benjamini-Hochberg over all routes), and the raw ``metric [route, pair]``.
    """

    axis: ClassVar[str]
    """The dimension of ``data`` that the routes lie along."""

    variables: ClassVar[tuple[str, ...]] = (*COMPARED, "metric", "control_metric", "base_metric", "source_metric")

    @property
    @abstractmethod
    def method(self) -> str:
        """What was done, in a few words, all that matters for comparing numbers included."""

    @property
    def position(self) -> str:
        """Where senders were changed; empty for every token."""
        positions = self.provenance.config["positions"]
        return "" if positions == "every" else "+".join(positions)

    @cached_property
    def claims(self) -> Sequence[Evidence]:
        """What is claimed of each route, in the order of ``data``."""
        count = self.data.sizes[self.axis]
        return evidence(self.data, self.provenance, self.method, CONTROL, [self.position] * count)

    @property
    def findings(self) -> xr.DataArray:
        """True at routes that are significant and farther from zero than their control."""
        import xarray as xr

        found = [claim.is_finding() for claim in self.claims]
        return xr.DataArray(found, dims=self.axis, coords={self.axis: self.data[self.axis]})

    def to_frame(self) -> pd.DataFrame:
        import pandas as pd

        columns = ["effect", "effect_low", "effect_high", "control", "control_low", "control_high", "q_value"]
        rows = self.data[columns].to_dataframe().reset_index()
        rows = rows[[name for name in rows.columns if name not in columns] + columns]
        rows["finding"] = self.findings.values
        order = pd.DataFrame({"rank": -rows["effect"].abs(), "quiet": ~rows["finding"]})
        return rows.loc[order.sort_values(["quiet", "rank"], kind="stable").index].reset_index(drop=True)

    def summary(self) -> list[str]:
        return list(self._sentences())

    def _sentences(self) -> Iterator[str]:
        frame = self.to_frame()
        found = frame[frame["finding"]]
        place = f"at {self.position}" if self.position else "at every token"
        yield (
            f"Patched {len(frame)} {self.axis}s {place} ({self.method}) on {self.provenance.pairs} pairs; {len(found)} "
            "are findings: significant at a false discovery rate of 5 % and farther from zero than the control."
        )
        if len(found):
            best = "; ".join(
                f"{name} {row.effect:+.2f} [{row.effect_low:+.2f}, {row.effect_high:+.2f}] "
                f"(control [{row.control_low:+.2f}, {row.control_high:+.2f}])"
                for name, row in zip(found[self.axis].head(5), found.head(5).itertuples(), strict=True)
            )
            yield f"The strongest: {best}."


@dataclass(frozen=True, eq=False)
class PathPatchingResult(RouteResult):
    """Effects of each ``sender`` along its paths to the receivers; the coordinate ``receiver`` names those."""

    axis: ClassVar[str] = "sender"

    @property
    def receivers(self) -> list[str]:
        """Where the paths end."""
        found: list[str] = self.data["receiver"].values.tolist()
        return found

    @property
    def method(self) -> str:
        config = self.provenance.config
        ends = self.receivers if len(self.receivers) <= 4 else [*self.receivers[:3], f"{len(self.receivers) - 3} more"]
        mlps = "frozen" if config["freeze_mlps"] else "live"
        return f"{config['direction']}, resample, paths to {' and '.join(ends)}, MLPs {mlps}"

    def to_circuit(self) -> Circuit:
        """Claims on the edges to the receiver, or, where several receivers share an effect, on the senders."""
        claims = list(zip(self.data["sender"].values.tolist(), self.claims, strict=True))
        runs = {self.provenance.digest: self.provenance.as_dict()}
        if len(self.receivers) > 1:
            return Circuit(nodes=[Node(id=name, evidence=(claim,)) for name, claim in claims], runs=runs)
        (end,) = self.receivers
        return Circuit(edges=[Edge.parse(f"{name}->{end}", (claim,)) for name, claim in claims], runs=runs)

    def plot(self) -> Mapping[str, Figure]:
        from jackfield_plugins.activation_patching.paths import pictures

        return {"Effect along paths, by sender": pictures.senders(self, self.receivers)}


@dataclass(frozen=True, eq=False)
class EdgePatchingResult(RouteResult):
    """Effects of each ``edge``, with coordinates ``sender`` and ``receiver``.

    ``joint`` and ``joint_control`` hold the effect of all edges together: every receiver gets the changes that its
    senders show between the two unpatched runs, added up.
    """

    axis: ClassVar[str] = "edge"
    variables: ClassVar[tuple[str, ...]] = (*RouteResult.variables, "joint", "joint_control")

    @property
    def method(self) -> str:
        return f"{self.provenance.config['direction']}, resample, single edge"

    def to_circuit(self) -> Circuit:
        names = self.data["edge"].values.tolist()
        edges = [Edge.parse(name, (claim,)) for name, claim in zip(names, self.claims, strict=True)]
        return Circuit(edges=edges, runs={self.provenance.digest: self.provenance.as_dict()})

    def plot(self) -> Mapping[str, Figure]:
        from jackfield_plugins.activation_patching.paths import pictures

        return {"Effect by sender and receiver": pictures.edges(self)}

    def _sentences(self) -> Iterator[str]:
        yield from super()._sentences()
        together = self.data.isel(set=0)
        yield (
            f"All {self.data.sizes['edge']} edges together move {float(together['joint']):.0%} "
            f"[{float(together['joint_low']):.0%}, {float(together['joint_high']):.0%}] of the difference; their "
            f"control moves {float(together['joint_control']):.0%} [{float(together['joint_control_low']):.0%}, "
            f"{float(together['joint_control_high']):.0%}]."
        )
