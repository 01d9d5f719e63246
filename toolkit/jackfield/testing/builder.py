"""Builds a transformer by hand: what its heads and neurons read from named subspaces of the stream, and write there."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

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
    """A transformer under construction.

    Every word adds its direction of ``word`` to the stream, and every token adds ``one``. Heads that are not built, and
    some neurons of every MLP, are decoys: they read everything, and write to waste, which only decoys read.

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
        groups: int | None = None,
        n_ctx: int = 16,
    ) -> None:
        self.stream = stream
        self._tokens = _tokens(words, example.split())
        groups = groups or heads
        self._heads_per_group = heads // groups
        self._given: set[tuple[int, int]] = set()
        generator = torch.Generator().manual_seed(0)

        def random(*shape: int) -> Tensor:
            return _DECOY_SIZE * torch.randn(*shape, generator=generator)

        d_model, waste = stream.d_model, stream.waste
        d_head = d_model // heads
        self._scale = math.sqrt(_SHARPNESS * math.sqrt(d_head))
        self._query = random(layers, heads, d_head, d_model)
        self._out = random(layers, heads, d_head, len(waste)) @ waste
        self._key, self._value = random(2, layers, groups, d_head, d_model)
        self._reads = [*random(layers, _DECOY_NEURONS, d_model)]
        self._writes = [*(random(layers, _DECOY_NEURONS, len(waste)) @ waste)]
        self._embed = stream.one.repeat(len(self._tokens), 1)
        self._embed[len(_SPECIAL) :] += stream("word", *self._tokens[len(_SPECIAL) :])
        self._position = torch.zeros(n_ctx, d_model)
        self._unembed = torch.zeros(len(self._tokens), d_model)

    def positions(self, rows: Float[Tensor, "n_ctx d_model"]) -> None:
        """Add one direction to the stream at each place."""
        self._position = self._position + rows

    def head(
        self,
        layer: int,
        head: int,
        *,
        query: Float[Tensor, "query d_model"],
        key: Float[Tensor, "key d_model"],
        value: Float[Tensor, "value d_model"],
        out: Float[Tensor, "out d_model"],
    ) -> None:
        """Build a head.

        Its score is the sum over channels of what ``query`` reads at one token times what ``key`` reads at the other.
        What it reads in a direction of ``value`` at the token attended to, it writes in the same channel's ``out``.

        Parameters
        ----------
        layer, head
            Which; heads that share keys and values must be given the same ones.
        query, key
            Directions that are matched; one match draws all of the attention.
        value, out
            Directions that are read and written.

        Raises
        ------
        ConfigError
            If directions do not pair, the head is too narrow for them, or a shared key or value differs.
        """
        _require_paired("query", query, "key", key)
        _require_paired("value", value, "out", out)
        group = head // self._heads_per_group
        d_head = self._query.shape[2]
        shared = torch.stack([_channels(self._scale * key, d_head), _channels(value, d_head)])
        if (layer, group) in self._given:
            before = torch.stack([self._key[layer, group], self._value[layer, group]])
            if not torch.equal(shared, before):
                raise ConfigError(f"head {head} of layer {layer} shares keys and values that were given otherwise")
        self._given.add((layer, group))
        self._key[layer, group], self._value[layer, group] = shared
        self._query[layer, head] = _channels(self._scale * query, d_head)
        self._out[layer, head] = _channels(out, d_head)

    def mlp(
        self, layer: int, *, reads: Float[Tensor, "read d_model"], writes: Float[Tensor, "written d_model"]
    ) -> None:
        """Build neurons: each writes its direction, times relu of what it reads.

        Raises
        ------
        ConfigError
            If directions do not pair.
        """
        _require_paired("reads", reads, "writes", writes)
        self._reads[layer] = torch.cat([self._reads[layer], reads])
        self._writes[layer] = torch.cat([self._writes[layer], writes])

    def unembed(self, words: Sequence[str], reads: Float[Tensor, "word d_model"]) -> None:
        """Let the logit of each word read a direction."""
        self._unembed[[self._tokens.index(word) for word in words]] += reads

    def hook(self, name: str, network: Callable[[Weights], PreTrainedModel]) -> HookedModel:
        """The finished model, in a network of some architecture, hooked and checked."""
        weights = Weights(
            self._embed, self._position, self._query, self._key, self._value, self._out,
            pad_sequence(self._reads, batch_first=True), pad_sequence(self._writes, batch_first=True),
            self._unembed, self.stream.one,
        )  # fmt: skip
        return hook(network(weights), word_tokenizer(self._tokens), name)


def _tokens(words: Sequence[str], example: Sequence[str]) -> list[str]:
    """The vocabulary by token id, special tokens first, and words of the example where the check at loading looks."""
    count = len(_SPECIAL) + len(words)
    looked_at = (token for token in Probe.token_rows(count)[0] if token >= len(_SPECIAL))
    placed = dict(zip(looked_at, example, strict=False))
    others = iter([*_SPECIAL, *(word for word in words if word not in placed.values())])
    return [placed[token] if token in placed else next(others) for token in range(count)]


def _require_paired(name: str, directions: Tensor, other_name: str, others: Tensor) -> None:
    if len(directions) != len(others):
        raise ConfigError(f"{len(directions)} directions of {name} do not pair with {len(others)} of {other_name}")


def _channels(directions: Tensor, d_head: int) -> Tensor:
    """A head's weights: its last numbers are the channels, since rotary positions turn the first ones most."""
    if len(directions) > d_head:
        raise ConfigError(f"a head of width {d_head} has no room for {len(directions)} channels")
    return torch.cat([torch.zeros(d_head - len(directions), directions.shape[1]), directions])
