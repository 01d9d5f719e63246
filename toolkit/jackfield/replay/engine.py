"""The replay itself: prepare, plan, then compute what patches change, in batches."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

from jackfield.errors import InterventionError
from jackfield.hooked_model import HookedModel
from jackfield.interventions import Intervention
from jackfield.replay.base_run import BaseRun
from jackfield.replay.capability import Capability
from jackfield.replay.costs import Costs
from jackfield.replay.extent import Observations, Slice, part_of, slices_of
from jackfield.replay.plan import Plan, Step
from jackfield.replay.schedule import Group, groups_of
from jackfield.sites import Kind, Site
from jackfield.token_batch import TokenBatch

__all__ = ["Answers", "Replay", "plan"]

_CPU_BUDGET = 2**30


class Answers(NamedTuple):
    """What some patches made of some prompts: one row each.

    ``patches [row]`` and ``prompts [row]`` are indices, ``logits [row, d_vocab]`` those at the prompt's last token, in
    float32.
    """

    patches: Int[Tensor, " row"]
    prompts: Int[Tensor, " row"]
    logits: Float[Tensor, "row d_vocab"]


class Replay:
    """Many patches of one batch of prompts, each computed from where it first makes a difference.

    Layers before a patch, and columns before it, are as in the base run, so they are taken from there: the residual
    stream at the first, keys and values at the second. Where a patch puts what is there anyway, nothing is computed.
    The wrapped model's own forward pass does all the rest, so that masks, positions and norms are its own. Whether a
    model can be resumed this way is tried on the base batch first; what it does not allow is run in full, and the plan
    says so.

    Parameters
    ----------
    model
        The model.
    base
        The prompts that are run and written to.
    patches
        The interventions of each patch. Those made by ``replace``, ``add`` and ``zero`` are resumed at a layer and
        column; other edits see whole activations, and are resumed at a layer only.
    budget
        Bytes that a batch of rows may take; 1 GiB unless told, or half of what a GPU has free.

    Raises
    ------
    SiteError
        If the model lacks a site.
    InterventionError
        If a patch has no intervention, or one does not fit its activation.

    Examples
    --------
    >>> from jackfield import Site, load_model, zero
    >>> model = load_model("fieldmouse")
    >>> base = model.tokenize(["john and mary went to the park"])
    >>> replay = Replay(model, base, [[zero(Site.parse("m4"))], [zero(Site.parse("m5"))]])
    >>> [step.layers for step in replay.plan.steps]
    [(4, 4), (5, 5)]
    """

    plan: Plan

    def __init__(
        self, model: HookedModel, base: TokenBatch, patches: Sequence[Sequence[Intervention]], budget: int | None = None
    ) -> None:
        self._model, self._patches = model, patches
        _require_patches(model, patches)
        self._plain = [
            index for index, patch in enumerate(patches) if any(one.site.kind is Kind.LOGITS for one in patch)
        ]
        resumed = {index: patch for index, patch in enumerate(patches) if index not in set(self._plain)}
        observations = Observations(resumed.values(), base)
        layers = {one.site.layer or 0 for patch in resumed.values() for one in patch}
        self._budget = _default_budget(model.device) if budget is None else budget
        fit = self._budget // Costs.expected(model, base.tokens.shape[1]).row_bytes(0)
        self._at_once = min(len(base), max(1, fit))
        run = BaseRun.record(model, base, layers, observations.observers, self._at_once)
        capability = Capability.of(run)
        if not capability.resumes:
            self._plain, resumed = [*range(len(patches))], {}
        slices = [
            piece
            for index, patch in resumed.items()
            for piece in slices_of(index, patch, observations, base, capability)
        ]
        self._unchanged = _unchanged(resumed, slices, len(base))
        self._costs = Costs.of(run)
        self._groups = groups_of(slices, self._costs, self._budget, capability)
        self._base = replace(
            run,
            streams={layer: run.streams[layer] for layer in sorted({piece.layer for piece in slices} - {0})},
            keys=run.keys if any(group.column for group in self._groups) else (),
            values=run.values if any(group.column for group in self._groups) else (),
        )
        self.plan = self._planned(capability)

    def answers(self, known: NDArray[np.bool_] | None = None) -> Iterator[Answers]:
        """Each row of each patch once, in the order in which they are computed.

        A batch for which memory does not suffice is halved and tried again.

        Parameters
        ----------
        known
            True at rows that need no answer, ``[patch, prompt]``. A batch is left out if all its rows are known, and
            computed as a whole if one is not, so that answers do not depend on what was known.
        """
        base = self._base
        for patch, prompts in self._unchanged.items():
            yield Answers(torch.full_like(prompts, patch), prompts, base.logits[prompts])
        for group in self._groups:
            for batch in group.batches():
                if known is None or not all(known[piece.patch, piece.prompts.cpu()].all() for piece in batch):
                    yield from self._resumed(group, batch)
        for patch in self._plain:
            if known is None or not known[patch].all():
                logits = self._model.run_with_interventions(base.batch, self._patches[patch])
                prompts = torch.arange(len(base.batch), device=logits.device)
                yield Answers(torch.full_like(prompts, patch), prompts, self._model.answer_logits(logits, base.batch))

    def _resumed(self, group: Group, batch: Sequence[Slice]) -> Iterator[Answers]:
        prompts = torch.cat([piece.prompts for piece in batch])
        layers = torch.cat([torch.full_like(piece.prompts, piece.layer) for piece in batch])
        logits: Tensor | None = None
        try:
            edits = _together(batch, group.column)
            logits = self._base.resume(prompts, layers, group.column, edits, only_answers=group.only_answers)
        except RuntimeError as error:
            if not _is_out_of_memory(error) or (len(batch) == 1 and (batch[0].whole or len(batch[0]) == 1)):
                raise
        if logits is None:
            for half in _halves(batch):
                yield from self._resumed(group, half)
        else:
            patches = torch.cat([torch.full_like(piece.prompts, piece.patch) for piece in batch])
            yield Answers(patches, prompts, logits)

    def _planned(self, capability: Capability) -> Plan:
        costs, prompts, groups = self._costs, len(self._base.batch), self._groups
        plain = prompts * costs.multiply_adds(0, 0, answers=costs.columns)
        rest = prompts * costs.multiply_adds(0, 0) + len(self._plain) * plain
        return Plan(
            patches=len(self._patches),
            prompts=prompts,
            steps=tuple(Step(group.layers, group.column, group.rows, group.most_rows) for group in groups),
            unchanged_rows=sum(map(len, self._unchanged.values())),
            plain=_reasons(self._plain, capability),
            fallbacks=capability.reasons,
            multiply_adds=rest + sum(group.multiply_adds(costs) for group in groups),
            least_multiply_adds=rest + sum(group.least_multiply_adds(costs) for group in groups),
            plain_multiply_adds=len(self._patches) * plain,
            peak_bytes=max([self._at_once * costs.row_bytes(0), *(group.peak_bytes(costs) for group in groups)])
            + self._base.kept_bytes,
            budget=self._budget,
        )


def plan(
    model: HookedModel, base: TokenBatch, patches: Sequence[Sequence[Intervention]], budget: int | None = None
) -> Plan:
    """What replaying some patches takes; it runs the base batch and nothing else.

    Parameters
    ----------
    model, base, patches, budget
        As for ``Replay``.
    """
    return Replay(model, base, patches, budget).plan


class _RowEdits:
    """The edits of several patches at one site, each on the rows of its own patch."""

    def __init__(self) -> None:
        self._chains: dict[tuple[int, int], list[Intervention]] = defaultdict(list)

    def append(self, rows: tuple[int, int], intervention: Intervention) -> None:
        self._chains[rows].append(intervention)

    def __call__(self, activation: Tensor) -> Tensor:
        result = activation.clone()
        for (start, stop), chain in self._chains.items():
            value = activation[start:stop]
            for intervention in chain:
                value = intervention.apply(value)
            result[start:stop] = value
        return result


def _together(batch: Sequence[Slice], column: int) -> list[Intervention]:
    """One intervention per site, which does what each slice asks on the rows of that slice."""
    edits: dict[Site, _RowEdits] = defaultdict(_RowEdits)
    start = 0
    for piece in batch:
        stop = start + len(piece)
        for intervention in piece.interventions:
            if (intervention.site.layer or 0) < piece.layer:
                continue
            part = intervention if piece.whole else part_of(intervention, piece.prompts, column)
            if part is not None:
                edits[intervention.site.all_heads].append((start, stop), part)
        start = stop
    return [Intervention(site, edit) for site, edit in edits.items()]


def _halves(batch: Sequence[Slice]) -> tuple[Sequence[Slice], Sequence[Slice]]:
    if len(batch) == 1:
        first, second = batch[0].halves()
        return [first], [second]
    return batch[: len(batch) // 2], batch[len(batch) // 2 :]


def _is_out_of_memory(error: RuntimeError) -> bool:
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)


def _require_patches(model: HookedModel, patches: Sequence[Sequence[Intervention]]) -> None:
    for index, patch in enumerate(patches):
        if not patch:
            raise InterventionError(f"patch {index} has no intervention; leave it out, since it changes nothing")
        for intervention in patch:
            model.require_writable(intervention.site)


def _unchanged(patches: dict[int, Sequence[Intervention]], slices: Sequence[Slice], prompts: int) -> dict[int, Tensor]:
    """The prompts of each patch that are in none of its slices; only patches that have some."""
    left = {patch: set(range(prompts)) for patch in patches}
    for piece in slices:
        left[piece.patch] -= set(piece.prompts.tolist())
    device = slices[0].prompts.device if slices else None
    return {patch: torch.tensor(sorted(rows), device=device) for patch, rows in left.items() if rows}


def _reasons(plain: Sequence[int], capability: Capability) -> dict[str, int]:
    reason = "they write to the logits" if capability.resumes else "the model cannot be resumed"
    return dict(Counter(reason for _ in plain))


def _default_budget(device: torch.device) -> int:
    if device.type != "cuda":
        return _CPU_BUDGET
    free, _ = torch.cuda.mem_get_info(device)
    return int(free) // 2
