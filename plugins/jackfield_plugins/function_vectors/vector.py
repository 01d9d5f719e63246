"""A function vector by itself: saved, loaded, and added to a model's residual stream for the length of a call."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from jaxtyping import Float
from torch import Tensor

from jackfield.errors import InterventionError, ResultError
from jackfield.files import write_tensors
from jackfield.generation import generate
from jackfield.hooked_model import CachedRun, HookedModel
from jackfield.interventions import Intervention, add
from jackfield.provenance import Provenance
from jackfield.sites import Kind, Site
from jackfield.token_batch import TokenBatch

__all__ = ["FunctionVector", "Steered"]

_FORMAT = "jackfield function vector 1"


@dataclass(frozen=True, eq=False)
class FunctionVector:
    """The sum of what some heads write on average when a function is shown by examples.

    Parameters
    ----------
    function
        Name of the function.
    vector
        ``[d_model]``.
    layer
        The layer after which it was found to work best.
    strength
        How many times it was added there.
    heads
        The heads whose outputs it sums, such as ``a5.h1``.
    provenance
        Of the run that made it.

    Examples
    --------
    >>> vector = FunctionVector.load(path)  # doctest: +SKIP
    >>> steered = vector.apply(model)  # doctest: +SKIP
    >>> logits = steered.run(model.tokenize(["kenya :"]))  # doctest: +SKIP
    """

    function: str
    vector: Float[Tensor, " d_model"]
    layer: int
    strength: float
    heads: tuple[str, ...]
    provenance: Provenance

    def apply(
        self,
        model: HookedModel,
        *,
        layer: int | None = None,
        strength: float | None = None,
        other_weights: bool = False,
    ) -> Steered:
        """The model with the vector added after a layer, at the last token of every prompt.

        The model itself stays as it is: what is returned adds the vector during its own calls only.

        Parameters
        ----------
        model
            The model.
        layer, strength
            Where and how many times; those of the vector if omitted.
        other_weights
            Whether the model may have other weights than the one that the vector was made on.

        Raises
        ------
        InterventionError
            If the vector does not fit the model, or was made on other weights.
        SiteError
            If the model has no such layer.
        """
        if self.vector.shape != (model.shape.d_model,):
            raise InterventionError(
                f"the vector of {self.function} has {len(self.vector)} numbers; the residual stream of {model.name} "
                f"has {model.shape.d_model}"
            )
        made_on = self.provenance.model
        if model.identity.weights != made_on.weights and not other_weights:
            raise InterventionError(
                f"the vector of {self.function} was made on {made_on.name!r}, whose weights have the digest "
                f"{made_on.weights[:16]}; {model.name!r} has {model.identity.weights[:16]}; pass other_weights=True if "
                "that is what you want"
            )
        site = Site(Kind.RESID_POST, self.layer if layer is None else layer)
        model.require_writable(site)
        times = self.strength if strength is None else strength
        return Steered(model, site, times * self.vector.to(model.device))

    def save(self, path: Path) -> None:
        """Write safetensors; the file appears whole or not at all."""
        label = {
            "format": _FORMAT,
            "function": self.function,
            "layer": str(self.layer),
            "strength": repr(self.strength),
            "heads": json.dumps(self.heads),
            "provenance": json.dumps(self.provenance.as_dict(), sort_keys=True),
        }
        write_tensors(path, {"vector": self.vector}, label)

    @classmethod
    def load(cls, path: Path) -> FunctionVector:
        """Read what ``save`` wrote.

        Raises
        ------
        ResultError
            If the file is missing, damaged, or holds something else.
        """
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, framework="pt") as file:
                label = file.metadata() or {}
                if label.get("format") != _FORMAT:
                    raise ResultError(f"{path} holds no function vector: its format is {label.get('format')!r}")
                return cls(
                    label["function"],
                    file.get_tensor("vector"),
                    int(label["layer"]),
                    float(label["strength"]),
                    tuple(json.loads(label["heads"])),
                    Provenance.from_dict(json.loads(label["provenance"])),
                )
        except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
            raise ResultError(f"{path} does not hold a function vector: {type(error).__name__}: {error}") from error


@dataclass(frozen=True, eq=False)
class Steered:
    """A model to which something is added at the last token of every prompt, and at every token that it generates.

    Parameters
    ----------
    model
        The model, which is left as it is.
    site
        Where in the residual stream.
    vector
        What is added, ``[d_model]``.
    """

    model: HookedModel
    site: Site
    vector: Float[Tensor, " d_model"]

    def interventions(self, batch: TokenBatch) -> list[Intervention]:
        """The addition at the last token of each prompt, for use beside other interventions."""
        return [add(self.site, self.vector, batch.at([-1] * len(batch)))]

    def run(self, batch: TokenBatch) -> Float[Tensor, "batch column d_vocab"]:
        """Logits of a batch."""
        return self.model.run_with_interventions(batch, self.interventions(batch))

    def run_with_cache(self, batch: TokenBatch, sites: Collection[Site]) -> CachedRun:
        """Run a batch and keep the activations of some sites, after the addition."""
        return self.model.run_with_cache(batch, sites, self.interventions(batch))

    def continued(self, prompts: Sequence[str], tokens: int) -> list[str]:
        """What the model's likeliest next tokens say after some prompts, one text each.

        The vector is added at each prompt's last token and at each token that is generated.

        Parameters
        ----------
        prompts
            What is continued.
        tokens
            How many tokens to generate.

        Raises
        ------
        TaskError
            If prompt and continuation do not fit into the model's context.
        """
        batch = self.model.tokenize(prompts, "left")
        said = generate(self.model, batch, tokens, self.interventions(batch), [add(self.site, self.vector)])
        return [self.model.text(row) for row in said]
