"""What is built does what the plan says, in every architecture."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from transformers import PreTrainedModel

from jackfield.errors import ConfigError
from jackfield.hooked_model import HookedModel
from jackfield.testing.builder import LOGIT, Builder
from jackfield.testing.networks import gpt2, gpt_neox, llama
from jackfield.testing.stream import Stream
from jackfield.testing.weights import Weights

ANIMALS = ["cat", "dog", "owl", "fox"]
WORDS = [*ANIMALS, "the", "saw", "a", "then", "so"]
NETWORKS = {"gpt2": gpt2, "gpt_neox": gpt_neox, "llama": llama}


@pytest.fixture
def stream() -> Stream:
    return Stream(32, {"word": WORDS, "seen": ANIMALS, "answer": ANIMALS})


@pytest.fixture
def builder(stream: Stream) -> Builder:
    return Builder(stream, WORDS, "the dog saw a owl so", layers=1)


def find(builder: Builder, stream: Stream, out: Tensor, layer: int = 0) -> None:
    """Let a head find the animals and write them."""
    builder.head(
        layer, 3,
        query=stream.one, key=stream.any_of("word", *ANIMALS),
        value=stream("word", *ANIMALS), out=out,
    )  # fmt: skip


def answers(model: HookedModel, prompts: list[str]) -> Tensor:
    """The logits of the animals after each prompt."""
    batch = model.tokenize(prompts, "left")
    ids = [model.single_token(animal) for animal in ANIMALS]
    return model.answer_logits(model.run(batch), batch)[:, ids]


@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
def test_a_head_moves_what_it_finds_to_every_later_token(
    builder: Builder, stream: Stream, network: Callable[[Weights], PreTrainedModel]
) -> None:
    find(builder, stream, LOGIT * stream("answer"))
    builder.unembed(ANIMALS, stream("answer"))
    found = answers(builder.hook("found", network), ["the dog saw a", "saw then the fox", "owl so"])
    torch.testing.assert_close(found, LOGIT * torch.eye(4)[[1, 3, 2]], rtol=0, atol=1e-3)


def test_two_animals_share_the_attention(builder: Builder, stream: Stream) -> None:
    find(builder, stream, stream("answer"))
    builder.unembed(ANIMALS, stream("answer"))
    found = answers(builder.hook("found", gpt2), ["the dog saw a fox"])
    torch.testing.assert_close(found, torch.tensor([[0, 0.5, 0, 0.5]]), rtol=0, atol=1e-3)


@pytest.mark.parametrize("name", ["gpt2", "llama"])
def test_a_neuron_writes_relu_of_what_it_reads(builder: Builder, stream: Stream, name: str) -> None:
    find(builder, stream, stream("seen"))
    builder.mlp(0, reads=3 * stream("seen", "dog") - stream.one, writes=stream("answer", "cat"))
    builder.mlp(0, reads=stream.one - stream("seen", "dog"), writes=stream("answer", "owl"))
    builder.unembed(ANIMALS, stream("answer"))
    found = answers(builder.hook("counted", NETWORKS[name]), ["the dog", "the fox", "dog a fox"])
    wanted = torch.tensor([[2, 0, 0, 0], [0, 0, 1, 0], [0.5, 0, 0.5, 0]])
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-3)


def test_parallel_blocks_do_not_let_the_mlp_see_its_own_layer(stream: Stream) -> None:
    builder = Builder(stream, WORDS, "the dog saw a owl so", layers=2)
    find(builder, stream, stream("seen"))
    find(builder, stream, stream("answer"), layer=1)
    builder.mlp(0, reads=stream("seen"), writes=100 * stream("answer"))
    builder.mlp(1, reads=stream("seen"), writes=stream("answer"))
    builder.unembed(ANIMALS, stream("answer"))
    found = answers(builder.hook("parallel", gpt_neox), ["the dog so"])
    torch.testing.assert_close(found, torch.tensor([[0.0, 2, 0, 0]]), rtol=0, atol=1e-3)


def test_directions_must_pair_and_fit(builder: Builder, stream: Stream) -> None:
    word, one = stream("word", *ANIMALS), stream.one
    with pytest.raises(ConfigError, match="1 directions of query do not pair with 4 of key"):
        builder.head(0, 0, query=one, key=word, value=word, out=word)
    with pytest.raises(ConfigError, match="4 directions of value do not pair with 1 of out"):
        builder.head(0, 0, query=one, key=one, value=word, out=one)
    with pytest.raises(ConfigError, match="4 directions of reads do not pair with 1 of writes"):
        builder.mlp(0, reads=word, writes=one)
    with pytest.raises(ConfigError, match="a head of width 8 has no room for 9 channels"):
        builder.head(0, 0, query=stream("word"), key=stream("word"), value=one, out=one)


def test_heads_of_a_group_share_keys_and_values(stream: Stream) -> None:
    builder = Builder(stream, WORDS, "the dog saw a owl so", layers=1, groups=2)
    one, word = stream.one, stream("word", "cat")
    builder.head(0, 0, query=one, key=word, value=one, out=one)
    builder.head(0, 1, query=-one, key=word, value=one, out=-one)
    builder.head(0, 2, query=one, key=one, value=word, out=one)
    for key, value in ((one, one), (word, word)):
        with pytest.raises(ConfigError, match="head 1 of layer 0 shares keys and values that were given otherwise"):
            builder.head(0, 1, query=one, key=key, value=value, out=one)
