"""Prompts as a padded batch of tokens, in which a token's position never depends on the padding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from jackfield.errors import AlignmentError, TaskError

__all__ = ["PaddingSide", "TokenBatch"]

PaddingSide = Literal["left", "right"]


@dataclass(frozen=True, eq=False)
class TokenBatch:
    """Token ids of several prompts, padded to one length.

    Positions count a prompt's real tokens from 0; columns count places in the padded tensors. With padding on the left
    they differ, and this class is where one becomes the other.

    Parameters
    ----------
    tokens
        Token ids, ``[batch, column]``.
    mask
        True at real tokens, ``[batch, column]``.
    """

    tokens: Int[Tensor, "batch column"]
    mask: Bool[Tensor, "batch column"]

    @classmethod
    def from_rows(cls, rows: Sequence[Sequence[int]], pad: int, side: PaddingSide = "right") -> TokenBatch:
        """Pad rows of token ids to one length.

        Parameters
        ----------
        rows
            The token ids of each prompt.
        pad
            The token id to fill up with; any will do, since it is masked.
        side
            Where to fill up.

        Raises
        ------
        TaskError
            If there is no row, or an empty one.

        Examples
        --------
        >>> batch = TokenBatch.from_rows([[5, 6, 7], [8]], pad=0, side="left")
        >>> batch.tokens.tolist()
        [[5, 6, 7], [0, 0, 8]]
        >>> batch.columns([-1, 0]).tolist()
        [2, 2]
        """
        if not rows or min(map(len, rows)) == 0:
            raise TaskError("a batch needs at least one prompt, and every prompt at least one token")
        longest = max(map(len, rows))
        tokens = torch.full((len(rows), longest), pad)
        mask = torch.zeros(len(rows), longest, dtype=torch.bool)
        for index, row in enumerate(rows):
            columns = slice(longest - len(row), None) if side == "left" else slice(len(row))
            tokens[index, columns] = torch.tensor(row)
            mask[index, columns] = True
        return cls(tokens, mask)

    def __len__(self) -> int:
        return self.tokens.shape[0]

    @property
    def lengths(self) -> Int[Tensor, " batch"]:
        """Real tokens in each prompt."""
        return self.mask.sum(-1)

    @property
    def position_ids(self) -> Int[Tensor, "batch column"]:
        """The position of each column's token; 0 at padding."""
        return (self.mask.cumsum(-1) - 1).clamp(min=0)

    @property
    def last_columns(self) -> Int[Tensor, " batch"]:
        """The column of each prompt's last real token, where the answer is read."""
        columns = torch.arange(self.tokens.shape[1], device=self.tokens.device)
        return (columns * self.mask).argmax(-1)

    def columns(self, positions: Int[Tensor, " batch"] | Sequence[int]) -> Int[Tensor, " batch"]:
        """The column of one position in each prompt; negative positions count from the prompt's end.

        Raises
        ------
        AlignmentError
            If a prompt has no such position, or there is not one position per prompt.
        """
        wanted = torch.as_tensor(positions, device=self.tokens.device)
        if wanted.shape != (len(self),):
            raise AlignmentError(f"expected one position per prompt, [{len(self)}], got shape {list(wanted.shape)}")
        from_start = torch.where(wanted < 0, wanted + self.lengths, wanted)
        if bool(((from_start < 0) | (from_start >= self.lengths)).any()):
            raise AlignmentError(f"positions {wanted.tolist()} asked of prompts of {self.lengths.tolist()} tokens")
        return self.mask.int().argmax(-1) + from_start

    def at(self, positions: Int[Tensor, " batch"] | Sequence[int]) -> Bool[Tensor, "batch column"]:
        """A mask that is True at one position of each prompt; see ``columns``."""
        chosen = torch.zeros_like(self.mask)
        chosen[torch.arange(len(self)), self.columns(positions)] = True
        return chosen

    def select(self, rows: Int[Tensor, " chosen"] | Sequence[int]) -> TokenBatch:
        """The batch of some rows, in the order given."""
        index = torch.as_tensor(rows, device=self.tokens.device)
        return TokenBatch(self.tokens[index], self.mask[index])

    def left_padded(self) -> TokenBatch:
        """The same prompts with all padding on the left, so that they end in the same column.

        Examples
        --------
        >>> TokenBatch.from_rows([[5, 6, 7], [8]], pad=0).left_padded().tokens.tolist()
        [[5, 6, 7], [0, 0, 8]]
        """
        order = self.mask.int().argsort(dim=-1, stable=True)
        return TokenBatch(self.tokens.gather(-1, order), self.mask.gather(-1, order))

    def joined(self, other: TokenBatch) -> TokenBatch:
        """These prompts and behind them those of another batch; the narrower one is filled up on its padded side.

        Examples
        --------
        >>> short, long = TokenBatch.from_rows([[8]], pad=0), TokenBatch.from_rows([[5, 6, 7]], pad=0)
        >>> short.joined(long).tokens.tolist()
        [[8, 0, 0], [5, 6, 7]]
        """
        width = max(self.tokens.shape[1], other.tokens.shape[1])
        left = not bool(torch.cat([self.mask[:, 0], other.mask[:, 0]]).all())
        tokens, mask = (
            torch.cat([_filled(part, width, left=left) for part in parts])
            for parts in ((self.tokens, other.tokens), (self.mask, other.mask))
        )
        return TokenBatch(tokens, mask)

    def to(self, device: torch.device | str) -> TokenBatch:
        return TokenBatch(self.tokens.to(device), self.mask.to(device))

    def require_aligned_with(self, other: TokenBatch) -> None:
        """Raise ``AlignmentError`` unless both batches have real tokens in the same columns."""
        if self.mask.shape != other.mask.shape or not torch.equal(self.mask, other.mask):
            raise AlignmentError(
                f"prompts must have equal token lengths pair by pair: {self.lengths.tolist()} against "
                f"{other.lengths.tolist()}; reword them, or choose words that are single tokens"
            )


def _filled(values: Tensor, width: int, *, left: bool) -> Tensor:
    """Token ids or a mask with columns of zeros added."""
    more = width - values.shape[1]
    return torch.nn.functional.pad(values, (more, 0) if left else (0, more))
