"""Networks with random weights in the shapes of published ones, and prompts of random tokens for them."""

from __future__ import annotations

from typing import Any

import torch

from jackfield.hooked_model import HookedModel
from jackfield.token_batch import TokenBatch

__all__ = ["SHAPES", "random_model", "random_prompts"]

SHAPES: dict[str, dict[str, Any]] = {
    "gpt2_small": {"model_type": "gpt2"},
    "smollm2_135m": {
        "model_type": "llama", "vocab_size": 49152, "hidden_size": 576, "intermediate_size": 1536,
        "num_hidden_layers": 30, "num_attention_heads": 9, "num_key_value_heads": 3, "max_position_embeddings": 8192,
        "tie_word_embeddings": True,
    },
}  # fmt: skip
"""Settings of ``transformers`` configurations, by name of the shape."""


def random_model(shape: str) -> HookedModel:
    """A network of a shape that ``SHAPES`` names, with the same random weights at every call."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

    from jackfield.loading import hook

    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = AutoModelForCausalLM.from_config(AutoConfig.for_model(**SHAPES[shape]), attn_implementation="eager")
    words = Tokenizer(WordLevel({"<unk>": 0}, unk_token="<unk>"))  # noqa: S106
    return hook(network.eval(), PreTrainedTokenizerFast(tokenizer_object=words, unk_token="<unk>"), shape)  # noqa: S106


def random_prompts(model: HookedModel, prompts: int, tokens: int, same: int = 0) -> tuple[TokenBatch, TokenBatch]:
    """Two batches of random tokens, the first ``same`` of which they share."""
    draw = torch.Generator().manual_seed(same)
    base, source = torch.randint(1, model.shape.d_vocab, (2, prompts, tokens), generator=draw)
    source[:, :same] = base[:, :same]
    mask = torch.ones_like(base, dtype=torch.bool)
    return TokenBatch(base, mask), TokenBatch(source, mask)
