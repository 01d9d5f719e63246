"""What function vectors were found, what they do, and which heads they come from."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from jackfield.errors import ResultError
from jackfield.results import AnalysisResult
from jackfield_circuits import Circuit, Edge, Evidence, Node
from jackfield_plugins.function_vectors.answers import ZERO_SHOT
from jackfield_plugins.function_vectors.claims import Claims, measured
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

    * ``answered [function, context, vector_kind]``, the share of inputs answered, and ``gain``, by how much that is
      more than with nothing added, both with intervals; ``p_value [function, context, control_kind]`` of the function
      vector against each control; ``q_value [function, context]`` against that of ``NULLS`` which it beats least
      surely, and ``q_value_rivals`` the same of ``RIVALS``, each corrected over the functions of a context;
    * ``aie [function, corruption, head]``, the average indirect effect of each head, with interval, control,
      ``p_value`` and ``q_value`` (names end in ``_aie``); ``head_rank``, by which heads are chosen;
    * ``alone [function, head]``, what a head of the vector adds by itself, with the same beside it;
    * ``vector [function, dimension]``, ``decoded [function, rank]``, ``best_layer``, ``best_strength``, ``by_layer``;
    * ``tried [function, layer, strength]``, on the extraction half; ``transfer_heads``, ``transfer_vectors`` and
      ``common_heads [function, source]``; counts of inputs; ``composed`` where compositions were asked for.

    Not a number stands where something was not measured.
    """

    variables: ClassVar[tuple[str, ...]] = (
        "answered", "gain", "p_value", "q_value", "q_value_rivals", "aie", "alone", "vector", "head_rank", "by_layer",
        "tried",
    )  # fmt: skip

    @property
    def left_out(self) -> Mapping[str, str]:
        """Functions that could not be used, and why."""
        found: dict[str, str] = json.loads(self.data.attrs["left_out"])
        return found

    @property
    def functions(self) -> list[str]:
        """Names of the functions that have a vector."""
        found: list[str] = self.data["function"].values.tolist()
        return found

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

    def decoded(self, function: str) -> list[str]:
        """The likeliest tokens of a function's vector, read out through the last norm and the unembedding."""
        return [str(token) for token in self._of(function)["decoded"].values]

    @cached_property
    def claims(self) -> Mapping[tuple[str, str, str], Evidence]:
        """What is claimed by function, context and kind of vector: the function vector's, and the shared heads' sum.

        A claim's score is the share of inputs answered; its control is the one of ``NULLS`` with which most are.
        """
        return {
            (function, context, kind): self._all_claims.answer(function, context, kind, NULLS)
            for function, context in self._measured
            for kind in (VECTOR, SHARED)
        }

    @cached_property
    def rival_claims(self) -> Mapping[tuple[str, str], Evidence]:
        """The same of the function vector beside the one of ``RIVALS`` with which most inputs are answered."""
        return {
            (function, context): self._all_claims.answer(function, context, VECTOR, RIVALS)
            for function, context in self._measured
        }

    def served(self, kind: str = VECTOR, context: str = ZERO_SHOT) -> list[str]:
        """Labels of the functions for which a kind of vector is clear of all of ``NULLS`` in a context.

        The function vector's claim must be a finding; of the shared heads' sum, which is not tested, only the intervals
        are compared.
        """
        claims = {name: self.claims[name, known, kind] for name, known in self._measured if known == context}
        return [
            self._label(name)
            for name, claim in claims.items()
            if (claim.is_finding() if kind == VECTOR else (claim.low or 0) > (claim.control_high or 0))
        ]

    def to_frame(self) -> pd.DataFrame:
        """One row for each function, context and kind of vector, in their order."""
        import pandas as pd

        names = [f"{name}{end}" for name in ("answered", "gain") for end in ("", "_low", "_high")]
        keys = ["function", "context", "vector_kind"]
        rows = self.data[names].to_dataframe().reset_index().dropna(subset="answered").reset_index(drop=True)
        claims = [self.claims.get(key) for key in zip(*(rows[key] for key in keys), strict=True)]
        rows["q_value"] = [None if claim is None else claim.q_value for claim in claims]
        rows["finding"] = [claim is not None and claim.is_finding() for claim in claims]
        return pd.DataFrame(rows[[*keys, *names, "q_value", "finding"]])

    def to_circuit(self) -> Circuit:
        """Claims on every head, on the sites where vectors are added, and on edges from heads to those sites.

        An edge says that what the head writes is part of what is added there, wherever the head itself lies.
        """
        nodes = [Node(id=head, evidence=(claim,)) for head, claim in self._all_claims.heads()]
        for function, context in self._measured:
            evidence = self.claims[function, context, VECTOR], self.rival_claims[function, context]
            nodes.append(Node(id=str(self._all_claims.site(function)), evidence=evidence))
        edges = [
            Edge.parse(name, (claim,))
            for function in self.functions
            for name, claim in self._all_claims.edges(function, self.heads_of(function))
        ]
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

    @cached_property
    def _all_claims(self) -> Claims:
        return Claims(self.data, self.provenance)

    @property
    def _count(self) -> int:
        """Heads that a vector is made of."""
        return int(self.provenance.config["heads"])

    @property
    def _measured(self) -> list[tuple[str, str]]:
        """Each function with each context that it has."""
        known = self.data["answered"].sel(vector_kind=VECTOR).notnull()
        contexts = self.data["context"].values.tolist()
        return [
            (name, context)
            for name in self.functions
            for context in contexts
            if known.sel(function=name, context=context)
        ]

    def _of(self, function: str) -> xr.Dataset:
        if function not in self.functions:
            reason = self.left_out.get(function)
            raise ResultError(
                f"there is no vector of {function!r}"
                + (f": {reason}" if reason else f"; there are {', '.join(self.functions)}")
            )
        return self.data.sel(function=function)

    def _label(self, function: str) -> str:
        return str(self._of(function)["label"].item())

    def _sentences(self) -> Iterator[str]:
        yield (
            f"Vectors of {len(self.functions)} functions, each the sum of {self._count} heads' mean outputs, reported "
            f"on {int(self.data['held_out_inputs'].sum())} held-out inputs; {len(self.left_out)} functions were left "
            "out."
        )
        yield from map(self._verdict, self.functions)
        gains = self.data["gain"].sel(context=ZERO_SHOT, vector_kind=VECTOR)
        beaten = sum(self.rival_claims[name, ZERO_SHOT].is_finding() for name in self.functions)
        yield (
            f"{int((gains >= 0.5).sum())} functions gain half of all inputs or more; {len(self.served())} are "
            f"findings, clear of all controls but the layer average; {beaten} are clear of that too."
        )
        shared = self.data["head"].values[self.data["shared_head"].values].tolist()
        served = self.served(SHARED)
        yield (
            f"The {len(shared)} heads that rank first over all functions ({', '.join(shared)}) serve "
            f"{len(served)} of {len(self.functions)} functions: {', '.join(served) or 'none'}."
        )
        for corruption in self.data["corruption"].values.tolist():
            part = self.data.sel(corruption=corruption)
            yield (
                f"Prompts with {corruption.replace('_', ' ')} leave the answer a probability of "
                f"{float(part['spoilt_probability'].mean()):.2f}; the greatest effect of a head, averaged over "
                f"functions, is {float(part['aie'].mean('function').max()):+.3f}."
            )
        read = "; ".join(
            f"{self._label(name)}: {', '.join(map(repr, self.decoded(name)[:3]))}" for name in self.functions
        )
        yield f"Read out as tokens, the vectors say: {read}."
        for name in self.data["composition"].values.tolist() if "composed" in self.data else ():
            part = self.data.sel(composition=name)
            shares = (f"{kind} {measured(part.sel(summand=kind), 'composed')}" for kind in part["summand"].values)
            yield f"{name}, without examples: {', '.join(shares)}."

    def _verdict(self, function: str) -> str:
        """What the vector of a function does without examples."""
        part = self._of(function).sel(context=ZERO_SHOT)
        shares = {kind: measured(part.sel(vector_kind=kind), "answered") for kind in part["vector_kind"].values}
        claim, rival = self.claims[function, ZERO_SHOT, VECTOR], self.rival_claims[function, ZERO_SHOT]
        return (
            f"{part['label'].item()}: without examples {shares[NONE]} answered, with the vector "
            f"({float(part['best_strength']):g} times after layer {int(part['best_layer'])}) {shares[VECTOR]}; best "
            f"control, {claim.control_kind}, {shares[claim.control_kind]}; {rival.control_kind} "
            f"{shares[rival.control_kind]}; "
            f"{'a finding' if claim.is_finding() else 'no finding'}, "
            f"{'better' if rival.is_finding() else 'not clearly better'} than the layer average."
        )
