"""Greedy continuations of prompts, with interventions that act on the prompt, and others on every new token."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from transformers.cache_utils import DynamicCache

from jackfield.errors import TaskError
from jackfield.hooked_model import HookedModel
from jackfield.interventions import Intervention
from jackfield.token_batch import TokenBatch

__all__ = ["generate"]


def generate(
    model: HookedModel,
    batch: TokenBatch,
    tokens: int,
    interventions: Sequence[Intervention] = (),
    afterwards: Sequence[Intervention] = (),
) -> list[list[int]]:
    """The likeliest token, again and again.

    Interventions act while the prompt is read. What they change reaches the continuation through the keys and values
    that are kept; new tokens are computed with nothing hooked but what is to be done to each of them.

    Parameters
    ----------
    model, batch
        The model and its prompts, whose last column holds a real token of each.
    tokens
        How many tokens are appended to each.
    interventions
        What is done to the prompts.
    afterwards
        What is done to every new token from which another one follows, ``[batch, 1]``.

    Returns
    -------
    list
        For each prompt its new token ids, cut before an end-of-sequence token.

    Raises
    ------
    TaskError
        If prompts are padded on the right, prompt and continuation do not fit into the model's context, or the model
        keeps no keys and values.

    Examples
    --------
    >>> from jackfield import load_model
    >>> model = load_model("fieldmouse")
    >>> [tokens] = generate(model, model.tokenize(["anna 's boss 's sport"]), 4)
    >>> model.text(tokens)
    "skiing . boris 's"
    """
    if not bool(batch.mask[:, -1].all()):
        raise TaskError("prompts that are continued end in the same column; pad them on the left")
    columns = batch.tokens.shape[1]
    if tokens < 1 or columns + tokens > model.shape.n_ctx:
        raise TaskError(
            f"{tokens} new tokens were asked for behind {columns}; {model.name} takes at most {model.shape.n_ctx} "
            "in all, and at least one is to be new"
        )
    cache, mask, positions = DynamicCache(), batch.mask.long(), batch.position_ids
    logits = _forward(model, batch.tokens, mask, positions, cache, interventions)
    if cache.get_seq_length() != columns:
        raise TaskError(f"{model.identity.architecture} keeps no keys and values that a prompt could be continued from")
    found = [logits.argmax(-1)]
    position = batch.lengths[:, None]
    for step in range(tokens - 1):
        mask = torch.cat([mask, mask.new_ones(len(mask), 1)], -1)
        found.append(_forward(model, found[-1][:, None], mask, position + step, cache, afterwards).argmax(-1))
    return [_until(row, model.end_token) for row in torch.stack(found, -1).tolist()]


def _forward(
    model: HookedModel,
    tokens: Tensor,
    mask: Tensor,
    positions: Tensor,
    cache: DynamicCache,
    interventions: Sequence[Intervention],
) -> Tensor:
    """Logits at the last column, ``[prompt, d_vocab]``; the cache grows by the tokens given."""
    with model.hooked(interventions, ()):
        logits: Tensor = model.bridge(
            tokens, attention_mask=mask, position_ids=positions, past_key_values=cache, use_cache=True
        )
    return logits[:, -1]


def _until(tokens: list[int], end: int | None) -> list[int]:
    return tokens[: tokens.index(end)] if end in tokens else tokens
