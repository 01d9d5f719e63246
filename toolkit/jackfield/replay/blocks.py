"""Blocks that compute no more than is asked of them: only rows that have begun, and at last only the answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

__all__ = ["begun", "forwarding", "only_at", "seeing_one_column"]


@contextmanager
def begun(
    blocks: Sequence[nn.Module],
    starts: Int[Tensor, " row"],
    entering: Float[Tensor, "row column d_model"] | None,
    in_tuples: bool,
) -> Iterator[None]:
    """Let each block compute only the rows that start at it or before it; the others pass by as they are.

    Parameters
    ----------
    blocks
        The model's blocks, each of which stays in its place.
    starts
        The layer that each row starts at, ascending.
    entering
        What each row enters its first block with. Not asked for where a row starts at layer 0, which enters with what
        the model embeds.
    in_tuples
        Whether blocks return their stream inside a tuple.
    """
    counts = [int((starts <= layer).sum()) for layer in range(len(blocks))]
    late = [layer for layer, count in enumerate(counts) if count < len(starts)]
    with ExitStack() as stack:
        for layer in [] if entering is None else late:
            joining = entering if layer == 0 else None
            instead = partial(_forward, blocks[layer], counts[layer], joining, in_tuples)
            stack.enter_context(forwarding(blocks[layer], instead))
        yield


@contextmanager
def forwarding(block: nn.Module, instead: Callable[..., Any]) -> Iterator[None]:
    """Let a block, when it is called, do something else; what it did before comes back, whatever that was."""
    own = vars(block)
    before = own.get("forward")
    own["forward"] = instead
    try:
        yield
    finally:
        if before is None:
            del own["forward"]
        else:
            own["forward"] = before


def _forward(block: nn.Module, count: int, joining: Tensor | None, in_tuples: bool, *args: Any, **options: Any) -> Any:
    """A block's answer for its first ``count`` rows; ``joining`` takes the place of the stream of all others."""
    stream = args[0] if args else options["hidden_states"]
    rows, others = len(stream), (stream if joining is None else joining)[count:]
    if count == 0:
        return (others,) if in_tuples else others
    first = partial(_first, count, rows)
    answer = type(block).forward(block, *map(first, args), **{name: first(value) for name, value in options.items()})
    if isinstance(answer, tuple):
        return torch.cat([answer[0], others]), *answer[1:]
    return torch.cat([answer, others])


def _first(count: int, rows: int, value: Any) -> Any:
    """The part of a block's argument that is about its first ``count`` rows."""
    if isinstance(value, Tensor):
        return value[:count] if value.ndim > 1 and len(value) == rows else value
    if isinstance(value, tuple | list):
        return type(value)(_first(count, rows, part) for part in value)
    return value


@contextmanager
def only_at(block: Any, columns: Int[Tensor, " row"]) -> Iterator[None]:
    """Let the last block's output projection and MLP compute one column of each row, which stands for all of them.

    What they add to the stream is then right at that column alone, and only that one is read.
    """
    parts = [getattr(getattr(block.attn, "o", None), "original_component", None), block.mlp]
    with ExitStack() as stack:
        for part in parts:
            if part is None:
                raise AttributeError("the last block has no output projection of its own")
            stack.enter_context(seeing_one_column(part, columns))
        yield


@contextmanager
def seeing_one_column(module: nn.Module, columns: Int[Tensor, " row"]) -> Iterator[None]:
    """Let a module see one column of each row."""

    def gather(_: nn.Module, arguments: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        stream, *others = arguments
        return stream[torch.arange(len(stream), device=stream.device), columns].unsqueeze(1), *others

    handle = module.register_forward_pre_hook(gather)
    try:
        yield
    finally:
        handle.remove()
