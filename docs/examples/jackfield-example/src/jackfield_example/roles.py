"""What each role is: the tokens that a head of that role looks at, and how much it does."""

from __future__ import annotations

import torch
from torch import Tensor

from jackfield import HookedModel, Kind, Site, TokenBatch

__all__ = ["ROLES", "scores"]

ROLES = ("previous", "duplicate", "induction", "retrieval")


def targets(batch: TokenBatch, said: Tensor) -> tuple[dict[str, Tensor], Tensor]:
    """Where heads of each role look from every token, and what a token sees at all, ``[prompt, token, key]``.

    ``said [prompt, token]`` is the model's likeliest next token.
    """
    columns = torch.arange(batch.tokens.shape[1], device=batch.tokens.device)
    token, key = columns[:, None], columns[None, :]
    seen = batch.mask[:, :, None] & batch.mask[:, None, :] & (key <= token)
    duplicate = (batch.tokens[:, :, None] == batch.tokens[:, None, :]) & seen & (key < token)
    roles = {
        "previous": seen & (key == token - 1),
        "duplicate": duplicate,
        "induction": duplicate.roll(1, dims=2) & seen,
        "retrieval": seen & (batch.tokens[:, None, :] == said[:, :, None]),
    }
    return roles, seen


def scores(model: HookedModel, batch: TokenBatch) -> tuple[Tensor, Tensor]:
    """How far each head plays each role, ``[role, layer, head, prompt]``, and the control, ``[role, prompt]``.

    A score is the attention on the role's targets, averaged over the tokens that have one; for retrieval it is the
    share of them from which the head's strongest attention lies on a target. The control is what targets get that are
    placed at random among the tokens that are seen; the average over all placements is exact, whatever the head does.
    """
    sites = [Site(Kind.PATTERN, layer) for layer in range(model.shape.n_layers)]
    run = model.run_with_cache(batch, sites)
    roles, seen = targets(batch, run.logits.argmax(-1))
    found, control = [], []
    for role, target in roles.items():
        has_one = target.any(-1).double()
        weight = has_one / has_one.sum(-1, keepdim=True).clamp(min=1)
        control.append((weight * target.sum(-1) / seen.sum(-1).clamp(min=1)).sum(-1))
        found.append(
            torch.stack(
                [_on(target, weight, _attention(run[site], seen, strongest=role == "retrieval")) for site in sites]
            )
        )
    return torch.stack(found).cpu(), torch.stack(control).cpu()


def _attention(pattern: Tensor, seen: Tensor, *, strongest: bool) -> Tensor:
    """The pattern where there is something to see, ``[prompt, head, token, key]``; all on its maximum if wanted."""
    pattern = torch.where(seen[:, None], pattern.double(), 0)
    return torch.nn.functional.one_hot(pattern.argmax(-1), pattern.shape[-1]).double() if strongest else pattern


def _on(target: Tensor, weight: Tensor, attention: Tensor) -> Tensor:
    """Attention on targets, averaged over tokens, ``[head, prompt]``."""
    return torch.einsum("phtk,ptk,pt->hp", attention, target.double(), weight)
