"""From a model's name to where it is: embedded, pulled, on disk, or on the Hugging Face Hub."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from jackfield.builtins.pull import PULLABLE, cached_path
from jackfield.errors import ModelLoadError
from jackfield.loading import LoadRequest, load_folder, load_gguf, load_hub

if TYPE_CHECKING:
    from jackfield.hooked_model import HookedModel

__all__ = ["DESCRIPTIONS", "EMBEDDED", "load"]

EMBEDDED = Path(__file__).parents[1] / "organism" / "fieldmouse"
"""The folder of the embedded model."""

DESCRIPTIONS: Mapping[str, str] = {
    "fieldmouse": "the embedded model organism: 6 layers, 8 heads, 1.25 million parameters, a small synthetic world",
    "smollm2-135m": (
        "SmolLM2-135M-Instruct (Apache-2.0): instruct-tuned, 4-bit weights that are expanded when loaded; "
        "98 MB, fetched once by `jackfield models pull smollm2-135m`"
    ),
}
"""What is to be said of each model that has a name of its own."""

_HUB_NAME = re.compile(r"\w[\w.-]*/\w[\w.-]*", re.ASCII)


def load(request: LoadRequest) -> HookedModel | None:
    """Load the model that a request names, or return ``None`` for a name that says nothing to the core.

    Names are tried in this order: ``fieldmouse``; a model that can be pulled; a ``.gguf`` file; a folder; a Hub name
    ``organisation/name``, from the local Hub cache or, where the request allows it, from the network.

    Raises
    ------
    ModelLoadError
        If the name is of one of these kinds and nothing can be loaded under it.
    """
    if request.name == "fieldmouse":
        return load_folder(EMBEDDED, request)
    if request.name in PULLABLE:
        return load_gguf(_pulled(request.name), request)
    path = Path(request.name).expanduser()
    if path.is_file() and path.suffix == ".gguf":
        return load_gguf(path, request)
    if path.is_dir():
        return load_folder(path, request)
    if path.suffix != ".gguf" and _HUB_NAME.fullmatch(request.name):
        return _from_hub(request)
    if _looks_like_a_path(request.name):
        fault = "is neither a folder nor a .gguf file" if path.exists() else "does not exist"
        raise ModelLoadError(f"{request.name!r} {fault}; expected a Hugging Face model folder or a .gguf file")
    return None


def _pulled(name: str) -> Path:
    path = cached_path(name)
    if not path.is_file():
        raise ModelLoadError(f"{name} has not been fetched: {path} does not exist; run `jackfield models pull {name}`")
    return path


def _from_hub(request: LoadRequest) -> HookedModel:
    from huggingface_hub import try_to_load_from_cache

    if not request.network and not isinstance(try_to_load_from_cache(request.name, "config.json"), str):
        raise ModelLoadError(
            f"{request.name!r} is no folder here and not in the local Hub cache; to fetch it from the Hub, ask for "
            "network access (`--network`, or load_model(..., network=True))"
        )
    return load_hub(request)


def _looks_like_a_path(name: str) -> bool:
    return os.sep in name or name.startswith((".", "~")) or name.endswith(".gguf")
