"""What back-patching found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from jackfield.results import AnalysisResult
from jackfield_circuits import Circuit, Edge, Evidence
from jackfield_plugins.back_patching.cases import RIGHT, WRONG
from jackfield_plugins.back_patching.routes import Route
from jackfield_plugins.back_patching.states import Content

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from matplotlib.figure import Figure

__all__ = ["CONTROLS", "BackPatchingResult"]

CONTROLS: Mapping[str, str] = {
    str(Content.UNRELATED): "the same pair of layers receives the state of another prompt, with another answer",
    str(Content.NOISE): "the same pair of layers receives Gaussian noise of the norm of the prompt's own state",
    str(Route.FORWARD): "a state is written to a later layer, where it skips computation and gets no more of it",
}

_METRIC = "next token is an answer"
_RATES = ("recovery", "unrelated", "noise")


@dataclass(frozen=True, eq=False)
class BackPatchingResult(AnalysisResult):
    """The share of failed cases that each patch repairs, and that the best patch repairs on cases it was not chosen on.

    ``data`` holds for each ``patch`` the share of cases that it repairs (``recovery``), those that the same patch with
    an ``unrelated`` prompt's state and with ``noise`` repairs, all with intervals (``_low``, ``_high``), ``p_value``
    (exact sign test, the larger of both controls) and ``q_value`` (after Benjamini-Hochberg over all patches), and the
    ``rank [content, patch, case]`` of the likeliest answer, 0 for a success. Patches have coordinates ``source``,
    ``target``, ``position`` and ``route_of``.

    Along ``route`` and ``content`` it holds the ``best`` patch of each, chosen on one half of the cases, and what that
    patch does: ``held_out`` (repaired by the next token) and ``spoken`` (answer within some greedy tokens) on the other
    half, ``false_match`` (those tokens name another case's answer), ``preserved`` (right cases that stay right); and
    ``oracle``, the share of all cases that some patch or other of the route repairs. ``count`` says what became of the
    pairs that were drawn.
    """

    variables: ClassVar[tuple[str, ...]] = (
        *(f"{name}{end}" for name in _RATES for end in ("", "_low", "_high")), "p_value", "q_value", "rank",
        "held_out", "spoken", "false_match", "preserved", "oracle", "count",
    )  # fmt: skip

    @cached_property
    def claims(self) -> tuple[Evidence, ...]:
        """What is claimed of each patch, in the order of ``data``, against the control that repairs more."""
        unit = str(self.data["recovery"].attrs["unit"])
        found = []
        for index in range(self.data.sizes["patch"]):
            row = self.data.isel(patch=index)
            score, *controls = (tuple(float(row[f"{name}{end}"]) for end in ("", "_low", "_high")) for name in _RATES)
            kinds = (str(Content.UNRELATED), str(Content.NOISE))
            (control, low, high), kind = max(zip(controls, kinds, strict=True), key=lambda pair: pair[0][2])
            found.append(
                Evidence(
                    plugin=self.provenance.analysis, method="back-patching, prompt only", metric=_METRIC, unit=unit,
                    position=str(row["position"].item()), score=score[0], low=score[1], high=score[2],
                    level=float(self.data.attrs["level"]), n=self.data.sizes["case"], control=control, control_low=low,
                    control_high=high, control_kind=kind, p_value=float(row["p_value"]),
                    q_value=float(row["q_value"]), run=self.provenance.digest,
                )
            )  # fmt: skip
        return tuple(found)

    @property
    def findings(self) -> xr.DataArray:
        """True at patches that are significant and repair more than either control, ``[patch]``."""
        import xarray as xr

        found = [claim.is_finding() for claim in self.claims]
        return xr.DataArray(found, dims="patch", coords={"patch": self.data["patch"]})

    def to_frame(self) -> pd.DataFrame:
        import pandas as pd

        columns = ["recovery", "recovery_low", "recovery_high", "unrelated", "unrelated_high", "noise", "noise_high"]
        rows = self.data[[*columns, "q_value"]].to_dataframe().rename(columns={"route_of": "route"})
        rows["finding"] = self.findings.values
        rows = rows[["source", "target", "position", "route", *columns, "q_value", "finding"]]
        order = pd.DataFrame({"rank": -rows["recovery"], "quiet": ~rows["finding"]})
        return rows.loc[order.sort_values(["quiet", "rank"], kind="stable").index].reset_index(drop=True)

    def to_circuit(self) -> Circuit:
        """Claims on the edges from source to target of all patches but the forward ones, which are a control."""
        claims: dict[str, list[Evidence]] = {}
        for source, target, route, claim in zip(
            *(self.data[name].values.tolist() for name in ("source", "target", "route_of")), self.claims, strict=True
        ):
            if route != Route.FORWARD:
                claims.setdefault(f"{source}->{target}", []).append(claim)
        edges = [Edge.parse(name, tuple(found)) for name, found in claims.items()]
        return Circuit(edges=edges, runs={self.provenance.digest: self.provenance.as_dict()})

    def plot(self) -> Mapping[str, Figure]:
        from jackfield_plugins.back_patching import pictures

        return {
            "Cases repaired, by source and target": pictures.grid(self),
            "The best pair of layers, on cases it was not chosen on": pictures.held_out(self),
        }

    def summary(self) -> list[str]:
        return list(self._sentences())

    def told(self, name: str, route: Route, content: Content) -> str:
        """A share of ``data`` along route and content with its interval, as text."""
        at = self.data.sel(route=str(route), content=str(content))
        value, low, high = (float(at[f"{name}{end}"]) for end in ("", "_low", "_high"))
        return f"{value:.0%} [{low:.0%}, {high:.0%}]"

    def uncleared(self, route: Route) -> list[str]:
        """The controls that the interval of a route's held-out share does not lie above."""
        low = float(self.data["held_out_low"].sel(route=str(route), content=str(Content.OWN)))
        controls = {
            str(Content.UNRELATED): (route, Content.UNRELATED),
            str(Content.NOISE): (route, Content.NOISE),
            str(Route.FORWARD): (Route.FORWARD, Content.OWN),
        }
        return [
            name
            for name, (other, content) in controls.items()
            if str(other) in self.data["route"]
            and not low > float(self.data["held_out_high"].sel(route=str(other), content=str(content)))
        ]

    def _sentences(self) -> Iterator[str]:
        counts = dict(zip(self.data["category"].values.tolist(), self.data["count"].values.tolist(), strict=True))
        others = ", ".join(f"{count} {name}" for name, count in counts.items() if name not in (RIGHT, WRONG))
        yield (
            f"Of {sum(counts.values())} pairs drawn, {counts[RIGHT] + counts[WRONG]} ask a question of which the model "
            f"knows both hops ({others}); it answers {counts[WRONG]} of them wrong. Those are the cases."
        )
        for route in (Route.BLOCKS, Route.EMBEDDING):
            if str(route) in self.data["route"]:
                yield self._headline(route)
                yield self._beside(route)
        back = self.findings[self.data["route_of"].values != str(Route.FORWARD)]
        yield (
            f"{int(back.sum())} of {len(back)} back-patches are findings: significant at a false discovery rate of 5 % "
            "and beyond the control that repairs more."
        )

    def _headline(self, route: Route) -> str:
        best = self.data["best"].sel(route=str(route), content=str(Content.OWN)).item()
        own, unrelated, noise = (self.told("held_out", route, content) for content in Content)
        controls = f"an unrelated prompt's state {unrelated}, noise {noise}"
        if str(Route.FORWARD) in self.data["route"]:
            controls += f", a forward patch {self.told('held_out', Route.FORWARD, Content.OWN)}"
        left = self.uncleared(route)
        verdict = f"not clear of: {', '.join(left)}" if left else "clear of every control"
        reported = int(self.data["reported"].sum())
        return (
            f"{str(route).capitalize()}: {best}, the best pair of one half, repairs {own} of the other half "
            f"({reported} cases). Controls, each at its own best pair: {controls}. The interval is {verdict}."
        )

    def _beside(self, route: Route) -> str:
        kept = self.data["preserved"].sel(route=str(route), content=str(Content.OWN))
        stay = (
            "too few cases were right to tell how many stay so"
            if kept.isnull()
            else (f"of cases that were right, {self.told('preserved', route, Content.OWN)} stay right")
        )
        return (
            f"With that pair the answer comes within {self.provenance.config['tokens']} greedy tokens in "
            f"{self.told('spoken', route, Content.OWN)} (another case's answer in "
            f"{self.told('false_match', route, Content.OWN)}); {stay}. Some pair or other, picked for each case with "
            f"its answer in hand, repairs {self.told('oracle', route, Content.OWN)}; with an unrelated prompt's state "
            f"that is {self.told('oracle', route, Content.UNRELATED)}."
        )
