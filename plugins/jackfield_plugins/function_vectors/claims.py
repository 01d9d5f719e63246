"""What a data set of function vectors claims: of vectors, of heads, and of heads where vectors are added."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from jackfield.comparison import LEVEL
from jackfield.pairs import END
from jackfield.provenance import Provenance
from jackfield.sites import Kind, Site
from jackfield_circuits import Evidence
from jackfield_plugins.function_vectors.answers import ZERO_SHOT
from jackfield_plugins.function_vectors.kinds import NULLS, VECTOR

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["Claims", "Measured", "measured"]

_OTHER_MEAN = "mean over other functions"


class Measured(NamedTuple):
    """A value with the ends of its interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.0%} [{self.low:.0%}, {self.high:.0%}]"


def measured(part: xr.Dataset, name: str) -> Measured:
    """A variable of a data set without dimensions, with its interval."""
    return Measured(*(float(part[f"{name}{end}"]) for end in ("", "_low", "_high")))


@dataclass(frozen=True, eq=False)
class Claims:
    """The claims of a data set that ``FunctionVectorsResult`` describes.

    Parameters
    ----------
    data, provenance
        Those of the result.
    """

    data: xr.Dataset
    provenance: Provenance

    def answer(self, function: str, context: str, kind: str, controls: Sequence[str]) -> Evidence:
        """What a kind of vector is claimed to do in a context, beside the control with which most is answered."""
        part = self.data.sel(function=function, context=context)
        shares = part["answered"].sel(vector_kind=list(controls))
        hardest = str(shares["vector_kind"].values[int(shares.values.argmax())])
        tested: dict[str, float] = {}
        if kind == VECTOR:
            q_value = part["q_value" if controls is NULLS else "q_value_rivals"]
            p_values = part["p_value"].sel(control_kind=list(controls))
            tested = {"p_value": float(p_values.max()), "q_value": float(q_value)}
        return self._evidence(
            f"{kind} of {part['label'].item()}, {context}, {self._added(part)} after layer {int(part['best_layer'])}",
            "answered", "share of inputs", int(part["held_out_inputs"]), hardest,
            measured(part.sel(vector_kind=kind), "answered"), measured(part.sel(vector_kind=hardest), "answered"),
            **tested,
        )  # fmt: skip

    def heads(self) -> Iterator[tuple[str, Evidence]]:
        """Each head with a claim of its mean output in spoilt prompts, for each function and corruption."""
        n = int(self.provenance.config["corrupted_prompts"])
        for function in self.data["function"].values.tolist():
            for corruption in self.data["corruption"].values.tolist():
                part = self.data.sel(function=function, corruption=corruption)
                method = f"mean output for {part['label'].item()} into prompts with {corruption.replace('_', ' ')}"
                for head in part["head"].values.tolist():
                    yield head, self._probability(part.sel(head=head), "aie", method, n)

    def edges(self, function: str, heads: Sequence[str]) -> Iterator[tuple[str, Evidence]]:
        """Each edge from a head of a vector to the site where that is added, with a claim of the head alone."""
        part = self.data.sel(function=function)
        method = f"mean output for {part['label'].item()} alone, {self._added(part)}, {ZERO_SHOT}"
        for head in heads:
            claim = self._probability(part.sel(head=head), "alone", method, int(part["held_out_inputs"]))
            yield f"{head}->{self.site(function)}", claim

    def site(self, function: str) -> Site:
        """Where a function's vector is added."""
        return Site(Kind.RESID_POST, int(self.data["best_layer"].sel(function=function)))

    def _added(self, part: xr.Dataset) -> str:
        return f"added {float(part['best_strength']):g} times"

    def _probability(self, part: xr.Dataset, name: str, method: str, n: int) -> Evidence:
        tested = {f"{letter}_value": float(part[f"{letter}_value_{name}"]) for letter in "pq"}
        return self._evidence(
            method, "probability", "probability", n, _OTHER_MEAN, measured(part, name),
            measured(part, f"{name}_control"), **tested,
        )  # fmt: skip

    def _evidence(
        self,
        method: str,
        metric: str,
        unit: str,
        n: int,
        control: str,
        score: Measured,
        beside: Measured,
        **tested: Any,
    ) -> Evidence:
        return Evidence(
            plugin=self.provenance.analysis, method=method, metric=metric, unit=unit, position=END, n=n, level=LEVEL,
            score=score.value, low=score.low, high=score.high, control=beside.value, control_low=beside.low,
            control_high=beside.high, control_kind=control, run=self.provenance.digest, **tested,
        )  # fmt: skip
