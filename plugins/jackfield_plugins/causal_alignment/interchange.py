"""The network as a function of what stands at one site and position: all before it is run once and kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from jackfield.errors import ConfigError, InterventionError
from jackfield.hooked_model import HookedModel
from jackfield.interventions import Intervention, Replacement
from jackfield.replay.base_run import BaseRun
from jackfield.replay.capability import Capability
from jackfield.sites import Kind, Site
from jackfield.token_batch import TokenBatch

__all__ = ["Interchange"]

_ROWS = 256


@dataclass(frozen=True, eq=False)
class Interchange:
    """Some prompts that were run once, and the part of the network that follows one site and position.

    Parameters
    ----------
    base
        The run of all prompts.
    states
        What stood at the site and position, ``[prompt, d_model]``.
    plain
        The logits of the labels in the run itself, ``[prompt, label]``.
    site
        Where activations are written; ``resid_pre`` of the next layer in the place of ``resid_post``.
    layer, column
        Where the run is taken up.
    depth
        Columns from there to the position.
    only_answers
        Whether the last layer can compute the answer alone.
    tokens
        The labels' tokens, ``[label]``.
    """

    base: BaseRun
    states: Float[Tensor, "prompt d_model"]
    plain: Float[Tensor, "prompt label"]
    site: Site
    layer: int
    column: int
    depth: int
    only_answers: bool
    tokens: Int[Tensor, " label"]

    @classmethod
    def record(
        cls, model: HookedModel, batch: TokenBatch, site: Site, position: int, tokens: Sequence[int]
    ) -> Interchange:
        """Run some prompts and keep what swaps at a site and position need.

        Parameters
        ----------
        model, batch
            What to run on what; all prompts have the same length.
        site
            Where activations are taken from and written to.
        position
            The token, counted from 0.
        tokens
            Token ids of the labels.

        Raises
        ------
        SiteError
            If the model lacks the site.
        ConfigError
            If the site does not hold one vector for each token.
        InterventionError
            If the model's forward pass cannot be taken up in the middle.
        """
        model.require_writable(site)
        if site.axes != ("batch", "position", "d_model") or site.kind is Kind.RESID_MID:
            raise ConfigError(f"{site} does not hold one vector for each token; choose one such as resid_post.2 or m3")
        written = site
        if site.kind is Kind.RESID_POST and site.layer is not None and site.layer + 1 < model.shape.n_layers:
            written = Site(Kind.RESID_PRE, site.layer + 1)
        layer = written.layer or 0
        base = BaseRun.record(model, batch, {layer}, most=_ROWS)
        capability = Capability.of(base)
        if not capability.resumes:
            raise InterventionError(
                f"{model.name} cannot be taken up in the middle, and alignment rests on it: "
                + "; ".join(capability.reasons)
            )
        layer = layer if capability.layers else 0
        column = position if capability.columns else 0
        behind = written.kind in (Kind.ATTN_OUT, Kind.MLP_OUT, Kind.RESID_POST, Kind.MLP_IN)
        at_end = behind and written.layer == model.shape.n_layers - 1
        kept = replace(
            base,
            streams={key: value for key, value in base.streams.items() if layer},
            keys=_before(base.keys, column, layer),
            values=_before(base.values, column, layer),
        )
        states = torch.cat([model.run_with_cache(part, [site])[site][:, position] for part in _parts(batch)])
        choice = torch.tensor([*tokens], device=model.device)
        return cls(
            kept, states, base.logits[:, choice], written, layer, column, position - column,
            capability.only_answers and not at_end, choice,
        )  # fmt: skip

    def answers(
        self, prompts: Int[Tensor, " row"], written: Float[Tensor, "row d_model"]
    ) -> Float[Tensor, "row label"]:
        """Logits of the labels after some prompts, with activations written at the site and position."""
        with torch.no_grad():
            return torch.cat(
                [
                    self.base.resume(rows, *self._how(rows, values), only_answers=self.only_answers)[:, self.tokens]
                    for rows, values in zip(torch.split(prompts, _ROWS), torch.split(written, _ROWS), strict=True)
                ]
            )

    def answers_differentiably(
        self, prompts: Int[Tensor, " row"], written: Float[Tensor, "row d_model"]
    ) -> Float[Tensor, "row label"]:
        """Like ``answers``, and they can be differentiated by what is written."""
        logits = self.base.resume_differentiably(prompts, *self._how(prompts, written), only_answers=self.only_answers)
        return logits[:, self.tokens]

    def _how(self, prompts: Tensor, written: Tensor) -> tuple[Tensor, int, list[Intervention]]:
        columns = self.base.batch.tokens.shape[1] - self.column
        where = torch.zeros(len(prompts), columns, dtype=torch.bool, device=prompts.device)
        where[:, self.depth] = True
        edit = Intervention(self.site, Replacement(self.site, written[:, None]), where)
        return torch.full_like(prompts, self.layer), self.column, [edit]


def _parts(batch: TokenBatch) -> list[TokenBatch]:
    rows = torch.arange(len(batch), device=batch.tokens.device)
    return [batch.select(part) for part in torch.split(rows, _ROWS)]


def _before(tensors: tuple[Tensor, ...], column: int, layer: int) -> tuple[Tensor, ...]:
    """Keys or values of the columns before one; those of layers that are not run anew take no memory."""
    return tuple(
        tensor[..., :column, :].clone() if index >= layer else tensor.new_zeros(1).expand_as(tensor[..., :column, :])
        for index, tensor in enumerate(tensors)
    )
