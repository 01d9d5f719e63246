"""JSON and tensors in files that are written whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jackfield_circuits.files import write_atomically, write_text

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["read_json", "write_atomically", "write_json", "write_tensors", "write_text"]


def write_json(path: Path, value: object, *, sort: bool = True) -> None:
    """Write ``value`` as indented JSON, keys sorted unless told not to; ``nan`` and infinities raise ``ValueError``."""
    write_text(path, json.dumps(value, indent=2, sort_keys=sort, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write tensors as safetensors; never pickle."""
    from safetensors.torch import save_file

    content = {name: tensor.detach().contiguous() for name, tensor in tensors.items()}
    write_atomically(path, lambda temporary: save_file(content, temporary, dict(metadata)))
