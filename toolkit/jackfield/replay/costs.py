"""What resuming costs, in multiply-adds and in bytes, known before it is done."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from jackfield.hooked_model import HookedModel
from jackfield.replay.base_run import BaseRun
from jackfield.sites import Gate
from jackfield.wiring import ModelShape

__all__ = ["Costs"]

_STREAM_COPIES = 6
_HEAD_COPIES = 2
_SCORE_COPIES = 3
_HIDDEN_COPIES = 4
"""Tensors of these sizes that were seen to be alive together, in gpt2 and llama-like models."""

_FORKS = {Gate.HEAD_RESULT: 2, Gate.SPLIT_INPUT: 6, Gate.MLP_INPUT: 0}
"""Copies of the stream for every head that an open gate makes."""


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
    def of(cls, base: BaseRun) -> Costs:
        """The costs that the multiply-adds of a base run imply."""
        shape = base.model.shape
        prompts, columns = base.batch.tokens.shape
        attention = 2 * shape.n_heads * shape.d_head * columns * columns
        weights = base.multiply_adds // prompts - shape.d_model * shape.d_vocab - shape.n_layers * attention
        per_token = max(0, weights // (shape.n_layers * columns))
        return replace(cls.expected(base.model, columns), per_token=per_token)

    @classmethod
    def expected(cls, model: HookedModel, columns: int) -> Costs:
        """The costs that the model's weights imply, known before anything is run."""
        matrices = [
            sum(weight.numel() for weight in block.parameters() if weight.ndim == 2) for block in model.bridge.blocks
        ]
        item = next(model.bridge.original_model.parameters()).element_size()
        return cls(model.shape, columns, max(matrices), item)

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
        """The most that one row takes while it is computed from a column on: an estimate from above.

        The stream stays throughout; attention, the MLP and the logits come one after the other, so the largest counts.
        """
        shape, length = self.shape, self.columns - column
        heads, pairs = shape.n_heads * shape.d_head, 2 * shape.n_key_value_heads * shape.d_head
        hidden = max(0, self.per_token - shape.d_model * (2 * heads + pairs)) // (2 * shape.d_model)
        forks = sum(_FORKS[gate] for gate in gates) * length * shape.n_heads * shape.d_model
        keys = self.columns * ((2 * pairs if column else 0) + (2 * heads if 2 * heads > pairs else 0))
        scores = _SCORE_COPIES * shape.n_heads * length * self.columns * max(4, self.item)
        attention = self.item * (length * _HEAD_COPIES * (heads + pairs) + keys + forks) + scores
        mlp = self.item * length * _HIDDEN_COPIES * hidden
        logits = answers * shape.d_vocab * (self.item + (4 if self.item < 4 else 0))
        return self.item * length * _STREAM_COPIES * shape.d_model + max(attention, mlp, logits)
