"""Networks with random weights in the shapes of published ones, and prompts of random tokens for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from jackfield.hooked_model import HookedModel
from jackfield.token_batch import TokenBatch

if TYPE_CHECKING:
    from transformers import PreTrainedModel

__all__ = ["SHAPES", "random_model", "random_network", "random_prompts", "word_tokenizer"]

SHAPES: dict[str, dict[str, Any]] = {
    "gpt2_small": {"model_type": "gpt2"},
    "smollm2_135m": {
        "model_type": "llama", "vocab_size": 49152, "hidden_size": 576, "intermediate_size": 1536,
        "num_hidden_layers": 30, "num_attention_heads": 9, "num_key_value_heads": 3, "max_position_embeddings": 8192,
        "tie_word_embeddings": True,
    },
}  # fmt: skip
"""Settings of ``transformers`` configurations, by name of the shape."""


def random_network(shape: str) -> PreTrainedModel:
    """A plain network of a shape that ``SHAPES`` names, with the same random weights at every call."""
    from transformers import AutoConfig, AutoModelForCausalLM

    with torch.random.fork_rng():
        torch.manual_seed(0)
        network: PreTrainedModel = AutoModelForCausalLM.from_config(
            AutoConfig.for_model(**SHAPES[shape]), attn_implementation="eager"
        )
    return network.eval()


def word_tokenizer() -> Any:
    """A tokenizer that knows no word, for networks that are only given token ids."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from transformers import PreTrainedTokenizerFast

    words = Tokenizer(WordLevel({"<unk>": 0}, unk_token="<unk>"))  # noqa: S106
    return PreTrainedTokenizerFast(tokenizer_object=words, unk_token="<unk>")  # noqa: S106


def random_model(shape: str) -> HookedModel:
    """A hooked network of a shape that ``SHAPES`` names, with the same random weights at every call."""
    from jackfield.loading import hook

    return hook(random_network(shape), word_tokenizer(), shape)


def random_prompts(model: HookedModel, prompts: int, tokens: int, same: int = 0) -> tuple[TokenBatch, TokenBatch]:
    """Two batches of random tokens, the first ``same`` of which they share."""
    draw = torch.Generator().manual_seed(same)
    base, source = torch.randint(1, model.shape.d_vocab, (2, prompts, tokens), generator=draw)
    source[:, :same] = base[:, :same]
    mask = torch.ones_like(base, dtype=torch.bool)
    return TokenBatch(base, mask), TokenBatch(source, mask)
