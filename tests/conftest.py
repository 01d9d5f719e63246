"""Shape checks at run time, reproducible properties, and tiny models of real architectures."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings
from jaxtyping import install_import_hook

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

    from jackfield.hooked_model import HookedModel

ROOT = Path(__file__).parents[1]
SHAPE_CHECKED = [
    ".".join(path.relative_to(room).with_suffix("").parts)
    for room in (ROOT / "toolkit", ROOT / "circuits", ROOT / "plugins")
    for path in room.rglob("*.py")
    if re.search("^from jaxtyping import", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
]
"""The modules that import jaxtyping when they run, and so can be checked; others name shapes for readers alone."""

install_import_hook(SHAPE_CHECKED, "beartype.beartype")
settings.register_profile("reproducible", derandomize=True, deadline=None, database=None)
settings.load_profile("reproducible")

ARCHITECTURES = ("gpt2", "llama", "qwen2", "qwen3", "gemma2", "gpt_neox")
SIZES = {
    "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48,
    "max_position_embeddings": 64, "bos_token_id": 1, "eos_token_id": 1, "pad_token_id": 0,
}  # fmt: skip
GROUPED = {"num_key_value_heads": 2}
PARTICULARS: dict[str, dict[str, Any]] = {
    "gpt2": {"n_inner": 48, "resid_pdrop": 0.0, "attn_pdrop": 0.0, "embd_pdrop": 0.0},
    "llama": GROUPED,
    "qwen2": GROUPED,
    "qwen3": {**GROUPED, "head_dim": 8},
    "gemma2": {**GROUPED, "head_dim": 8, "query_pre_attn_scalar": 8, "sliding_window": 4},
    "gpt_neox": {},
}
"""Grouped-query attention, norms after a part and a window shorter than the prompts, blocks in parallel."""


@pytest.fixture(scope="session")
def tokenizer() -> PreTrainedTokenizerFast:
    """A word-level tokenizer that puts a beginning-of-sequence token first."""
    from jackfield.organism.world import vocabulary
    from jackfield.word_tokenizer import word_tokenizer

    return word_tokenizer(vocabulary())


@pytest.fixture(scope="session")
def tiny_network(tokenizer: PreTrainedTokenizerFast) -> Callable[[str], PreTrainedModel]:
    """Makes a plain random network of an architecture, the same at every call."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    def make(architecture: str) -> PreTrainedModel:
        config = AutoConfig.for_model(architecture, vocab_size=len(tokenizer), **SIZES, **PARTICULARS[architecture])
        config._attn_implementation = "eager"
        with torch.random.fork_rng():
            torch.manual_seed(0)
            network: PreTrainedModel = AutoModelForCausalLM.from_config(config).eval()
        with torch.no_grad():
            for parameter in network.parameters():
                if parameter.ndim == 2:
                    parameter.mul_(5)
        return network

    return make


class _Models(dict[str, Any]):
    """Tiny hooked models by architecture, each made when it is first asked for."""

    def __init__(self, make: Callable[[str], HookedModel]) -> None:
        self._make = make

    def __missing__(self, architecture: str) -> HookedModel:
        self[architecture] = model = self._make(architecture)
        return model


@pytest.fixture(scope="session")
def tiny_models(
    tiny_network: Callable[[str], PreTrainedModel], tokenizer: PreTrainedTokenizerFast
) -> dict[str, HookedModel]:
    """Tiny hooked models by architecture, each made when it is first asked for."""
    from jackfield.loading import hook

    return _Models(lambda architecture: hook(tiny_network(architecture), tokenizer, f"tiny-{architecture}"))


@pytest.fixture(scope="session", params=ARCHITECTURES)
def architecture(request: pytest.FixtureRequest) -> str:
    """Each architecture in turn."""
    name: str = request.param
    return name


@pytest.fixture(scope="session")
def tiny_model(architecture: str, tiny_models: dict[str, HookedModel]) -> HookedModel:
    """The tiny model of each architecture in turn."""
    return tiny_models[architecture]


@pytest.fixture(scope="session")
def gpt2(tiny_models: dict[str, HookedModel]) -> HookedModel:
    """The tiny model of the plainest architecture."""
    return tiny_models["gpt2"]


@pytest.fixture(scope="session")
def llama(tiny_models: dict[str, HookedModel]) -> HookedModel:
    """A tiny model with four heads that share two key/value heads."""
    return tiny_models["llama"]


@pytest.fixture(scope="session")
def without_norms(tokenizer: PreTrainedTokenizerFast) -> Callable[[PreTrainedModel], HookedModel]:
    """Hooks a network whose norms are taken out, so that its residual stream reaches the logits linearly."""
    from jackfield.loading import hook
    from jackfield.testing.networks import take_out_norms

    def make(network: PreTrainedModel) -> HookedModel:
        take_out_norms(network)
        return hook(network, tokenizer, "tiny-without-norms")

    return make


@pytest.fixture(scope="session")
def norm_free(
    tiny_network: Callable[[str], PreTrainedModel], without_norms: Callable[[PreTrainedModel], HookedModel]
) -> HookedModel:
    """A tiny model with grouped queries and no norms."""
    return without_norms(tiny_network("llama"))


@pytest.fixture(scope="session")
def fieldmouse() -> HookedModel:
    """The embedded model."""
    import jackfield.organism
    from jackfield.loading import load_model

    weights = Path(jackfield.organism.__path__[0]) / "fieldmouse" / "model.safetensors"
    if not weights.exists():
        pytest.skip("the embedded model has not been trained yet")
    return load_model("fieldmouse")


@pytest.fixture(scope="session", params=[*ARCHITECTURES, "fieldmouse"])
def any_model(request: pytest.FixtureRequest) -> HookedModel:
    """Each tiny model in turn, then the embedded one."""
    if request.param == "fieldmouse":
        model: HookedModel = request.getfixturevalue("fieldmouse")
    else:
        model = request.getfixturevalue("tiny_models")[request.param]
    return model


class _FaultyBridge:
    """A bridge in which some things are replaced; everything else is passed on."""

    def __init__(self, bridge: Any, replaced: dict[str, Any]) -> None:
        self._bridge, self._replaced = bridge, replaced

    def __getattr__(self, name: str) -> Any:
        return self._replaced[name] if name in self._replaced else getattr(self._bridge, name)

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        return self._replaced.get("forward", self._bridge)(*arguments, **options)


@pytest.fixture(scope="session")
def faulty() -> Callable[..., HookedModel]:
    """Makes a model like another one, but with ``forward`` or attributes of its bridge replaced."""
    from jackfield.hooked_model import HookedModel

    def make(model: HookedModel, **replaced: Any) -> HookedModel:
        return HookedModel(_FaultyBridge(model._bridge, replaced), model._tokenizer, model.identity)  # type: ignore[arg-type]

    return make
