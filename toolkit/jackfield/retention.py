"""What the bridge would keep of a forward pass beyond its end, and how it is made to let go."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from torch import nn

__all__ = ["nothing_retained"]

_RETAINED = ("_pattern", "_attn_scores")
"""Attributes in which the bridge's attention keeps its last pass, of every layer at once."""


@contextmanager
def nothing_retained(bridge: Any) -> Iterator[None]:
    """Let each layer's attention forget its pattern as soon as it has answered.

    Otherwise the patterns of all layers stay in memory together, and do so until the next forward pass: for 512 tokens
    and gpt2-small's shape that is 144 MiB a prompt.
    """
    with ExitStack() as stack:
        for block in bridge.blocks:
            attention = getattr(block, "attn", None)
            if isinstance(attention, nn.Module) and any(name in vars(attention) for name in _RETAINED):
                stack.enter_context(attention.register_forward_hook(_forget))
        yield


def _forget(attention: nn.Module, *_: object) -> None:
    vars(attention).update({name: None for name in _RETAINED if name in vars(attention)})
