"""The run that all patches share, kept so that it can be taken up again at any layer and column."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode
from transformers.cache_utils import DynamicCache

from jackfield.hooked_model import HookedModel
from jackfield.interventions import Intervention
from jackfield.replay.prefix import prefix_cache
from jackfield.sites import Kind, Site
from jackfield.token_batch import TokenBatch

__all__ = ["BaseRun"]


@dataclass(frozen=True, eq=False)
class BaseRun:
    """A plain forward pass and what it takes to resume it.

    Parameters
    ----------
    model, batch
        What was run on what.
    logits
        At each prompt's last token, ``[prompt, d_vocab]`` in float32.
    streams
        The residual stream on the way into the layers at which the run may be resumed, ``[prompt, column, d_model]``.
    keys, values
        By layer, ``[prompt, key/value head, column, d_head]``; empty if the model filled no cache.
    multiply_adds
        Of all matrix products of the pass.
    blocks_return_tuples
        Whether the wrapped model's blocks return their stream inside a tuple.
    """

    model: HookedModel
    batch: TokenBatch
    logits: Float[Tensor, "prompt d_vocab"]
    streams: Mapping[int, Tensor]
    keys: tuple[Tensor, ...]
    values: tuple[Tensor, ...]
    multiply_adds: int
    blocks_return_tuples: bool

    @classmethod
    def record(
        cls, model: HookedModel, batch: TokenBatch, layers: Collection[int], observers: Sequence[Intervention] = ()
    ) -> BaseRun:
        """Run a batch and keep what resuming at some layers takes.

        Parameters
        ----------
        model, batch
            What to run on what.
        layers
            Where the run may be resumed; at layer 0 it always may.
        observers
            Interventions that look and change nothing.
        """
        cache = DynamicCache()
        returned: list[bool] = []
        seen = model.bridge.blocks[0].register_forward_hook(lambda *call: returned.append(isinstance(call[2], tuple)))
        sites = {layer: Site(Kind.RESID_PRE, layer) for layer in sorted({*layers} - {0})}
        try:
            with model.hooked(observers, sites.values()) as work, FlopCounterMode(display=False) as counter:
                logits: Tensor = model.bridge(
                    batch.tokens, attention_mask=batch.mask.long(), position_ids=batch.position_ids,
                    past_key_values=cache, use_cache=True,
                )  # fmt: skip
        finally:
            seen.remove()
        keys, values = _whole(cache, model.shape.n_layers, batch.tokens.shape[1])
        return cls(
            model,
            batch,
            model.answer_logits(logits, batch),
            {layer: work.kept[site] for layer, site in sites.items()},
            keys,
            values,
            counter.get_total_flops() // 2,
            any(returned),
        )

    @property
    def kept_bytes(self) -> int:
        """What the kept streams, keys and values take."""
        return sum(tensor.nbytes for tensor in (*self.streams.values(), *self.keys, *self.values))

    def resume(
        self,
        prompts: Int[Tensor, " row"],
        layer: int,
        column: int,
        interventions: Sequence[Intervention] = (),
    ) -> Float[Tensor, "row d_vocab"]:
        """Logits at the last token when the run goes on from a layer and column on.

        Parameters
        ----------
        prompts
            Which prompt each row is.
        layer, column
            The first of each that is computed; at those before, all is as in the base run.
        interventions
            Changes to the rows, whose activations have the columns from ``column`` on.
        """
        batch, bridge = self.batch.select(prompts), self.model.bridge
        options: dict[str, Any] = {"use_cache": False}
        if column:
            past = prefix_cache(self.keys, self.values, prompts, column)
            options = {"use_cache": True, "past_key_values": past}
        with (
            self._blocks_skipped(prompts, layer, column),
            _only(bridge.unembed, batch.last_columns - column),
            self.model.hooked(interventions, ()),
        ):
            logits: Tensor = bridge(
                batch.tokens[:, column:],
                attention_mask=batch.mask.long(),
                position_ids=batch.position_ids[:, column:],
                **options,
            )
        return logits[:, 0].float()

    @contextmanager
    def _blocks_skipped(self, prompts: Tensor, layer: int, column: int) -> Iterator[None]:
        """Let the blocks before ``layer`` answer with the kept stream; each stays in its place in the model."""
        if layer == 0:
            yield
            return
        stream = self.streams[layer][prompts, column:]
        answer = (stream,) if self.blocks_return_tuples else stream
        kept: Callable[..., Tensor | tuple[Tensor]] = lambda *_, **__: answer  # noqa: E731
        blocks = [*self.model.bridge.blocks][:layer]
        try:
            for block in blocks:
                vars(block)["forward"] = kept
            yield
        finally:
            for block in blocks:
                vars(block).pop("forward", None)


def _whole(cache: DynamicCache, layers: int, columns: int) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """The keys and the values of every layer, or nothing unless each layer kept every column."""
    kept = [(getattr(layer, "keys", None), getattr(layer, "values", None)) for layer in cache.layers]
    pairs = [
        (keys, values)
        for keys, values in kept
        if keys is not None and values is not None and keys.shape[-2] == values.shape[-2] == columns
    ]
    if len(pairs) != layers:
        return (), ()
    return tuple(keys for keys, _ in pairs), tuple(values for _, values in pairs)


@contextmanager
def _only(unembedding: torch.nn.Module, columns: Tensor) -> Iterator[None]:
    """Unembed one column of each row."""

    def gather(_: torch.nn.Module, arguments: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        stream, *others = arguments
        return stream[torch.arange(len(stream), device=stream.device), columns].unsqueeze(1), *others

    handle = unembedding.register_forward_pre_hook(gather)
    try:
        yield
    finally:
        handle.remove()
