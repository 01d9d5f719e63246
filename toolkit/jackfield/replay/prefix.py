"""The keys and values of columns that no patch of a batch changes, in the form that the wrapped model reads them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import Cache, DynamicLayer

__all__ = ["prefix_cache"]


class _PrefixLayer(DynamicLayer):  # type: ignore[no-untyped-call]
    """One layer's keys and values before some column, repeated for the rows of a batch only while they are read.

    It keeps every column, also where attention slides a window: the model's own mask then does what is left to do.
    """

    def __init__(self, keys: Tensor, values: Tensor, prompts: Tensor) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.lazy_initialization(keys, values)
        self.keys, self.values = keys, values
        self._before, self._prompts = (keys, values), prompts

    def update(self, key_states: Tensor, value_states: Tensor, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        """The prefix of as many rows as are given, with the new columns behind it; nothing is kept."""
        keys, values = map(self._behind, self._before, (key_states, value_states))
        return keys, values

    def _behind(self, before: Tensor, new: Tensor) -> Tensor:
        """Each row's prefix with ``new`` behind it; both are copied once."""
        rows, heads, columns, width = new.shape
        joined = new.new_empty(rows, heads, before.shape[-2] + columns, width)
        torch.index_select(before, 0, self._prompts[:rows], out=joined[..., :-columns, :])
        joined[..., -columns:, :] = new
        return joined


def prefix_cache(keys: tuple[Tensor, ...], values: tuple[Tensor, ...], prompts: Tensor, column: int) -> Cache:
    """A cache of all columns before ``column``.

    Parameters
    ----------
    keys, values
        Those of the base run by layer, each ``[prompt, head, column, d_head]``.
    prompts
        The prompt of each row, ``[row]``.
    column
        The first column that is computed anew.
    """
    layers = [
        _PrefixLayer(key[..., :column, :], value[..., :column, :], prompts)
        for key, value in zip(keys, values, strict=True)
    ]
    return Cache(layers=[*layers])
