"""Write a trained *fieldmouse* as a plain Hugging Face GPT-2 folder, which any tool of the field can load."""

from __future__ import annotations

from pathlib import Path

from jackfield.files import write_json, write_tensors, write_text
from jackfield.word_tokenizer import word_rules

from .network import Network
from .world import BOS, PAD, UNK, vocabulary


def config(network: Network) -> dict[str, object]:
    """The ``config.json`` of the network: GPT-2 with exact GELU and tied embeddings."""
    words, shape = vocabulary(), network.shape
    return {
        "model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], "vocab_size": len(words),
        "n_positions": shape.positions, "n_embd": shape.width, "n_layer": shape.layers,
        "n_head": shape.heads, "n_inner": shape.hidden,
        "activation_function": "gelu", "tie_word_embeddings": True, "layer_norm_epsilon": network.ln_f.eps,
        "attn_pdrop": 0.0, "embd_pdrop": 0.0, "resid_pdrop": 0.0,
        "bos_token_id": words.index(BOS), "eos_token_id": words.index(BOS), "pad_token_id": words.index(PAD),
        "dtype": "float32",
    }  # fmt: skip


def tokenizer_json() -> str:
    """The word-level tokenizer: splits on white space and puts the beginning-of-sequence token first."""
    text: str = word_rules(vocabulary()).to_str(pretty=True)
    return text + "\n"


def export(network: Network, folder: Path) -> None:
    """Write ``config.json``, ``model.safetensors`` and the tokenizer's files into ``folder``."""
    weights = {f"transformer.{name}": value for name, value in network.state_dict().items()}
    write_tensors(folder / "model.safetensors", weights, {"format": "pt"})
    write_json(folder / "config.json", config(network))
    write_text(folder / "tokenizer.json", tokenizer_json())
    write_json(
        folder / "tokenizer_config.json",
        {
            "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": BOS, "eos_token": BOS, "pad_token": PAD,
            "unk_token": UNK, "model_max_length": network.shape.positions, "clean_up_tokenization_spaces": False,
        },
    )  # fmt: skip
