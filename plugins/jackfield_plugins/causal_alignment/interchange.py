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

__all__ = ["Interchange", "Recording"]

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
        """Run some prompts and keep what swaps at a site and position need; the errors are those of a recording."""
        return Recording.of(model, batch, site).at(position, tokens)

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


@dataclass(frozen=True, eq=False)
class Recording:
    """Some prompts that were run once, with what stood at one site at every position.

    Parameters
    ----------
    base
        The run of all prompts.
    states
        What stood at the site, ``[prompt, column, d_model]``.
    site
        Where activations are written; ``resid_pre`` of the next layer in the place of ``resid_post``.
    capability
        Where the run can be taken up.
    """

    base: BaseRun
    states: Float[Tensor, "prompt column d_model"]
    site: Site
    capability: Capability

    @classmethod
    def of(cls, model: HookedModel, batch: TokenBatch, site: Site) -> Recording:
        """Run some prompts.

        Parameters
        ----------
        model, batch
            What to run on what; all prompts have the same length.
        site
            Where activations are taken from and written to.

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
        seen: list[Tensor] = []

        def see(activation: Tensor) -> Tensor:
            seen.append(activation.detach().clone())
            return activation

        base = BaseRun.record(model, batch, {written.layer or 0}, lambda _: [Intervention(site, see)], most=_ROWS)
        capability = Capability.of(base)
        if not capability.resumes:
            raise InterventionError(
                f"{model.name} cannot be taken up in the middle, and alignment rests on it: "
                + "; ".join(capability.reasons)
            )
        return cls(base, torch.cat(seen), written, capability)

    def at(self, position: int, tokens: Sequence[int]) -> Interchange:
        """The part of the network that follows a position.

        Parameters
        ----------
        position
            The token, counted from 0.
        tokens
            Token ids of the labels.
        """
        base, site = self.base, self.site
        layer = (site.layer or 0) if self.capability.layers else 0
        column = position if self.capability.columns else 0
        behind = site.kind in (Kind.ATTN_OUT, Kind.MLP_OUT, Kind.RESID_POST, Kind.MLP_IN)
        at_end = behind and site.layer == base.model.shape.n_layers - 1
        kept = replace(
            base,
            streams={key: value for key, value in base.streams.items() if layer},
            keys=_before(base.keys, column, layer),
            values=_before(base.values, column, layer),
        )
        choice = torch.tensor([*tokens], device=base.model.device)
        return Interchange(
            kept, self.states[:, position].clone(), base.logits[:, choice], site, layer, column, position - column,
            self.capability.only_answers and not at_end, choice,
        )  # fmt: skip


def _before(tensors: tuple[Tensor, ...], column: int, layer: int) -> tuple[Tensor, ...]:
    """Keys or values of the columns before one; those of layers that are not run anew take no memory."""
    return tuple(
        tensor[..., :column, :].clone() if index >= layer else tensor.new_zeros(1).expand_as(tensor[..., :column, :])
        for index, tensor in enumerate(tensors)
    )
