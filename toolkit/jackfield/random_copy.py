"""Networks of the same architecture with random weights: what has learned nothing and can be asked the same."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

from jackfield.errors import ModelLoadError

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

    from jackfield.hooked_model import HookedModel

__all__ = ["random_copy"]

_WIDTH = 0.02


def random_copy(model: HookedModel, seed: int) -> HookedModel:
    """A model of the same architecture and tokenizer, with random weights.

    Matrices are drawn from a normal distribution of the width that the configuration states for the beginning of
    training; biases and norms are as the architecture begins.

    Parameters
    ----------
    model
        What is copied; it stays as it is.
    seed
        Fixes the weights; the global generator is left alone.

    Raises
    ------
    ModelLoadError
        If the network was not made by ``transformers`` from a configuration.

    Examples
    --------
    >>> from jackfield import load_model
    >>> random_copy(load_model("fieldmouse"), 0)
    HookedModel('fieldmouse, random weights 0', GPT2LMHeadModel, 6 layers, 8 heads, d_model 128, float32)
    """
    import torch
    from transformers import AutoModelForCausalLM, PretrainedConfig

    from jackfield.loading import hook

    network = model.bridge.original_model
    config = getattr(network, "config", None)
    if not isinstance(config, PretrainedConfig):
        raise ModelLoadError(
            f"{model.name} is a {model.identity.architecture} that was not made from a configuration of transformers, "
            "so no copy of it with random weights can be made"
        )
    maker: Any = AutoModelForCausalLM
    dtype = next(network.parameters()).dtype
    with torch.random.fork_rng(devices=[]):
        fresh = maker.from_config(deepcopy(config), attn_implementation="eager", dtype=dtype)
        _redraw(fresh, float(getattr(config, "initializer_range", _WIDTH)), torch.Generator().manual_seed(seed))
        return hook(fresh.to(model.device), model.tokenizer, f"{model.name}, random weights {seed}")


def _redraw(network: PreTrainedModel, width: float, generator: torch.Generator) -> None:
    """Draw every matrix of a network anew."""
    import torch

    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.ndim > 1:
                parameter.copy_(width * torch.randn(parameter.shape, generator=generator))
