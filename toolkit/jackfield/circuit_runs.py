"""Circuits at work: a model of which only some edges carry the prompt, and all others what an ablation puts there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from jackfield.edge_grid import HEAD_INPUTS, EdgeGrid
from jackfield.hooked_model import HookedModel
from jackfield.interventions import Edit, Intervention
from jackfield.projections import Projections
from jackfield.replay.base_run import BaseRun
from jackfield.replay.capability import Capability
from jackfield.sites import Kind, Site
from jackfield.token_batch import TokenBatch

__all__ = ["WRITERS", "CircuitRuns", "contributions", "writer_sites"]

WRITERS = (Kind.Z, Kind.MLP_OUT)
"""Where it is read what a layer's heads and its MLP write."""

_COMPUTED = (Kind.Q, Kind.K, Kind.V)
_BUDGET = 2**29


def writer_sites(model: HookedModel) -> list[Site]:
    """The sites that ``contributions`` needs."""
    layers = range(model.shape.n_layers)
    return [Site(Kind.RESID_PRE, 0), *(Site(kind, layer) for layer in layers for kind in WRITERS)]


def contributions(
    projections: Projections, grid: EdgeGrid, activations: Mapping[Site, Tensor]
) -> Float[Tensor, "prompt sender column d_model"]:
    """What each sender writes to the residual stream in a run, in the order of ``grid.senders``.

    Parameters
    ----------
    projections, grid
        Of the model.
    activations
        Those of ``writer_sites``.
    """
    parts = [activations[Site(Kind.RESID_PRE, 0)][:, None]]
    for layer in range(grid.shape.n_layers):
        parts.append(projections.written(layer, activations[Site(Kind.Z, layer)]).transpose(1, 2))
        parts.append(activations[Site(Kind.MLP_OUT, layer)][:, None])
    return torch.cat(parts, 1)


class CircuitRuns:
    """Some prompts, ready to be run through any circuit.

    Every receiver's input is changed by the sum of *ablated less current* over the senders whose edges to it are left
    out, where *current* is what a sender writes in this very pass. So it reads live values along the edges of the
    circuit and ablated ones along all others. The whole graph gives the model's own answers, the empty one those of the
    ablation.

    Passes start at the first layer in which a circuit leaves something out.

    Parameters
    ----------
    model, projections, grid
        The model, how its heads read and write, and its edges.
    batch
        The prompts.
    ablated
        What each sender writes where it is ablated, ``[prompt or 1, sender, column or 1, d_model]``.
    budget
        Bytes that one pass may take, about.

    Notes
    -----
    One pass of ``c`` circuits on ``b`` prompts holds ``c * b * senders * columns * d_model`` numbers for what is left
    out, and some six times the inputs of the layer that has most. Circuits and prompts are split until that fits.
    """

    def __init__(
        self,
        model: HookedModel,
        projections: Projections,
        grid: EdgeGrid,
        batch: TokenBatch,
        ablated: Float[Tensor, "#prompt sender #column d_model"],
        budget: int = _BUDGET,
    ) -> None:
        self._model, self._projections, self._grid, self._batch = model, projections, grid, batch
        run = model.run_with_cache(batch, writer_sites(model))
        clean = contributions(projections, grid, run.activations)
        self._ablated = ablated.expand_as(clean)
        self._gap = self._ablated - clean
        self._base = BaseRun.record(model, batch, range(1, model.shape.n_layers))
        self._resumes = Capability.of(self._base)
        self._edges = grid.matrix(np.ones(grid.size, dtype=bool))
        self._at_once = max(1, budget // max(1, 2 * clean[0].nbytes + 6 * clean[0, 0].nbytes * self._widest))

    @property
    def _widest(self) -> int:
        """The most inputs that one kind of one layer has."""
        return max(map(self._grid.shape.heads_of, HEAD_INPUTS))

    def answers(
        self,
        kept: Bool[Tensor, "circuit sender receiver"],
        known: Bool[Tensor, "circuit prompt"] | None = None,
    ) -> Iterator[tuple[Int[Tensor, " circuit"], Int[Tensor, " prompt"], Float[Tensor, "circuit prompt d_vocab"]]]:
        """Logits at each prompt's last token under each circuit.

        Parameters
        ----------
        kept
            The edges of each circuit; cells that are no edges may hold anything.
        known
            True where no answer is needed. A batch is left out if all of it is known, and computed as a whole if not,
            so that answers do not depend on what was known.

        Yields
        ------
        Which circuits, which prompts, and their logits; together each pair once.
        """
        missing = ~kept.cpu() & self._edges
        starts = self._starts(missing)
        order = starts.argsort(stable=True)
        everyone = torch.arange(len(self._batch), device=self._batch.tokens.device)
        for prompts in torch.split(everyone, self._at_once):
            for chosen in torch.split(order, max(1, self._at_once // len(prompts))):
                if known is None or not bool(known[chosen][:, prompts.to(known.device)].all()):
                    yield chosen, prompts, self._pass(missing[chosen], prompts, int(starts[chosen].min()))

    def _starts(self, missing: Tensor) -> Tensor:
        """The first layer in which each circuit leaves out an edge; the last one, if none or only logits miss one."""
        last = self._grid.shape.n_layers - 1
        layers = torch.tensor([last if site.layer is None else site.layer for site in self._grid.receivers])
        return torch.where(missing.any(1), layers, last).amin(-1)

    def _pass(self, missing: Tensor, prompts: Tensor, start: int) -> Tensor:
        if not self._resumes.layers:
            start = 0
        edits = _Pass(self._projections, self._grid, self._gap[prompts], self._ablated[prompts], missing, start)
        rows = prompts.repeat(len(missing))
        if self._resumes.resumes:
            logits = self._base.resume(rows, torch.full_like(rows, start), 0, edits.interventions)
        else:
            batch = self._batch.select(rows)
            found = self._model.run_with_interventions(batch, edits.interventions)
            logits = self._model.answer_logits(found, batch)
        return logits.reshape(len(missing), len(prompts), -1)


class _Pass:
    """The edits of one forward pass of some circuits, which hand each other what is computed in it.

    Parameters
    ----------
    gap, ablated
        Ablated less clean, and ablated: ``[prompt, sender, column, d_model]``.
    missing
        The edges that are left out, ``[circuit, sender, receiver]``.
    start
        The first layer that is computed.
    """

    def __init__(
        self, projections: Projections, grid: EdgeGrid, gap: Tensor, ablated: Tensor, missing: Tensor, start: int
    ) -> None:
        self._projections, self._grid, self._start = projections, grid, start
        self._missing = missing.to(gap)
        self._ablated = ablated.transpose(0, 1)
        self._rows = len(missing), len(gap)
        known = grid.read_before(start) if start else 0
        self._gap = gap.new_empty(len(missing), len(grid.senders), len(gap), *gap.shape[2:])
        self._gap[:, :known] = gap[:, :known].transpose(0, 1)
        self._stream = gap

    @property
    def interventions(self) -> list[Intervention]:
        layers = range(self._start, self._grid.shape.n_layers)
        found = [edit for layer in layers for edit in self._layer(layer)]
        logits = Site(Kind.LOGITS)
        if self._any(self._grid.column(logits)):
            found.append(Intervention(Site(Kind.RESID_POST, layers[-1]), self._adding(logits)))
        return found

    def _any(self, columns: int | slice) -> bool:
        """Whether an edge into some receivers is left out."""
        return bool(self._missing[:, :, columns].any())

    def _layer(self, layer: int) -> Iterator[Intervention]:
        grid = self._grid
        yield Intervention(Site(Kind.RESID_PRE, layer), self._entering(layer))
        for kind, into in zip(_COMPUTED, HEAD_INPUTS, strict=True):
            first = grid.column(Site(into, layer, 0))
            columns = slice(first, first + grid.shape.heads_of(into))
            if self._any(columns):
                yield Intervention(Site(kind, layer), self._reading(kind, layer, columns))
        receiver, mlp = Site(Kind.MLP_IN, layer), grid.columns_of(layer).stop
        if self._any(slice(mlp, None)):
            yield Intervention(Site(Kind.Z, layer), self._heads_written(layer))
        if self._any(mlp):
            yield Intervention(receiver, self._adding(receiver))
        if self._any(slice(mlp + 1, None)):
            yield Intervention(Site(Kind.MLP_OUT, layer), self._written(grid.read_before(layer + 1) - 1))

    def _entering(self, layer: int) -> Edit:
        def edit(stream: Tensor) -> Tensor:
            self._stream = stream
            if layer == 0:
                self._put(0, stream)
            return stream

        return edit

    def _reading(self, kind: Kind, layer: int, columns: slice) -> Edit:
        def edit(_: Tensor) -> Tensor:
            change = self._change(self._grid.read_before(layer), columns)
            return self._projections.read(kind, layer, self._stream[:, :, None] + change)

        return edit

    def _adding(self, receiver: Site) -> Edit:
        column = self._grid.column(receiver)

        def edit(old: Tensor) -> Tensor:
            return old + self._change(self._grid.fed(receiver), slice(column, column + 1))[:, :, 0]

        return edit

    def _heads_written(self, layer: int) -> Edit:
        def edit(z: Tensor) -> Tensor:
            first = self._grid.read_before(layer)
            parts = self._projections.written(layer, z)
            for head in range(self._grid.shape.n_heads):
                self._put(first + head, parts[:, :, head])
            return z

        return edit

    def _written(self, sender: int) -> Edit:
        def edit(output: Tensor) -> Tensor:
            self._put(sender, output)
            return output

        return edit

    def _put(self, sender: int, output: Tensor) -> None:
        self._gap[:, sender] = self._ablated[sender] - output.reshape(*self._rows, *output.shape[1:])

    def _change(self, fed: int, columns: slice) -> Tensor:
        """What left-out edges add to some receivers, ``[row, column, receiver, d_model]``."""
        gap = self._gap[:, :fed]
        change: Tensor = self._missing[:, :fed, columns].transpose(1, 2) @ gap.flatten(2)
        return change.reshape(*change.shape[:2], *gap.shape[2:]).movedim(1, 3).flatten(0, 1)
