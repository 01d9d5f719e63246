"""Layer schedules: a model whose layers are skipped, repeated, reordered or run side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

import torch
from torch import Tensor, nn
from transformers.cache_utils import Cache, DynamicCache

from jackfield.errors import SiteError
from jackfield.hooked_model import HookedModel
from jackfield.replay.blocks import forwarding

__all__ = ["LayerSchedule", "scheduled"]


@dataclass(frozen=True)
class LayerSchedule:
    """Which layers run, one step after the other.

    Parameters
    ----------
    steps
        Layers counted from 0. Several in one step read the same stream side by side, and the mean of their outputs
        goes on.

    Raises
    ------
    SiteError
        If there is no step, a step has no layer, or a layer is negative.

    Examples
    --------
    >>> LayerSchedule.plain(4).without(1, 2).steps
    ((0,), (3,))
    >>> LayerSchedule.plain(4).reversed(1, 3).steps
    ((0,), (2,), (1,), (3,))
    >>> LayerSchedule.plain(3).repeated(1, 2, times=2).steps
    ((0,), (1,), (1,), (2,))
    """

    steps: tuple[tuple[int, ...], ...]

    def __post_init__(self) -> None:
        if not self.steps or not all(self.steps) or any(layer < 0 for step in self.steps for layer in step):
            raise SiteError(f"a schedule has steps of one or more layers, counted from 0, got {self.steps}")

    @classmethod
    def of(cls, layers: Sequence[int]) -> Self:
        """One layer after the other, in the order given."""
        return cls(tuple((layer,) for layer in layers))

    @classmethod
    def plain(cls, layers: int) -> Self:
        """Every layer of a model once, as it was trained."""
        return cls.of(range(layers))

    def without(self, *layers: int) -> LayerSchedule:
        """The same without some layers."""
        kept = (tuple(layer for layer in step if layer not in layers) for step in self.steps)
        return LayerSchedule(tuple(step for step in kept if step))

    def swapped(self, first: int, second: int) -> LayerSchedule:
        """The same with two layers in each other's place."""
        other = {first: second, second: first}
        return LayerSchedule(tuple(tuple(other.get(layer, layer) for layer in step) for step in self.steps))

    def repeated(self, start: int, stop: int, times: int) -> LayerSchedule:
        """The same with the steps from ``start`` up to ``stop`` run so many times in a row."""
        self._require_span(start, stop)
        if times < 1:
            raise SiteError(f"steps are run once or more often, got {times} times; use without to skip layers")
        return LayerSchedule(self.steps[:start] + self.steps[start:stop] * times + self.steps[stop:])

    def reversed(self, start: int, stop: int) -> LayerSchedule:
        """The same with the steps from ``start`` up to ``stop`` in reverse order."""
        self._require_span(start, stop)
        return LayerSchedule(self.steps[:start] + self.steps[start:stop][::-1] + self.steps[stop:])

    def side_by_side(self, start: int, stop: int) -> LayerSchedule:
        """The same with the steps from ``start`` up to ``stop`` made one, whose layers all read the same stream."""
        self._require_span(start, stop)
        together = tuple(layer for step in self.steps[start:stop] for layer in step)
        return LayerSchedule((*self.steps[:start], together, *self.steps[stop:]))

    def _require_span(self, start: int, stop: int) -> None:
        if not 0 <= start < stop <= len(self.steps):
            raise SiteError(f"steps {start} up to {stop} do not exist: there are {len(self.steps)}, counted from 0")


@contextmanager
def scheduled(model: HookedModel, schedule: LayerSchedule) -> Iterator[None]:
    """Let a model run its layers by a schedule for the length of a ``with`` block.

    Sites can be read and changed as ever, where their layer runs exactly once; elsewhere ``InterventionError`` says how
    often it ran. Nothing is kept for a continuation: a layer that runs twice would need keys and values for each time.

    Parameters
    ----------
    model
        The model.
    schedule
        Which layers run, and when.

    Raises
    ------
    SiteError
        If the model lacks a layer.

    Examples
    --------
    >>> from jackfield import load_model
    >>> model = load_model("fieldmouse")
    >>> batch = model.tokenize(["anna 's boss 's sport"])
    >>> with scheduled(model, LayerSchedule.plain(6).without(3)):
    ...     shallower = model.run(batch)
    >>> bool((shallower != model.run(batch)).any())
    True
    """
    deep = model.shape.n_layers
    if outside := sorted({layer for step in schedule.steps for layer in step if layer >= deep}):
        raise SiteError(f"layers {outside} do not exist: {model.name} has {deep} layers, counted from 0")
    work = _ScheduledPass([*model.bridge.blocks], schedule)
    with ExitStack() as stack:
        for layer, block in enumerate(work.blocks):
            stack.enter_context(forwarding(block, partial(work.visit, layer)))
        yield


class _ScheduledPass:
    """Forward passes in which every block but the last only remembers how it was called; the last runs the schedule.

    Each block is thus called with what the wrapped model gives to that layer, such as a mask of its own.
    """

    def __init__(self, blocks: Sequence[nn.Module], schedule: LayerSchedule) -> None:
        self.blocks, self._schedule = blocks, schedule
        self._calls: dict[int, tuple[tuple[Any, ...], dict[str, Any]]] = {}

    def visit(self, layer: int, *args: Any, **options: Any) -> Any:
        """What block ``layer`` answers when the wrapped model calls it."""
        stream: Tensor = args[0] if args else options.pop("hidden_states")
        self._calls[layer] = args[1:], options
        if layer < len(self.blocks) - 1:
            return stream
        for step in self._schedule.steps:
            outputs = [self._run(each, stream) for each in step]
            stream = outputs[0] if len(outputs) == 1 else torch.stack(outputs).mean(0)
        self._calls.clear()
        return stream

    def _run(self, layer: int, stream: Tensor) -> Tensor:
        block, (args, options) = self.blocks[layer], self._calls[layer]
        fresh = {name: _fresh(value) for name, value in options.items()}
        answer: Any = type(block).forward(block, stream, *map(_fresh, args), **fresh)
        found: Tensor = answer[0] if isinstance(answer, tuple) else answer
        return found


def _fresh(value: Any) -> Any:
    """An argument of a block, with an empty cache for one that other calls write to."""
    return DynamicCache() if isinstance(value, Cache) else value
