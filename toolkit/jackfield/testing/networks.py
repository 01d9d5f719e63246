"""Tiny ``transformers`` networks that hold given weights and have no norms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel

from jackfield.testing.weights import Weights

__all__ = ["gpt2", "gpt_neox", "llama", "take_out_norms"]

_SPECIAL = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 1}
_ROTARY_SHARE = 0.25
_SLOW_ROTATION = 1e9


def take_out_norms(network: PreTrainedModel) -> None:
    """Put the identity in the place of every norm, so that the residual stream reaches the logits linearly."""
    norms = [name for name, module in network.named_modules() if "Norm" in type(module).__name__]
    for name in norms:
        parent, _, attribute = name.rpartition(".")
        setattr(network.get_submodule(parent), attribute, torch.nn.Identity())


def gpt2(weights: Weights) -> PreTrainedModel:
    """Learned positions; attention, then the MLP."""
    layers, heads, _, d_model = weights.query.shape
    state = {
        "transformer.wte.weight": weights.embed,
        "transformer.wpe.weight": weights.position,
        "lm_head.weight": weights.unembed,
    }
    for layer in range(layers):
        block = f"transformer.h.{layer}"
        projections = (weights.query, weights.key, weights.value)
        state |= {
            f"{block}.attn.c_attn.weight": torch.cat([each[layer].flatten(0, 1) for each in projections]).T,
            f"{block}.attn.c_proj.weight": weights.out[layer].flatten(0, 1),
            f"{block}.mlp.c_fc.weight": weights.neuron_in[layer].T,
            f"{block}.mlp.c_proj.weight": weights.neuron_out[layer],
        }
    sizes = {
        "n_embd": d_model, "n_layer": layers, "n_head": heads, "n_positions": len(weights.position),
        "n_inner": weights.neuron_in.shape[1], "activation_function": "relu",
        "resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0,
    }  # fmt: skip
    return _network("gpt2", sizes, state)


def gpt_neox(weights: Weights) -> PreTrainedModel:
    """Attention and MLP in parallel; the first quarter of each query and key is rotated by its place."""
    layers, heads, _, d_model = weights.query.shape
    state = {"gpt_neox.embed_in.weight": weights.embed, "lm_head.weight": weights.unembed}
    for layer in range(layers):
        block = f"gpt_neox.layers.{layer}"
        by_head = torch.stack([weights.query[layer], weights.key[layer], weights.value[layer]], 1)
        state |= {
            f"{block}.attention.query_key_value.weight": by_head.flatten(0, 2),
            f"{block}.attention.dense.weight": weights.out[layer].flatten(0, 1).T,
            f"{block}.mlp.dense_h_to_4h.weight": weights.neuron_in[layer],
            f"{block}.mlp.dense_4h_to_h.weight": weights.neuron_out[layer].T,
        }
    sizes = {
        "hidden_size": d_model, "num_hidden_layers": layers, "num_attention_heads": heads,
        "intermediate_size": weights.neuron_in.shape[1], "max_position_embeddings": len(weights.position),
        "hidden_act": "relu", "use_parallel_residual": True,
        "rope_parameters": {"rope_type": "default", "rope_theta": 1e4, "partial_rotary_factor": _ROTARY_SHARE},
    }  # fmt: skip
    return _network("gpt_neox", sizes, state)


def llama(weights: Weights) -> PreTrainedModel:
    """Grouped queries and gated MLPs; the last numbers of each query and key are hardly rotated."""
    layers, heads, _, d_model = weights.query.shape
    state = {"model.embed_tokens.weight": weights.embed, "lm_head.weight": weights.unembed}
    for layer in range(layers):
        block = f"model.layers.{layer}"
        state |= {
            f"{block}.self_attn.q_proj.weight": weights.query[layer].flatten(0, 1),
            f"{block}.self_attn.k_proj.weight": weights.key[layer].flatten(0, 1),
            f"{block}.self_attn.v_proj.weight": weights.value[layer].flatten(0, 1),
            f"{block}.self_attn.o_proj.weight": weights.out[layer].flatten(0, 1).T,
            f"{block}.mlp.gate_proj.weight": weights.neuron_in[layer],
            f"{block}.mlp.up_proj.weight": weights.one.expand_as(weights.neuron_in[layer]),
            f"{block}.mlp.down_proj.weight": weights.neuron_out[layer].T,
        }
    sizes = {
        "hidden_size": d_model, "num_hidden_layers": layers, "num_attention_heads": heads,
        "num_key_value_heads": weights.key.shape[1],
        "intermediate_size": weights.neuron_in.shape[1], "max_position_embeddings": len(weights.position),
        "hidden_act": "relu", "rope_parameters": {"rope_type": "default", "rope_theta": _SLOW_ROTATION},
    }  # fmt: skip
    return _network("llama", sizes, state)


def _network(architecture: str, sizes: Mapping[str, Any], state: Mapping[str, Tensor]) -> PreTrainedModel:
    """A network in which every parameter is zero but those that are given."""
    vocab = next(iter(state.values())).shape[0]
    config = AutoConfig.for_model(architecture, vocab_size=vocab, tie_word_embeddings=False, **_SPECIAL, **sizes)
    maker: Any = AutoModelForCausalLM
    with torch.random.fork_rng(devices=[]):
        network: PreTrainedModel = maker.from_config(config, attn_implementation="eager")
    take_out_norms(network)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
    network.load_state_dict({**network.state_dict(), **state})
    return network
