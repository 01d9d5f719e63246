"""What heads write: identities that hold on every architecture."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from jackfield.bench import Bench
from jackfield.hooked_model import HookedModel
from jackfield.interventions import replace
from jackfield.loading import hook
from jackfield.sites import Kind, Site
from jackfield_plugins.function_vectors.functions import find
from jackfield_plugins.function_vectors.means import Means, written
from jackfield_plugins.function_vectors.prompts import Known, Prompts


def random_outputs(model: HookedModel) -> Tensor:
    shape = model.shape
    return torch.randn(shape.n_layers, shape.n_heads, shape.d_head, generator=torch.Generator().manual_seed(0))


def attention(model: HookedModel, outputs: Tensor) -> tuple[Tensor, Tensor]:
    """Attention output of each layer, and result of each head, when heads put out ``outputs``."""
    layers = range(model.shape.n_layers)
    writes = [replace(Site(Kind.Z, layer), outputs[layer]) for layer in layers]
    whole, heads = ([Site(kind, layer) for layer in layers] for kind in (Kind.ATTN_OUT, Kind.HEAD_OUT))
    run = model.run_with_cache(model.tokenize(["."]), [*whole, *heads], writes)
    return tuple(torch.stack([run[site][0, -1] for site in sites]) for sites in (whole, heads))  # type: ignore[return-value]


@pytest.mark.parametrize("architecture", ["gpt2", "llama", "qwen2", "qwen3", "gpt_neox"])
def test_what_heads_write_is_what_the_model_says_they_write(
    tiny_models: dict[str, HookedModel], architecture: str
) -> None:
    model = tiny_models[architecture]
    outputs = random_outputs(model)
    whole, heads = attention(model, outputs)
    found = written(model, outputs)
    torch.testing.assert_close(found, heads, atol=1e-4, rtol=1e-4)
    bias, _ = attention(model, 0 * outputs)
    torch.testing.assert_close(found.sum(1) + bias, whole, atol=1e-4, rtol=1e-4)


def test_with_the_bias_each_head_brings_a_copy_of_it(
    tiny_network: Callable[[str], Any], tokenizer: PreTrainedTokenizerFast
) -> None:
    network = tiny_network("gpt2")
    with torch.no_grad():
        for block in network.transformer.h:
            block.attn.c_proj.bias.normal_(generator=torch.Generator().manual_seed(1))
    model = hook(network, tokenizer, "tiny-with-biases")
    outputs = random_outputs(model)
    bias, _ = attention(model, 0 * outputs)
    assert bias.abs().max() > 0.1
    surplus = written(model, outputs, bias=True).sum(1) - written(model, outputs).sum(1)
    torch.testing.assert_close(surplus, model.shape.n_heads * bias, atol=1e-4, rtol=1e-4)


def test_where_a_norm_follows_a_head_writes_what_attention_loses_with_it(tiny_models: dict[str, HookedModel]) -> None:
    model = tiny_models["gemma2"]
    outputs = random_outputs(model)
    without = outputs.clone()
    without[:, 2] = 0
    lost = attention(model, outputs)[0] - attention(model, without)[0]
    torch.testing.assert_close(written(model, outputs)[:, 2], lost, atol=1e-5, rtol=1e-4)


def test_means_are_those_of_a_plain_loop(bench: Bench) -> None:
    model, function = bench.model, find("in_context.plural")
    words = list(function.table)[:19]
    texts = [function.layout.prompt([("cat", "cats")] * (index % 3), word) for index, word in enumerate(words)]
    prompts = Prompts.tokenize(model, Known.of(model, function), texts, words)
    means = Means.over(bench, prompts, "means")
    sites = [Site(Kind.Z, 3), Site(Kind.RESID_POST, 2)]
    runs = [model.run_with_cache(model.tokenize([text]), sites) for text in texts]
    torch.testing.assert_close(means.outputs[3], torch.stack([run[sites[0]][0, -1] for run in runs]).mean(0))
    torch.testing.assert_close(means.streams[2], torch.stack([run[sites[1]][0, -1] for run in runs]).mean(0))
