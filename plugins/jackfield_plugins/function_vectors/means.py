"""What heads put out on average at the end of a function's prompts, and what that adds to the residual stream."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from jackfield.bench import Bench
from jackfield.hooked_model import HookedModel
from jackfield.interventions import replace
from jackfield.sites import Kind, Site
from jackfield.token_batch import TokenBatch
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

    It is what the attention output loses when this head's output is taken away from all others, which on most
    architectures is the output projected by the head's part of the output matrix. Where a norm follows attention, it is
    that as scaled by the norm of all heads' outputs together.

    Parameters
    ----------
    model
        The model.
    outputs
        Of every head, before the output projection.
    bias
        Whether each head's share also gets the whole bias of the output projection. A sum over heads then holds it
        once per head, as in the original code.
    """
    layers, heads, _ = outputs.shape
    rows = outputs[:, None].repeat(1, heads + 2, 1, 1)
    rows[:, range(heads), range(heads)] = 0
    rows[:, -1] = 0
    token = model.tokenize(["."]).tokens[:, :1].repeat(heads + 2, 1)
    batch = TokenBatch(token, torch.ones_like(token, dtype=torch.bool))
    writes = [replace(Site(Kind.Z, layer), rows[layer][:, None]) for layer in range(layers)]
    found = model.run_with_cache(batch, _outputs(layers), writes)
    attention = torch.stack([found[site][:, 0] for site in _outputs(layers)])
    without, whole, nothing = attention[:, :heads], attention[:, heads, None], attention[:, heads + 1, None]
    return whole - without + (nothing if bias else 0)


def _outputs(layers: int) -> Sequence[Site]:
    return [Site(Kind.ATTN_OUT, layer) for layer in range(layers)]
