"""Where an analysis is tried: the bench of its trial, and the same bench changed in one respect."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from jackfield.trial import KNOWN, Trial

if TYPE_CHECKING:
    from jackfield.bench import Bench
    from jackfield.hooked_model import HookedModel
    from jackfield.metrics import Metric
    from jackfield.pairs import PairBatch
    from jackfield.registry import Registry
    from jackfield.tasks import Task
    from jackfield.testing.known_circuit import KnownCircuit
    from jackfield.token_batch import TokenBatch

__all__ = ["Stage"]

DType = Literal["float32", "float64", "bfloat16"]
_MORE_COLUMNS = {"left": 2, "right": 1}


class Stage:
    """The benches that an analysis is tried on.

    Parameters
    ----------
    registry
        Where models, tasks and metrics come from.
    trial
        Which of them are wanted.
    """

    def __init__(self, registry: Registry, trial: Trial) -> None:
        self._registry, self.trial = registry, trial

    @cached_property
    def bench(self) -> Bench:
        """The trial as it is stated."""
        from jackfield.bench import Bench

        return Bench.prepare(self.model("float32"), self._task, self._metric, self.trial.pairs)

    def model(self, dtype: DType, device: str = "cpu") -> HookedModel:
        """The trial's model, made afresh, in some number format on some device."""
        from jackfield.loading import LoadRequest

        if self.trial.model.startswith(KNOWN):
            shared = (dtype, device) == ("float32", "cpu") and self.trial.model == self.trial.task
            return _recast((self._known if shared else _known(self.trial.model)).model, dtype, device)
        return self._registry.load_model(LoadRequest(self.trial.model, dtype, device, network=False))

    def recast(self, dtype: DType, device: str = "cpu") -> Bench:
        """The same pairs on a model in another number format, or on another device."""
        model = self.model(dtype, device)
        return self._changed(lambda pairs: _moved(pairs, device), model)

    def padded(self, side: Literal["left", "right"]) -> Bench:
        """The same pairs with all padding on one side, and more of it."""
        return self._changed(
            lambda pairs: replace(pairs, clean=_padded(pairs.clean, side), corrupted=_padded(pairs.corrupted, side))
        )

    def untold(self) -> Bench:
        """Pairs whose corrupted prompt is the clean one."""
        return self._changed(
            lambda pairs: replace(
                pairs,
                pairs=tuple(replace(pair, corrupted=pair.clean) for pair in pairs.pairs),
                corrupted=pairs.clean,
            )
        )

    def mislabelled(self, seed: int) -> Bench:
        """The pairs, each with answers and foils exchanged or not, by lot: no prompt tells which is which."""
        return self._changed(lambda pairs: _mislabelled(pairs, seed))

    def unlearned(self, seed: int) -> Bench:
        """Mislabelled pairs on a network of the same architecture with random weights."""
        from jackfield.random_copy import random_copy

        return self._changed(lambda pairs: _mislabelled(pairs, seed), random_copy(self.bench.model, seed))

    def _changed(self, change: Callable[[PairBatch], PairBatch], model: HookedModel | None = None) -> Bench:
        bench = self.bench
        aside = bench.set_aside and change(bench.set_aside)
        return replace(bench, model=model or bench.model, pairs=change(bench.pairs), set_aside=aside)

    @cached_property
    def _known(self) -> KnownCircuit:
        return _known(self.trial.task)

    @property
    def _task(self) -> Task:
        if self.trial.task.startswith(KNOWN):
            return self._known.task
        return self._registry.task(self.trial.task)

    @property
    def _metric(self) -> Metric:
        from jackfield.metrics import BUILT_IN

        return next((metric for metric in BUILT_IN if metric.name == self.trial.metric), None) or self._registry.metric(
            self.trial.metric
        )


def _known(name: str) -> KnownCircuit:
    from jackfield.errors import UnknownNameError
    from jackfield.testing.known_circuit import known_circuits

    circuits = known_circuits()
    if name.removeprefix(KNOWN) not in circuits:
        raise UnknownNameError(f"a trial names {name}; the known circuits are {', '.join(circuits)}")
    return circuits[name.removeprefix(KNOWN)]()


def _recast(model: HookedModel, dtype: DType, device: str) -> HookedModel:
    import torch

    from jackfield.hooked_model import HookedModel

    kind: torch.dtype = getattr(torch, dtype)
    model.bridge.original_model.to(device=device, dtype=kind)
    model.bridge.cfg.dtype, model.bridge.cfg.device = kind, device
    return HookedModel(model.bridge, model.tokenizer, replace(model.identity, dtype=dtype))


def _padded(batch: TokenBatch, side: Literal["left", "right"]) -> TokenBatch:
    import torch

    from jackfield.token_batch import TokenBatch

    batch = batch.left_padded() if side == "left" else batch
    more = (_MORE_COLUMNS[side], 0) if side == "left" else (0, _MORE_COLUMNS[side])
    tokens, mask = (torch.nn.functional.pad(values, more) for values in (batch.tokens, batch.mask))
    return TokenBatch(tokens, mask)


def _mislabelled(pairs: PairBatch, seed: int) -> PairBatch:
    import torch

    exchanged = torch.rand(len(pairs), generator=torch.Generator().manual_seed(seed)) < 0.5
    rows = exchanged.to(pairs.answers.device)[:, None]
    return replace(
        pairs,
        pairs=tuple(
            replace(pair, answers=pair.foils, foils=pair.answers) if swap else pair
            for pair, swap in zip(pairs.pairs, exchanged.tolist(), strict=True)
        ),
        answers=torch.where(rows, pairs.foils, pairs.answers),
        foils=torch.where(rows, pairs.answers, pairs.foils),
    )


def _moved(pairs: PairBatch, device: str) -> PairBatch:
    return replace(
        pairs,
        clean=pairs.clean.to(device),
        corrupted=pairs.corrupted.to(device),
        answers=pairs.answers.to(device),
        foils=pairs.foils.to(device),
        positions={name: value.to(device) for name, value in pairs.positions.items()},
    )
