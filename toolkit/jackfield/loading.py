"""From a name, a folder, a file or an object to a checked ``HookedModel``."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from jackfield.errors import JackfieldError, ModelLoadError

if TYPE_CHECKING:
    import torch
    from transformer_lens.model_bridge import TransformerBridge
    from transformers import PreTrainedModel

    from jackfield.hooked_model import HookedModel, ModelIdentity
    from jackfield.registry import Registry

__all__ = ["DType", "LoadRequest", "adopt", "hook", "load_folder", "load_gguf", "load_hub", "load_model"]

DType = Literal["float32", "float64", "bfloat16", "float16"]


@dataclass(frozen=True)
class LoadRequest:
    """What a user asked to load.

    Parameters
    ----------
    name
        A name that a plugin knows, the path of a Hugging Face folder or of a ``.gguf`` file, or a Hub name.
    dtype
        Number format of the weights.
    device
        Where the weights live, such as ``cpu`` or ``cuda``.
    network
        Whether anything may be fetched; never unless asked.
    """

    name: str
    dtype: DType = "float32"
    device: str = "cpu"
    network: bool = False

    def __post_init__(self) -> None:
        if self.dtype not in get_args(DType):
            raise ModelLoadError(f"dtype {self.dtype!r} is not one of {', '.join(get_args(DType))}")

    @property
    def torch_dtype(self) -> torch.dtype:
        import torch

        dtype: torch.dtype = getattr(torch, self.dtype)
        return dtype


def load_model(
    source: str | Path | PreTrainedModel | TransformerBridge = "fieldmouse",
    *,
    tokenizer: Any = None,
    dtype: DType = "float32",
    device: str = "cpu",
    network: bool = False,
    registry: Registry | None = None,
) -> HookedModel:
    """Load a model, hook it, and check that it keeps its promises.

    Parameters
    ----------
    source
        ``"fieldmouse"`` (the embedded model) or another name that a plugin knows, a local Hugging Face folder, a
        ``.gguf`` file, a Hub name (with ``network=True``), or a model in memory: one of ``transformers``, or a
        TransformerLens bridge. A model in memory is hooked in place.
    tokenizer
        The tokenizer of a model in memory; otherwise it is loaded with the model.
    dtype
        Number format of the weights; a model in memory keeps its own.
    device
        Where the weights live, such as ``cpu`` or ``cuda``; a model in memory stays where it is.
    network
        Allow downloads from the Hub.
    registry
        The plugins to ask for names; all installed ones if omitted.

    Returns
    -------
    HookedModel

    Raises
    ------
    ModelLoadError
        If the weights or the tokenizer are missing, incomplete or corrupt.
    SelfCheckError
        If the hooked model breaks a promise; the message names the site.
    UnknownNameError
        If no plugin knows the name.

    Examples
    --------
    >>> model = load_model("fieldmouse")
    >>> model.shape.n_layers, model.shape.n_heads
    (6, 8)
    """
    if not isinstance(source, str | Path):
        if tokenizer is None:
            raise ModelLoadError("a model in memory needs its tokenizer: load_model(model, tokenizer=tokenizer)")
        from transformer_lens.model_bridge import TransformerBridge

        if isinstance(source, TransformerBridge):
            return adopt(source, tokenizer, name=source.cfg.model_name)
        return hook(source, tokenizer, name=source.config.name_or_path or type(source).__name__)
    from jackfield.registry import Registry

    request = LoadRequest(str(source), dtype, device, network)
    found: HookedModel = (registry or Registry.discover()).load_model(request)
    return found


def load_folder(path: Path, request: LoadRequest) -> HookedModel:
    """Load a Hugging Face folder (``config.json``, safetensors, tokenizer); never unpickles."""
    if not (path / "config.json").is_file():
        raise ModelLoadError(f"{path} holds no config.json; expected a Hugging Face model folder")
    return _load_pretrained(str(path), request, local_files_only=True)


def load_gguf(path: Path, request: LoadRequest) -> HookedModel:
    """Load a ``.gguf`` file; its quantised weights are expanded to ``request.dtype``."""
    return _load_pretrained(str(path.parent), request, local_files_only=True, gguf_file=path.name)


def load_hub(request: LoadRequest) -> HookedModel:
    """Load by Hub name, from the local cache or, if ``request.network``, from the Hub."""
    return _load_pretrained(request.name, request, local_files_only=not request.network)


def _load_pretrained(where: str, request: LoadRequest, **options: Any) -> HookedModel:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    weights = {} if "gguf_file" in options else {"use_safetensors": True}
    with _as_load_error(request.name), _quiet():
        tokenizer = AutoTokenizer.from_pretrained(where, **options)
        loader: Any = AutoModelForCausalLM
        model, notes = loader.from_pretrained(
            where,
            dtype=request.torch_dtype,
            attn_implementation="eager",
            output_loading_info=True,
            **weights,
            **options,
        )
        model = model.to(request.device)
    for problem in ("missing_keys", "mismatched_keys"):
        if notes[problem]:
            some = ", ".join(map(str, sorted(notes[problem])[:3]))
            raise ModelLoadError(
                f"{request.name}: {len(notes[problem])} weights are {problem.split('_')[0]}, such as {some}"
            )
    return hook(model, tokenizer, request.name)


def hook(network: PreTrainedModel, tokenizer: Any, name: str) -> HookedModel:
    """Wrap a ``transformers`` model in place, and check the result."""
    import torch
    from transformer_lens.model_bridge import TransformerBridge

    from jackfield.hooked_model import HookedModel
    from jackfield.self_check import Probe, check_model

    torch.nn.Module.train(network, mode=False)
    parameter = next(network.parameters())
    identity = _identify(network, tokenizer, name)
    with _as_load_error(name), _quiet():
        probe = Probe.of(network.config.get_text_config().vocab_size, lambda row: network(row).logits, parameter.device)
        bridge = TransformerBridge.boot_transformers(
            name, hf_model=network, tokenizer=_inert(tokenizer), device=str(parameter.device), dtype=parameter.dtype
        )
    _pass_through_identities(bridge)
    model = HookedModel(bridge, tokenizer, identity)
    check_model(model, probe)
    return model


def _pass_through_identities(bridge: TransformerBridge) -> None:
    """Let norms that were replaced by the identity stay so; the bridge would compute those of GPT-2 nonetheless."""
    import torch
    from transformer_lens.model_bridge.generalized_components import NormalizationBridge

    for part in bridge.modules():
        if isinstance(part, NormalizationBridge) and isinstance(part.original_component, torch.nn.Identity):
            part.use_native_layernorm_autograd = True


def adopt(bridge: TransformerBridge, tokenizer: Any, name: str) -> HookedModel:
    """Take over a bridge as it is, such as one of TransformerLens' native models, and check it.

    Its logits are compared with its own on single prompts without padding. Native models of TransformerLens 3.9 compute
    their attention patterns out of reach: those can be read, and writing to them is refused.
    """
    import torch

    from jackfield.hooked_model import HookedModel
    from jackfield.self_check import Probe, check_model, obeys
    from jackfield.sites import Kind

    network = bridge.original_model
    torch.nn.Module.train(network, mode=False)
    with _as_load_error(name):
        probe = Probe.of(bridge.cfg.d_vocab, bridge, next(network.parameters()).device)
    identity = _identify(network, tokenizer, name)
    model = HookedModel(bridge, tokenizer, identity)
    if not obeys(model, Kind.PATTERN):
        model = HookedModel(bridge, tokenizer, identity, read_only=frozenset({Kind.PATTERN}))
    check_model(model, probe)
    return model


def _identify(network: torch.nn.Module, tokenizer: Any, name: str) -> ModelIdentity:
    from jackfield.hooked_model import ModelIdentity

    return ModelIdentity(
        name=name,
        architecture=type(network).__name__,
        dtype=str(next(network.parameters()).dtype).removeprefix("torch."),
        weights=digest_weights(network),
        tokenizer=digest_tokenizer(tokenizer),
    )


def _inert(tokenizer: Any) -> Any:
    """A copy for the bridge, which is only ever given token ids, but would otherwise fetch and change its tokenizer."""
    copied = deepcopy(tokenizer)
    copied.init_kwargs = {"name_or_path": "", **copied.init_kwargs, "add_bos_token": True}
    return copied


def digest_weights(network: torch.nn.Module) -> str:
    """SHA-256 over the names, shapes, formats and bytes of all parameters."""
    import torch

    digest = hashlib.sha256()
    for name, value in sorted(network.state_dict().items()):
        digest.update(f"{name} {tuple(value.shape)} {value.dtype}".encode())
        digest.update(value.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def digest_tokenizer(tokenizer: Any) -> str:
    """SHA-256 of the tokenizer's vocabulary and rules."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    text = backend.to_str() if backend is not None else repr(sorted(tokenizer.get_vocab().items()))
    return hashlib.sha256(text.encode()).hexdigest()


@contextmanager
def _as_load_error(name: str) -> Iterator[None]:
    try:
        yield
    except JackfieldError:
        raise
    except Exception as error:
        raise ModelLoadError(f"{name} cannot be loaded: {type(error).__name__}: {error}") from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the loaders' progress bars and advice; what matters of it is checked and raised."""
    from transformers.utils import logging as transformers_logging

    logging: Any = transformers_logging
    bars, level = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    restore: Callable[[], None] = logging.enable_progress_bar if bars else logging.disable_progress_bar
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        restore()
        logging.set_verbosity(level)
