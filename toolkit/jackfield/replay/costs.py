"""What resuming costs, in multiply-adds and in bytes, known before it is done."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from jackfield.replay.base_run import BaseRun
from jackfield.sites import Gate
from jackfield.wiring import ModelShape

__all__ = ["Costs"]

_SCORE_COPIES = 4
_STREAM_COPIES = 8
_HIDDEN_COPIES = 5
_LOGIT_COPIES = 3


@dataclass(frozen=True)
class Costs:
    """What a row costs that is resumed at a layer and column.

    Parameters
    ----------
    shape
        The model's sizes.
    columns
        Columns of the base batch.
    per_token
        Multiply-adds of a layer's weights at one token.
    item
        Bytes of a number of the model's dtype.
    """

    shape: ModelShape
    columns: int
    per_token: int
    item: int

    @classmethod
    def of(cls, base: BaseRun, item: int) -> Costs:
        """The costs that the multiply-adds of a base run imply."""
        shape = base.model.shape
        prompts, columns = base.batch.tokens.shape
        attention = 2 * shape.n_heads * shape.d_head * columns * columns
        weights = base.multiply_adds // prompts - shape.d_model * shape.d_vocab - shape.n_layers * attention
        return cls(shape, columns, max(0, weights // (shape.n_layers * columns)), item)

    def multiply_adds(self, layer: int, column: int, answers: int = 1, *, only_answers: bool = False) -> int:
        """Of one row from a layer and column on, with the logits of ``answers`` tokens.

        With ``only_answers``, the last block computes its output at those tokens alone.
        """
        shape, length = self.shape, self.columns - column
        attention = 2 * shape.n_heads * shape.d_head * length * self.columns
        heads_in = shape.d_model * shape.d_head * (shape.n_heads + 2 * shape.n_key_value_heads)
        spared = (length - answers) * (self.per_token - heads_in) if only_answers else 0
        layers = (shape.n_layers - layer) * (length * self.per_token + attention)
        return layers - spared + answers * shape.d_model * shape.d_vocab

    def row_bytes(self, column: int, gates: Collection[Gate] = (), answers: int = 1) -> int:
        """The most that one row takes while it is computed from a column on: an estimate from above."""
        shape, length = self.shape, self.columns - column
        heads = shape.n_heads * shape.d_head
        hidden = max(0, self.per_token - 2 * shape.d_model * (heads + shape.n_key_value_heads * shape.d_head))
        stream = length * (_STREAM_COPIES * shape.d_model + 4 * heads + _HIDDEN_COPIES * hidden // (2 * shape.d_model))
        split = sum(3 if gate is Gate.SPLIT_INPUT else 1 for gate in gates if gate is not Gate.MLP_INPUT)
        forks = 2 * split * length * shape.n_heads * shape.d_model
        keys = 4 * heads * self.columns
        scores = length * self.columns * (shape.n_heads * _SCORE_COPIES + 2)
        logits = _LOGIT_COPIES * answers * shape.d_vocab
        return (stream + forks + keys) * self.item + (scores + logits) * max(4, self.item)
