"""Roles of heads: how much each attends as a previous-token, duplicate-token or induction head does."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from jackfield.errors import ConfigError, TaskError
from jackfield.hooked_model import HookedModel
from jackfield.sites import Kind, Site
from jackfield.statistics import Resamples, false_discovery_rate, paired_p_values
from jackfield.token_batch import TokenBatch

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["HeadRoles", "Role", "head_roles"]

Floats = NDArray[np.float64]

_LEAST = 0.1
_AT_ONCE = 16


class Role(StrEnum):
    """What a head attends to, from the second copy of some random tokens that come twice."""

    PREVIOUS = "previous"
    """The token before."""
    DUPLICATE = "duplicate"
    """The same token in the first copy."""
    INDUCTION = "induction"
    """What followed the same token in the first copy."""
    ITSELF = "itself"
    """The token itself."""
    START = "start"
    """The first token of all, where heads with nothing to do often look."""


@dataclass(frozen=True, eq=False)
class HeadRoles:
    """How much of its attention each head of a model spends as each role does.

    Parameters
    ----------
    model
        Name of the model.
    scores, low, high
        Mean share of attention over sequences, and the ends of its 95 % bootstrap interval, ``[role, layer, head]``.
    control
        For duplicate and induction the same share where the first copy holds other tokens; for the others that of
        attention to all tokens alike. ``[role, layer, head]``.
    q_value
        Of a paired test of share against control, corrected over all heads and roles, ``[role, layer, head]``.
    """

    model: str
    scores: Floats
    low: Floats
    high: Floats
    control: Floats
    q_value: Floats

    @property
    def heads(self) -> tuple[Site, ...]:
        """All heads, layer by layer."""
        _, layers, heads = self.scores.shape
        return tuple(Site(Kind.HEAD_OUT, layer, head) for layer in range(layers) for head in range(heads))

    def profile(self, head: Site) -> Floats:
        """The scores of one head, ``[role]``.

        Raises
        ------
        ConfigError
            If the model has no such head.
        """
        if head not in self.heads:
            raise ConfigError(f"{self.model} has no head {head}; heads are spelled like {self.heads[0]}")
        found: Floats = self.scores[:, head.layer, head.head]
        return found

    def holders(self, role: Role, least: float = _LEAST) -> tuple[Site, ...]:
        """The heads that have a role, the one that has it most first.

        Parameters
        ----------
        role
            The role.
        least
            By how much its share has to exceed its control. With many sequences any difference is significant, also one
            that does not matter.
        """
        index = list(Role).index(role)
        significant = (self.q_value[index] <= 0.05) & (self.low[index] > self.control[index] + least)
        order = np.argsort(-self.scores[index], axis=None, kind="stable")
        return tuple(self.heads[place] for place in order if significant.flat[place])

    def to_frame(self) -> pd.DataFrame:
        """One row for each head and role, the strongest first."""
        import pandas as pd

        names = ("score", "low", "high", "control", "q_value")
        values = (self.scores, self.low, self.high, self.control, self.q_value)
        frame = pd.DataFrame({name: column.ravel() for name, column in zip(names, values, strict=True)})
        frame.insert(0, "head", [str(head) for head in self.heads] * len(Role))
        frame.insert(1, "role", [role.value for role in Role for _ in self.heads])
        return frame.sort_values("score", ascending=False, kind="stable", ignore_index=True)


def head_roles(model: HookedModel, sequences: int = 64, length: int = 12, seed: int = 0) -> HeadRoles:
    """Measure the roles of all heads on random tokens that come twice.

    Parameters
    ----------
    model
        The model.
    sequences
        How many to draw.
    length
        How many different tokens each holds; every sequence has them twice.
    seed
        Fixes the tokens and the bootstrap.

    Raises
    ------
    ConfigError
        If there are fewer than 8 sequences, or sequences of fewer than 4 tokens.
    TaskError
        If the model's vocabulary or context is too small.

    Examples
    --------
    >>> from jackfield.testing import known_circuits
    >>> roles = head_roles(known_circuits()["induction"]().model, sequences=16, length=5)
    >>> [str(head) for head in roles.holders(Role.INDUCTION)]
    ['a1.h2']
    """
    if sequences < 8 or length < 4:
        raise ConfigError(f"roles need 8 sequences of 4 tokens or more, got {sequences} of {length}")
    rng = np.random.default_rng(seed)
    start: list[int] = model.tokenizer("")["input_ids"]
    words = sorted(set(range(model.shape.d_vocab)) & set(model.tokenizer.get_vocab().values()))
    words = [word for word in words if word not in model.tokenizer.all_special_ids]
    if len(words) < 2 * length or len(start) + 2 * length > model.shape.n_ctx:
        raise TaskError(
            f"sequences of twice {length} tokens need {2 * length} words and as much context; {model.name} has "
            f"{len(words)} words and a context of {model.shape.n_ctx}: ask for a smaller length"
        )
    drawn = np.stack([rng.permutation(words)[: 2 * length] for _ in range(sequences)])
    second, other = drawn[:, :length], drawn[:, length:]
    repeated, unrepeated = (
        _shares(model, np.concatenate([np.tile(start, (sequences, 1)).astype(int), first, second], 1), length)
        for first in (second, other)
    )
    reach = len(start) + length + np.arange(length) + 1
    uniform = np.full_like(repeated, (1 / reach).mean())
    needs_repeat = np.array([role in (Role.DUPLICATE, Role.INDUCTION) for role in Role])
    control = np.where(needs_repeat[:, None, None, None], unrepeated, uniform)
    flat = repeated.reshape(-1, sequences)
    interval = Resamples.draw(sequences, rng).interval(flat, np.ones(sequences))
    p_values = paired_p_values(flat, control.reshape(-1, sequences))
    shape = repeated.shape[:-1]
    return HeadRoles(
        model.name, repeated.mean(-1), interval.low.reshape(shape), interval.high.reshape(shape), control.mean(-1),
        false_discovery_rate(p_values).reshape(shape),
    )  # fmt: skip


def _shares(model: HookedModel, tokens: NDArray[np.int64], length: int) -> Floats:
    """The mean share of attention from the last ``length`` tokens, ``[role, layer, head, sequence]``."""
    sites = [Site(Kind.PATTERN, layer) for layer in range(model.shape.n_layers)]
    rows = torch.from_numpy(tokens).to(model.device)
    found = []
    for part in torch.split(rows, _AT_ONCE):
        run = model.run_with_cache(TokenBatch(part, torch.ones_like(part, dtype=torch.bool)), sites)
        patterns = torch.stack([run[site] for site in sites]).double()
        found.append(torch.stack([_read(patterns, role, length) for role in Role]))
    joined: Floats = torch.cat(found, -1).cpu().numpy()
    return joined


def _read(
    patterns: Float[Tensor, "layer batch head query key"], role: Role, length: int
) -> Float[Tensor, "layer head batch"]:
    columns = patterns.shape[-1]
    queries = torch.arange(columns - length, columns, device=patterns.device)
    keys = {
        Role.PREVIOUS: queries - 1, Role.DUPLICATE: queries - length, Role.INDUCTION: queries - length + 1,
        Role.ITSELF: queries, Role.START: torch.zeros_like(queries),
    }[role]  # fmt: skip
    return patterns[..., queries, keys].mean(-1).transpose(1, 2)
