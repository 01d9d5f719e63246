"""The weights of a small decoder, in the layout of no particular architecture."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

__all__ = ["Weights"]


@dataclass(frozen=True, eq=False)
class Weights:
    """A decoder without norms and biases, whose MLPs apply relu.

    Parameters
    ----------
    embed
        What each token adds to the stream at its place.
    position
        What each place adds to the stream; zeros in architectures that rotate queries and keys instead.
    query, key, value, out
        What heads read and write. With grouped queries there are fewer keys and values than heads.
    neuron_in, neuron_out
        What neurons read and write.
    unembed
        What each logit reads.
    one
        The direction in which the stream is 1 at every token.
    """

    embed: Float[Tensor, "vocab d_model"]
    position: Float[Tensor, "n_ctx d_model"]
    query: Float[Tensor, "layer head d_head d_model"]
    key: Float[Tensor, "layer group d_head d_model"]
    value: Float[Tensor, "layer group d_head d_model"]
    out: Float[Tensor, "layer head d_head d_model"]
    neuron_in: Float[Tensor, "layer neuron d_model"]
    neuron_out: Float[Tensor, "layer neuron d_model"]
    unembed: Float[Tensor, "vocab d_model"]
    one: Float[Tensor, "1 d_model"]
