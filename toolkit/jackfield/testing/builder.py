"""Builds a transformer by hand: what its heads and neurons read from named subspaces of the stream, and write there."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import product
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor

from jackfield.errors import ConfigError
from jackfield.loading import hook
from jackfield.self_check import Probe
from jackfield.testing.stream import Stream
from jackfield.testing.weights import Weights
from jackfield.word_tokenizer import word_tokenizer

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from jackfield.hooked_model import HookedModel

__all__ = ["LOGIT", "Builder"]

LOGIT = 10.0
"""The size of a clear answer, in logits."""

_SPECIAL = ("<pad>", "<bos>", "<unk>")
_SHARPNESS = 12.0
"""The attention score of a match; another token then gets less than 1e-5 of the attention that the match gets."""

_DECOY_NEURONS = 8
_DECOY_SIZE = 0.3


class Builder:
    """A transformer under construction. At first every word adds to the stream its direction of ``word``, and ``one``.

    Channels tie things together: a head's score is the sum over channels of what the query direction reads times what
    the key direction reads, and what it reads in a value direction it writes in the out direction of the same channel.
    Heads that were not built, and some neurons of every MLP, become decoys.

    Parameters
    ----------
    stream
        The residual stream; its subspace ``word`` has a direction for each of ``words``.
    words
        The vocabulary.
    example
        Different words on which every head does something. They get the token ids on which a model is checked when it
        is loaded: it must be seen there that every part of it matters.
    layers, heads, groups
        Layers, heads in each, and the sets of keys and values that heads share in equal parts; a set for each head
        unless told.
    n_ctx
        The longest prompt in tokens.
    """

    def __init__(
        self,
        stream: Stream,
        words: Sequence[str],
        example: str,
        layers: int,
        heads: int = 4,
        groups: int = 4,
        n_ctx: int = 16,
    ) -> None:
        self.stream = stream
        self._tokens = _tokens(words, example.split())
        self._group_of = [head * groups // heads for head in range(heads)]
        d_head = stream.d_model // heads
        self._scale = math.sqrt(_SHARPNESS * math.sqrt(d_head))
        self._query, self._out = torch.zeros(2, layers, heads, d_head, stream.d_model)
        self._key, self._value = torch.zeros(2, layers, groups, d_head, stream.d_model)
        self._neurons = [(stream.waste[:0], stream.waste[:0])] * layers
        self._built: set[tuple[int, int]] = set()
        self._embed = stream.one.repeat(len(self._tokens), 1)
        self._embed[len(_SPECIAL) :] += stream("word", *self._tokens[len(_SPECIAL) :])
        self._position = torch.zeros(n_ctx, stream.d_model)
        self._unembed = torch.zeros(len(self._tokens), stream.d_model)

    def positions(self, rows: Float[Tensor, "n_ctx d_model"]) -> None:
        """Add one direction to the stream at each place."""
        self._position = self._position + rows

    def head(
        self,
        layer: int,
        head: int,
        *,
        query: Float[Tensor, "matched d_model"],
        key: Float[Tensor, "matched d_model"],
        value: Float[Tensor, "moved d_model"],
        out: Float[Tensor, "moved d_model"],
    ) -> None:
        """Build a head.

        Parameters
        ----------
        layer, head
            Which; heads that share keys and values must be given the same ones.
        query, key
            Directions that are matched channel by channel; a token that matches gets all of the attention.
        value, out
            Directions that are read at the token attended to, and written, channel by channel.

        Raises
        ------
        ConfigError
            If the channels do not fit the head.
        """
        self._built.add((layer, head))
        group = self._group_of[head]
        _set_channels(self._query[layer, head], self._scale * query)
        _set_channels(self._key[layer, group], self._scale * key)
        _set_channels(self._value[layer, group], value)
        _set_channels(self._out[layer, head], out)

    def mlp(
        self, layer: int, *, reads: Float[Tensor, "neuron d_model"], writes: Float[Tensor, "neuron d_model"]
    ) -> None:
        """Build neurons: each writes its direction as often as relu of what it reads."""
        before_reads, before_writes = self._neurons[layer]
        self._neurons[layer] = torch.cat([before_reads, reads]), torch.cat([before_writes, writes])

    def unembed(self, words: Sequence[str], reads: Float[Tensor, "word d_model"]) -> None:
        """Let the logit of each word read a direction."""
        self._unembed[[self._tokens.index(word) for word in words]] += reads

    def hook(self, name: str, network: Callable[[Weights], PreTrainedModel]) -> HookedModel:
        """The finished model, in a network of some architecture, hooked and checked."""
        return hook(network(self._finish()), word_tokenizer(self._tokens), name)

    def _finish(self) -> Weights:
        """Make decoys of what was not built: they read everything, and write where nothing but decoys reads."""
        generator = torch.Generator().manual_seed(0)

        def random(*shape: int) -> Tensor:
            return _DECOY_SIZE * torch.randn(*shape, generator=generator)

        waste = self.stream.waste
        query, key, value, out = (weights.clone() for weights in (self._query, self._key, self._value, self._out))
        for layer, head in product(range(len(query)), range(query.shape[1])):
            if (layer, head) not in self._built:
                query[layer, head] = random(*query.shape[2:])
                out[layer, head] = random(query.shape[2], len(waste)) @ waste
        for layer, group in product(range(len(key)), range(key.shape[1])):
            if not any((layer, head) in self._built for head in self._heads_of(group)):
                key[layer, group], value[layer, group] = random(2, *key.shape[2:])
        width = _DECOY_NEURONS + max(len(reads) for reads, _ in self._neurons)
        reads, writes = torch.zeros(2, len(query), width, self.stream.d_model)
        for layer, (built_reads, built_writes) in enumerate(self._neurons):
            built = len(built_reads)
            reads[layer, :built], writes[layer, :built] = built_reads, built_writes
            reads[layer, built:] = random(width - built, self.stream.d_model)
            writes[layer, built:] = random(width - built, len(waste)) @ waste
        return Weights(
            self._embed, self._position, query, key, value, out, reads, writes, self._unembed, self.stream.one
        )

    def _heads_of(self, group: int) -> list[int]:
        return [head for head, shared in enumerate(self._group_of) if shared == group]


def _tokens(words: Sequence[str], example: Sequence[str]) -> list[str]:
    """The vocabulary by token id, special tokens first, and words of the example where the check at loading looks."""
    count = len(_SPECIAL) + len(words)
    looked_at = (token for token in Probe.token_rows(count)[0] if token >= len(_SPECIAL))
    placed = dict(zip(looked_at, example, strict=False))
    others = iter([*_SPECIAL, *(word for word in words if word not in placed.values())])
    return [placed[token] if token in placed else next(others) for token in range(count)]


def _set_channels(weights: Tensor, directions: Tensor) -> None:
    """Set a head's last numbers, one for each channel: rotary positions turn the first ones most."""
    channels, d_head = len(directions), len(weights)
    if channels > d_head:
        raise ConfigError(f"a head of width {d_head} has no room for {channels} channels")
    wanted = torch.zeros_like(weights)
    wanted[d_head - channels :] = directions
    if bool(weights.any()) and not torch.equal(weights, wanted):
        raise ConfigError("heads that share keys and values were given different ones, or a head was built twice")
    weights.copy_(wanted)
