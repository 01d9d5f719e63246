"""Tokenizers whose tokens are words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

__all__ = ["word_rules", "word_tokenizer"]


def word_rules(words: Sequence[str]) -> Tokenizer:
    """Split at white space, and put the token that begins a sequence first.

    Parameters
    ----------
    words
        The vocabulary; a word's index is its token id. It begins with the tokens for padding, for the beginning of a
        sequence and for unknown words.
    """
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    padding, beginning, unknown = words[:3]
    ids = {word: index for index, word in enumerate(words)}
    rules = Tokenizer(models.WordLevel(ids, unk_token=unknown))
    rules.add_special_tokens([padding, beginning, unknown])
    rules.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    rules.post_processor = processors.TemplateProcessing(
        single=f"{beginning} $A", special_tokens=[(beginning, ids[beginning])]
    )
    return rules


def word_tokenizer(words: Sequence[str]) -> PreTrainedTokenizerFast:
    """The tokenizer, as ``transformers`` uses it, that follows ``word_rules``.

    Examples
    --------
    >>> word_tokenizer(["<pad>", "<bos>", "<unk>", "good", "morning"])("good evening")["input_ids"]
    [1, 3, 2]
    """
    import transformers

    maker: Any = transformers.PreTrainedTokenizerFast
    padding, beginning, unknown = words[:3]
    tokenizer: PreTrainedTokenizerFast = maker(
        tokenizer_object=word_rules(words),
        pad_token=padding, bos_token=beginning, eos_token=beginning, unk_token=unknown,
    )  # fmt: skip
    return tokenizer
