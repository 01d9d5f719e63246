"""What function vectors were found, what they do, and which heads they come from."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from jackfield.comparison import LEVEL
from jackfield.errors import ResultError
from jackfield.pairs import END
from jackfield.results import AnalysisResult
from jackfield.sites import Kind, Site
from jackfield_circuits import Circuit, Edge, Evidence, Node
from jackfield_plugins.function_vectors.answers import ZERO_SHOT
from jackfield_plugins.function_vectors.kinds import NONE, NULLS, RIVALS, SHARED, VECTOR
from jackfield_plugins.function_vectors.vector import FunctionVector

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from matplotlib.figure import Figure

__all__ = ["FunctionVectorsResult"]


@dataclass(frozen=True, eq=False)
class FunctionVectorsResult(AnalysisResult):
    """Vectors of several functions, measured on inputs that they were not made from.

    ``data`` holds by ``function``:

    * ``answered [function, context, vector_kind]``, the share of inputs answered, and ``gain``, by how much that is more
      than with nothing added, both with intervals; ``p_value [function, context, control_kind]`` of the function vector
      against each control; ``q_value [function, context]`` against that of ``NULLS`` which it beats least surely, and
      ``q_value_rivals`` the same of ``RIVALS``, each corrected over the functions of a context;
    * ``aie [function, corruption, head]``, the average indirect effect of each head, with interval, control, ``p_value``
      and ``q_value`` (names end in ``_aie``); ``head_rank``, by which heads are chosen;
    * ``alone [function, head]``, what a head of the vector adds by itself, with the same beside it;
    * ``vector [function, dimension]``, ``decoded [function, rank]``, ``best_layer``, ``best_strength``, ``by_layer``;
    * ``tried [function, layer, strength]``, on the extraction half; ``transfer_heads``, ``transfer_vector`` and
      ``common_heads [function, source]``; counts of inputs; ``composed`` where compositions were asked for.

    Not a number stands where something was not measured.
    """

    variables: ClassVar[tuple[str, ...]] = (
        "answered", "gain", "p_value", "q_value", "aie", "alone", "vector", "head_rank", "by_layer", "tried",
    )  # fmt: skip

    @property
    def left_out(self) -> Mapping[str, str]:
        """Functions that could not be used, and why."""
        found: dict[str, str] = json.loads(self.data.attrs["left_out"])
        return found

    @property
    def _count(self) -> int:
        """Heads that a vector is made of."""
        return int(self.provenance.config["heads"])

    def heads_of(self, function: str) -> list[str]:
        """The heads that a function's vector is made of, that with the greatest effect first."""
        ranks = self._of(function)["head_rank"]
        return [str(name) for name in ranks["head"].values[ranks.values.argsort()][: self._count]]

    def vector(self, function: str) -> FunctionVector:
        """The vector of a function, to be saved or applied.

        Raises
        ------
        ResultError
            If there is none.
        """
        import torch

        found = self._of(function)
        return FunctionVector(
            function,
            torch.tensor(found["vector"].values, dtype=torch.float32),
            int(found["best_layer"]),
            float(found["best_strength"]),
            tuple(self.heads_of(function)),
            self.provenance,
        )

    def _of(self, function: str) -> xr.Dataset:
        known = self.data["function"].values.tolist()
        if function not in known:
            reason = self.left_out.get(function)
            raise ResultError(
                f"there is no vector of {function!r}" + (f": {reason}" if reason else f"; there are {', '.join(known)}")
            )
        return self.data.sel(function=function)

    @cached_property
    def claims(self) -> Mapping[tuple[str, str, str], Evidence]:
        """What is claimed by function, context and kind of vector: the function vector's, and the shared heads' sum.

        A claim's score is the share of inputs answered, its control that of ``NULLS`` with which most are.
        """
        return {
            (function, context, kind): self._claim(function, context, kind, NULLS)
            for function, context in self._measured
            for kind in (VECTOR, SHARED)
        }

    @cached_property
    def rival_claims(self) -> Mapping[tuple[str, str], Evidence]:
        """The same of the function vector, with that of ``RIVALS`` as control with which most inputs are answered."""
        return {
            (function, context): self._claim(function, context, VECTOR, RIVALS) for function, context in self._measured
        }

    @property
    def _measured(self) -> list[tuple[str, str]]:
        """The contexts that each function has."""
        known = self.data["answered"].sel(vector_kind=VECTOR).notnull()
        return [
            (function, context)
            for function in self.data["function"].values.tolist()
            for context in self.data["context"].values.tolist()
            if bool(known.sel(function=function, context=context))
        ]

    def _claim(self, function: str, context: str, kind: str, controls: Sequence[str]) -> Evidence:
        part = self.data.sel(function=function, context=context)
        shares = part["answered"].sel(vector_kind=list(controls))
        hardest = str(shares["vector_kind"].values[int(shares.values.argmax())])
        place = f"added {float(part['best_strength']):g} times after layer {int(part['best_layer'])}"
        tested: dict[str, Any] = {}
        if kind == VECTOR:
            q_value = part["q_value" if controls is NULLS else "q_value_rivals"]
            p_values = part["p_value"].sel(control_kind=list(controls))
            tested = {"p_value": p_values.values.max(), "q_value": q_value.item()}
        return self._evidence(
            f"{kind} of {part['label'].item()}, {context}, {place}", "answered", "share of inputs",
            int(part["held_out_inputs"]), hardest, _three(part.sel(vector_kind=kind), "answered"),
            _three(part.sel(vector_kind=hardest), "answered"), tested,
        )  # fmt: skip

    def _evidence(
        self, method: str, metric: str, unit: str, n: int, control: str, score: tuple[float, ...],
        controlled: tuple[float, ...], tested: Mapping[str, Any],
    ) -> Evidence:  # fmt: skip
        (value, low, high), (other, other_low, other_high) = score, controlled
        return Evidence(
            plugin=self.provenance.analysis, method=method, metric=metric, unit=unit, position=END, n=n, level=LEVEL,
            score=value, low=low, high=high, control=other, control_low=other_low, control_high=other_high,
            control_kind=control, run=self.provenance.digest, **tested,
        )  # fmt: skip

    def _head_claims(self) -> Iterator[tuple[str, Evidence]]:
        """What is claimed of each head's mean output in spoilt prompts, for each function and corruption."""
        n = int(self.provenance.config["corrupted_prompts"])
        for function in self.data["function"].values.tolist():
            for corruption in self.data["corruption"].values.tolist():
                part = self.data.sel(function=function, corruption=corruption)
                method = f"mean output for {part['label'].item()} into prompts with {corruption.replace('_', ' ')}"
                for head in part["head"].values.tolist():
                    one = part.sel(head=head)
                    tested = {"p_value": one["p_value_aie"].item(), "q_value": one["q_value_aie"].item()}
                    yield head, self._evidence(
                        method, "probability", "probability", n, "mean over other functions", _three(one, "aie"),
                        _three(one, "aie_control"), tested,
                    )  # fmt: skip

    def _edge_claims(self) -> Iterator[tuple[str, Evidence]]:
        """What is claimed of each head of each vector at the place where the vector is added."""
        for function in self.data["function"].values.tolist():
            part = self._of(function)
            site = Site(Kind.RESID_POST, int(part["best_layer"]))
            method = (
                f"mean output for {part['label'].item()} alone, added {float(part['best_strength']):g} times, {ZERO_SHOT}"
            )
            for head in self.heads_of(function):
                one = part.sel(head=head)
                tested = {"p_value": one["p_value_alone"].item(), "q_value": one["q_value_alone"].item()}
                yield f"{head}->{site}", self._evidence(
                    method, "probability", "probability", int(part["held_out_inputs"]), "mean over other functions",
                    _three(one, "alone"), _three(one, "alone_control"), tested,
                )  # fmt: skip

    def to_frame(self) -> pd.DataFrame:
        """One row for each function, context and kind of vector, in their order."""
        import pandas as pd

        names = [f"{name}{end}" for name in ("answered", "gain") for end in ("", "_low", "_high")]
        rows = self.data[names].to_dataframe().reset_index().drop(columns="label")
        rows = rows.dropna(subset="answered").reset_index(drop=True)
        q_values = self.data["q_value"].to_series()
        whole = rows["vector_kind"] == VECTOR
        keys = list(zip(rows["function"], rows["context"], strict=True))
        rows["q_value"] = [q_values[key] if own else float("nan") for key, own in zip(keys, whole, strict=True)]
        rows["finding"] = [
            bool(own and self.claims[(*key, VECTOR)].is_finding()) for key, own in zip(keys, whole, strict=True)
        ]
        order = ["function", "context", "vector_kind", *names, "q_value", "finding"]
        return pd.DataFrame(rows[order])

    def to_circuit(self) -> Circuit:
        """Claims on every head, on the sites where vectors are added, and on edges from heads to those sites.

        An edge says that what the head writes is part of what is added there, wherever the head itself lies.
        """
        nodes = [Node(id=head, evidence=(claim,)) for head, claim in self._head_claims()]
        for function, context in self._measured:
            site = Site(Kind.RESID_POST, int(self._of(function)["best_layer"]))
            evidence = self.claims[function, context, VECTOR], self.rival_claims[function, context]
            nodes.append(Node(id=str(site), evidence=evidence))
        edges = [Edge.parse(name, (claim,)) for name, claim in self._edge_claims()]
        return Circuit(nodes, edges, {self.provenance.digest: self.provenance.as_dict()})

    def plot(self) -> Mapping[str, Figure]:
        from jackfield_plugins.function_vectors import pictures

        figures = {
            "Without examples": pictures.answers(self, ZERO_SHOT),
            "Average indirect effect of heads": pictures.effects(self),
            "By layer": pictures.layers(self),
            "Other functions' heads and vectors": pictures.transfers(self),
        }
        if len(self.data["context"]) > 1:
            figures["In other contexts"] = pictures.contexts(self)
        return figures

    def summary(self) -> list[str]:
        return list(self._sentences())

    def served(self, kind: str = VECTOR, context: str = ZERO_SHOT) -> list[str]:
        """Labels of the functions for which a kind of vector is clear of all of ``NULLS`` in a context.

        The function vector's claim must be a finding; of the shared heads' sum, which is not tested, only the intervals
        are compared.
        """
        claims = {function: self.claims[function, known, kind] for function, known in self._measured if known == context}
        return [
            self._of(function)["label"].item()
            for function, claim in claims.items()
            if (claim.is_finding() if kind == VECTOR else (claim.low or 0) > (claim.control_high or 0))
        ]

    def _sentences(self) -> Iterator[str]:
        names = self.data["function"].values.tolist()
        yield (
            f"Vectors of {len(names)} functions, each the sum of {self._count} heads' mean outputs, reported on "
            f"{int(self.data['held_out_inputs'].sum())} held-out inputs; {len(self.left_out)} functions were left out."
        )
        for function in names:
            claim, rival = self.claims[function, ZERO_SHOT, VECTOR], self.rival_claims[function, ZERO_SHOT]
            part = self._of(function).sel(context=ZERO_SHOT)
            bare = part.sel(vector_kind=NONE)
            yield (
                f"{part['label'].item()}: without examples {_percent(*_three(bare, 'answered'))} answered, with the vector "
                f"({float(part['best_strength']):g} times after layer {int(part['best_layer'])}) "
                f"{_percent(claim.score, claim.low, claim.high)}; best control, {claim.control_kind}, "
                f"{_percent(claim.control, claim.control_low, claim.control_high)}; {rival.control_kind} "
                f"{_percent(rival.control, rival.control_low, rival.control_high)}; "
                f"{'a finding' if claim.is_finding() else 'no finding'}, "
                f"{'better' if rival.is_finding() else 'not clearly better'} than the layer average."
            )
        gains = self.data["gain"].sel(context=ZERO_SHOT, vector_kind=VECTOR)
        yield (
            f"{int((gains >= 0.5).sum())} functions gain half of all inputs or more; {len(self.served())} are findings, "
            f"and {sum(self.rival_claims[name, ZERO_SHOT].is_finding() for name in names)} of the vectors are also "
            "clear of the layer average."
        )
        shared = self.data["head"].values[self.data["shared_head"].values].tolist()
        served = self.served(SHARED)
        yield (
            f"The {len(shared)} heads that rank first over all functions ({', '.join(shared)}) serve "
            f"{len(served)} of {len(names)} functions: {', '.join(served) or 'none'}."
        )
        for corruption in self.data["corruption"].values.tolist():
            part = self.data.sel(corruption=corruption)
            yield (
                f"Prompts with {corruption.replace('_', ' ')} leave the answer a probability of "
                f"{float(part['spoilt_probability'].mean()):.2f}; the greatest effect of a head, averaged over functions, "
                f"is {float(part['aie'].mean('function').max()):+.3f}."
            )
        if "composed" in self.data:
            for name in self.data["composition"].values.tolist():
                values = self.data["composed"].sel(composition=name)
                shares = ", ".join(f"{kind} {float(values.sel(summand=kind)):.0%}" for kind in values["summand"].values)
                yield f"{name}: {shares}."


def _three(part: xr.Dataset, name: str) -> tuple[float, float, float]:
    value, low, high = (float(part[f"{name}{end}"]) for end in ("", "_low", "_high"))
    return value, low, high


def _percent(value: float | None, low: float | None, high: float | None) -> str:
    return f"{value:.0%} [{low:.0%}, {high:.0%}]"
