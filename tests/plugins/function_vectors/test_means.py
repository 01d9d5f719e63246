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


def attention(model: HookedModel, outputs: Tensor) -> Tensor:
    """Attention output of each layer when heads put out ``outputs``, ``[layer, d_model]``."""
    layers = range(model.shape.n_layers)
    writes = [replace(Site(Kind.Z, layer), outputs[layer]) for layer in layers]
    sites = [Site(Kind.ATTN_OUT, layer) for layer in layers]
    run = model.run_with_cache(model.tokenize(["."]), sites, writes)
    return torch.stack([run[site][0, -1] for site in sites])


def test_what_heads_write_adds_up_to_what_attention_writes(tiny_model: HookedModel) -> None:
    outputs = random_outputs(tiny_model)
    whole, bias = attention(tiny_model, outputs), attention(tiny_model, 0 * outputs)
    torch.testing.assert_close(written(tiny_model, outputs).sum(1) + bias, whole, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("architecture", ["gpt2", "llama", "qwen2", "qwen3", "gpt_neox"])
def test_one_head_writes_what_attention_writes_of_it_alone(
    tiny_models: dict[str, HookedModel], architecture: str
) -> None:
    model = tiny_models[architecture]
    outputs = random_outputs(model)
    alone = torch.zeros_like(outputs)
    alone[:, 2] = outputs[:, 2]
    wanted = attention(model, alone) - attention(model, 0 * outputs)
    torch.testing.assert_close(written(model, outputs)[:, 2], wanted, atol=1e-4, rtol=1e-4)


def test_with_the_bias_each_head_brings_a_copy_of_it(
    tiny_network: Callable[[str], Any], tokenizer: PreTrainedTokenizerFast
) -> None:
    network = tiny_network("gpt2")
    with torch.no_grad():
        for block in network.transformer.h:
            block.attn.c_proj.bias.normal_(generator=torch.Generator().manual_seed(1))
    model = hook(network, tokenizer, "tiny-with-biases")
    outputs = random_outputs(model)
    bias = attention(model, 0 * outputs)
    assert bias.abs().max() > 0.1
    surplus = written(model, outputs, bias=True).sum(1) - written(model, outputs).sum(1)
    torch.testing.assert_close(surplus, model.shape.n_heads * bias, atol=1e-4, rtol=1e-4)


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
