"""What is written: a prompt's own hidden states, those of an unrelated prompt, and noise of the same size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum

import torch
from jaxtyping import Float
from torch import Tensor

from jackfield.bench import Bench
from jackfield.errors import ConfigError
from jackfield.hooked_model import HookedModel
from jackfield.interventions import Intervention, replace
from jackfield.pairs import PairBatch
from jackfield.sites import Site
from jackfield.token_batch import TokenBatch
from jackfield_plugins.back_patching.routes import Cell

__all__ = ["Content", "States", "contents", "patch", "states"]

States = Mapping[tuple[Site, str], Float[Tensor, "prompt 1 d_model"]]
"""By site and position, what is taken from there, one state for each prompt."""

_BATCH = 64


class Content(StrEnum):
    """What is written to the target."""

    OWN = "own state"
    """The prompt's own hidden state, from another run of the same prompt."""
    UNRELATED = "unrelated prompt"
    """The hidden state of another prompt of the same template, with another answer."""
    NOISE = "noise"
    """Gaussian noise of the norm of the prompt's own hidden state."""


def states(model: HookedModel, pairs: PairBatch, found: Sequence[Cell], task: str) -> States:
    """The states at the source of every patch, in a run of the clean prompts.

    Raises
    ------
    ConfigError
        If the task names no such position.
    """
    sources = sorted({cell.source for cell in found})
    positions = list(dict.fromkeys(cell.position for cell in found))
    if unknown := [name for name in positions if name not in pairs.positions]:
        raise ConfigError(
            f"task {task!r} names no position {', '.join(unknown)}; it names {', '.join(pairs.positions)}"
        )
    parts: dict[tuple[Site, str], list[Tensor]] = {(site, name): [] for site in sources for name in positions}
    for start in range(0, len(pairs), _BATCH):
        part = pairs.select(range(start, min(start + _BATCH, len(pairs))))
        run = model.run_with_cache(part.clean, sources)
        for (site, name), kept in parts.items():
            kept.append(run[site][part.clean.at(part.positions[name])][:, None])
    return {place: torch.cat(kept) for place, kept in parts.items()}


def contents(bench: Bench, pairs: PairBatch, found: Sequence[Cell]) -> dict[Content, States]:
    """All that is written to the targets of patches, own states and controls.

    Raises
    ------
    ConfigError
        If the task names no such position.
    AlignmentError
        If a template occurs only once, so that there is no unrelated prompt.
    """
    own = states(bench.model, pairs, found, bench.task)
    partners = pairs.unrelated_rows(bench.draw("unrelated prompts"))
    draw = bench.rng("noise")
    noise: dict[tuple[Site, str], Tensor] = {}
    for place, state in own.items():
        drawn = torch.from_numpy(draw.standard_normal(tuple(state.shape))).to(state)
        noise[place] = drawn / drawn.norm(dim=-1, keepdim=True) * state.norm(dim=-1, keepdim=True)
    unrelated = {place: state[partners] for place, state in own.items()}
    return {Content.OWN: own, Content.UNRELATED: unrelated, Content.NOISE: noise}


def patch(model: HookedModel, prompts: TokenBatch, pairs: PairBatch, cell: Cell, written: States) -> Intervention:
    """The intervention that writes to a patch's target what was taken from its source.

    Parameters
    ----------
    model, prompts, pairs
        What is run: the clean prompts of ``pairs``, padded on whichever side.
    cell
        From where to where.
    written
        The states, one for each prompt.
    """
    where = prompts.at(pairs.positions[cell.position])
    return replace(cell.written(model.shape.n_layers), written[cell.source, cell.position], where)
