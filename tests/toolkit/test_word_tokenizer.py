"""Tokens are words, and nothing else is done to them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from jackfield.organism.world import vocabulary
from jackfield.word_tokenizer import word_tokenizer

WORDS = ["<pad>", "<bos>", "<unk>", "good", "morning!", "x"]
TOKENIZER = word_tokenizer(WORDS)


@given(st.lists(st.sampled_from(WORDS[2:]), max_size=6))
def test_a_prompt_is_the_beginning_and_then_its_words(words: list[str]) -> None:
    assert TOKENIZER(" ".join(words))["input_ids"] == [1, *map(WORDS.index, words)]


def test_unknown_words_and_padding_have_tokens_of_their_own() -> None:
    assert TOKENIZER("Good morning")["input_ids"] == [1, 2, 2]
    assert (TOKENIZER.pad_token_id, TOKENIZER.bos_token_id, TOKENIZER.unk_token_id) == (0, 1, 2)


def test_the_vocabulary_of_the_embedded_model_has_its_special_tokens_first() -> None:
    tokenizer = word_tokenizer(vocabulary())
    assert len(tokenizer) == len(vocabulary())
    assert tokenizer.convert_ids_to_tokens([0, 1, 2]) == ["<pad>", "<bos>", "<unk>"]
