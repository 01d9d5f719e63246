"""The run that all patches share, kept so that it can be taken up again at any layer and column."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformers.cache_utils import DynamicCache

from jackfield.hooked_model import HookedModel
from jackfield.interventions import Intervention
from jackfield.replay.blocks import begun, only_at, seeing_one_column
from jackfield.replay.counting import CountingProducts
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
        cls,
        model: HookedModel,
        batch: TokenBatch,
        layers: Collection[int],
        observers: Callable[[Tensor], Sequence[Intervention]] = lambda _: (),
        most: int | None = None,
    ) -> BaseRun:
        """Run a batch and keep what resuming at some layers takes.

        Parameters
        ----------
        model, batch
            What to run on what.
        layers
            Where the run may be resumed; at layer 0 it always may.
        observers
            Makes, for some prompts ``[chosen]``, interventions that look and change nothing.
        most
            How many prompts are run at once; all if omitted.
        """
        everyone = torch.arange(len(batch), device=batch.tokens.device)
        parts = [
            _Part.run(model, batch, layers, observers, chosen) for chosen in torch.split(everyone, most or len(batch))
        ]
        whole = all(part.keys for part in parts)
        return cls(
            model,
            batch,
            torch.cat([part.logits for part in parts]),
            {layer: torch.cat([part.streams[layer] for part in parts]) for layer in parts[0].streams},
            tuple(map(torch.cat, zip(*(part.keys for part in parts), strict=True))) if whole else (),
            tuple(map(torch.cat, zip(*(part.values for part in parts), strict=True))) if whole else (),
            sum(part.multiply_adds for part in parts),
            parts[0].blocks_return_tuples,
        )

    @property
    def kept_bytes(self) -> int:
        """What the kept streams, keys and values take."""
        return sum(tensor.nbytes for tensor in (*self.streams.values(), *self.keys, *self.values))

    def resume(
        self,
        prompts: Int[Tensor, " row"],
        layers: Int[Tensor, " row"],
        column: int,
        interventions: Sequence[Intervention] = (),
        *,
        only_answers: bool = False,
    ) -> Float[Tensor, "row d_vocab"]:
        """Logits at the last token when the run goes on from some layers and a column on.

        Parameters
        ----------
        prompts
            Which prompt each row is.
        layers
            The first layer that each row computes, ascending; at those before, all is as in the base run.
        column
            The first column that is computed.
        interventions
            Changes to the rows. The activations that they see have the columns from ``column`` on, and those of a layer
            only the rows that start there or before.
        only_answers
            Whether the last block's output projection and MLP compute the last token alone. Then nothing may be written
            behind the heads of the last layer.
        """
        return self._resumed(prompts, layers, column, self.model.hooked(interventions, ()), only_answers)

    def resume_differentiably(
        self,
        prompts: Int[Tensor, " row"],
        layers: Int[Tensor, " row"],
        column: int,
        interventions: Sequence[Intervention],
        *,
        only_answers: bool = False,
    ) -> Float[Tensor, "row d_vocab"]:
        """Like ``resume``, but the logits can be differentiated by the tensors that interventions hold.

        The model's weights are constants, and nothing before the resumed layers and columns is differentiated.
        """
        hooked = self.model.hooked_differentiably(interventions, ())
        return self._resumed(prompts, layers, column, hooked, only_answers)

    def _resumed(
        self, prompts: Tensor, layers: Tensor, column: int, hooked: AbstractContextManager[object], only_answers: bool
    ) -> Tensor:
        batch, bridge = self.batch.select(prompts), self.model.bridge
        columns = batch.last_columns - column
        options: dict[str, Any] = {"use_cache": False}
        if column:
            past = prefix_cache(self.keys, self.values, prompts, column)
            options = {"use_cache": True, "past_key_values": past}
        with (
            begun([*bridge.blocks], layers, self._entering(prompts, layers, column), self.blocks_return_tuples),
            only_at(bridge.blocks[-1], columns) if only_answers else nullcontext(),
            seeing_one_column(bridge.unembed, columns),
            hooked,
        ):
            logits: Tensor = bridge(
                batch.tokens[:, column:],
                attention_mask=batch.mask.long(),
                position_ids=batch.position_ids[:, column:],
                **options,
            )
        return logits[:, 0].float()

    def _entering(self, prompts: Tensor, layers: Tensor, column: int) -> Tensor | None:
        """What each row enters its first block with, ``[row, column, d_model]``; ``None`` if all start at layer 0."""
        if not bool(layers.any()):
            return None
        some = next(iter(self.streams.values()))
        entering = some.new_empty(len(prompts), some.shape[1] - column, some.shape[2])
        for layer in sorted({*layers.tolist()}):
            if layer:
                rows = layers == layer
                entering[rows] = self.streams[layer][prompts[rows], column:]
        return entering


@dataclass(frozen=True, eq=False)
class _Part:
    """What some prompts of a base run leave; the fields of ``BaseRun``."""

    logits: Tensor
    streams: Mapping[int, Tensor]
    keys: tuple[Tensor, ...]
    values: tuple[Tensor, ...]
    multiply_adds: int
    blocks_return_tuples: bool

    @classmethod
    def run(
        cls,
        model: HookedModel,
        batch: TokenBatch,
        layers: Collection[int],
        observers: Callable[[Tensor], Sequence[Intervention]],
        prompts: Tensor,
    ) -> _Part:
        chosen, cache, returned = batch.select(prompts), DynamicCache(), list[bool]()
        seen = model.bridge.blocks[0].register_forward_hook(lambda *call: returned.append(isinstance(call[2], tuple)))
        sites = {layer: Site(Kind.RESID_PRE, layer) for layer in sorted({*layers} - {0})}
        try:
            with (
                model.hooked(observers(prompts), sites.values()) as work,
                seeing_one_column(model.bridge.unembed, chosen.last_columns),
                CountingProducts() as counted,
            ):
                logits: Tensor = model.bridge(
                    chosen.tokens, attention_mask=chosen.mask.long(), position_ids=chosen.position_ids,
                    past_key_values=cache, use_cache=True,
                )  # fmt: skip
        finally:
            seen.remove()
        keys, values = _whole(cache, model.shape.n_layers, chosen.tokens.shape[1])
        streams = {layer: work.kept[site] for layer, site in sites.items()}
        return cls(logits[:, 0].float(), streams, keys, values, counted.multiply_adds, any(returned))


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
