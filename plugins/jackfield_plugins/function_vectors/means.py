"""What heads put out on average at the end of a function's prompts, and what that adds to the residual stream."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from jackfield.bench import Bench
from jackfield.hooked_model import HookedModel
from jackfield.interventions import zero
from jackfield.projections import Projections
from jackfield.sites import Kind, Site
from jackfield_plugins.function_vectors.prompts import Prompts, chunks

__all__ = ["Means", "written"]


@dataclass(frozen=True, eq=False)
class Means:
    """Means over a function's prompts, at the last token.

    Parameters
    ----------
    outputs
        Of each head's output before the output projection, ``[layer, head, d_head]``.
    streams
        Of the residual stream after each layer, ``[layer, d_model]``.
    """

    outputs: Float[Tensor, "layer head d_head"]
    streams: Float[Tensor, "layer d_model"]

    @classmethod
    def over(cls, bench: Bench, prompts: Prompts, description: str) -> Means:
        """Run prompts and take the means; progress is reported under ``description``."""
        layers = range(bench.model.shape.n_layers)
        kinds = (Kind.Z, Kind.RESID_POST)
        sites = {kind: [Site(kind, layer) for layer in layers] for kind in kinds}
        sums: dict[Kind, Tensor] = {}
        done = 0
        bench.progress(description, done, len(prompts))
        for part in chunks(prompts.tokens):
            run = bench.model.run_with_cache(part, [*sites[Kind.Z], *sites[Kind.RESID_POST]])
            ends = torch.arange(len(part), device=part.tokens.device), part.last_columns
            for kind in kinds:
                total = torch.stack([run[site][ends].double().sum(0) for site in sites[kind]])
                sums[kind] = sums[kind] + total if kind in sums else total
            done += len(part)
            bench.progress(description, done, len(prompts))
        outputs, streams = ((sums[kind] / len(prompts)).float() for kind in kinds)
        return cls(outputs, streams)


def written(
    model: HookedModel, outputs: Float[Tensor, "layer head d_head"], *, bias: bool = False
) -> Float[Tensor, "layer head d_model"]:
    """What each head's output adds to the residual stream.

    Parameters
    ----------
    model
        The model.
    outputs
        Of every head, before the output projection.
    bias
        Whether each head's share also gets the whole bias of the output projection. A sum over heads then holds it
        once per head, as in the original code.

    Raises
    ------
    SiteError
        If the model does not show its heads' weights, or computes its heads in another way than they say.
    """
    projections = Projections.of(model)
    found = torch.stack([projections.written(layer, output) for layer, output in enumerate(outputs)])
    return found + _bias(model)[:, None] if bias else found


def _bias(model: HookedModel) -> Float[Tensor, "layer d_model"]:
    """What attention adds to the residual stream when no head puts out anything."""
    layers = range(model.shape.n_layers)
    sites = [Site(Kind.ATTN_OUT, layer) for layer in layers]
    silent = [zero(Site(Kind.Z, layer)) for layer in layers]
    run = model.run_with_cache(model.tokenize(["."]), sites, silent)
    return torch.stack([run[site][0, -1] for site in sites])
