"""Pairs correspond token by token, and their parts stay together."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from jackfield.errors import AlignmentError, TaskError
from jackfield.hooked_model import HookedModel
from jackfield.pairs import END, PairBatch, PromptPair
from jackfield.side_questions import SideQuestion
from jackfield.token_batch import PaddingSide, TokenBatch

NAMES = ("anna", "ben", "clara", "dan", "ella", "felix")


def pair(giver: str, other: str, template: str = "short") -> PromptPair:
    """``giver`` gives to ``other``; corrupted, it is the other way round."""
    tail = "gave a drink to" if template == "short" else "gave a drink from the store to"
    clean, corrupted = (f"when {other} and {giver} went to the store {name} {tail}" for name in (giver, other))
    return PromptPair(clean, corrupted, (other,), (giver,), {"S2": 8, "verb": 9}, template)


PAIRS = [pair("anna", "ben"), pair("clara", "dan", "long"), pair("ella", "felix"), pair("ben", "anna", "long")]


@pytest.fixture(scope="module")
def one_batch(gpt2: HookedModel) -> PairBatch:
    return PairBatch.tokenize(gpt2, PAIRS)


@pytest.fixture(scope="module")
def six(gpt2: HookedModel) -> PairBatch:
    """Three pairs of each of two templates; none shares words with another of its template."""
    pairs = [pair(NAMES[i], NAMES[i + 1], template) for template in ("short", "long") for i in (0, 2, 4)]
    return PairBatch.tokenize(gpt2, pairs)


@pytest.fixture(params=["right", "left"])
def batch(request: pytest.FixtureRequest, gpt2: HookedModel) -> PairBatch:
    side: PaddingSide = request.param
    return PairBatch.tokenize(gpt2, PAIRS, ["zebra"], side)


def words_at(model: HookedModel, batch: PairBatch, prompts: TokenBatch, name: str) -> list[str]:
    tokens = prompts.tokens[prompts.at(batch.positions[name])].tolist()
    return [model.token_text(token) for token in tokens]


def test_named_positions_lead_to_their_words_under_either_padding(batch: PairBatch, gpt2: HookedModel) -> None:
    assert words_at(gpt2, batch, batch.clean, "S2") == ["anna", "clara", "ella", "ben"]
    assert words_at(gpt2, batch, batch.corrupted, "S2") == ["ben", "dan", "felix", "anna"]
    assert words_at(gpt2, batch, batch.clean, "verb") == ["gave"] * 4
    assert words_at(gpt2, batch, batch.clean, END) == ["to"] * 4
    assert torch.equal(batch.clean.columns(batch.positions[END]), batch.clean.last_columns)


def test_answers_and_foils_are_the_tokens_of_their_words(batch: PairBatch, gpt2: HookedModel) -> None:
    for row, each in enumerate(PAIRS):
        assert [gpt2.token_text(token) for token in batch.answers[row].nonzero().flatten().tolist()] == list(
            each.answers
        )
        assert [gpt2.token_text(token) for token in batch.foils[row].nonzero().flatten().tolist()] == list(each.foils)


def test_a_batch_remembers_what_it_was_made_from(batch: PairBatch) -> None:
    assert (len(batch), batch.drawn, batch.dropped_words, batch.pairs) == (4, 4, ("zebra",), tuple(PAIRS))


def test_several_answers_and_negative_positions_are_understood(gpt2: HookedModel) -> None:
    each = replace(PAIRS[0], answers=("ben", "dan"), positions={"last": -1, "second": 1})
    batch = PairBatch.tokenize(gpt2, [each, each])
    assert batch.answers.sum(-1).tolist() == [2, 2]
    assert words_at(gpt2, batch, batch.clean, "last") == ["to", "to"]
    assert words_at(gpt2, batch, batch.clean, "second") == ["ben", "ben"]


@given(st.lists(st.integers(0, 3), min_size=1, max_size=6))
def test_selecting_rows_keeps_everything_together(one_batch: PairBatch, rows: list[int]) -> None:
    part = one_batch.select(rows)
    assert part.pairs == tuple(PAIRS[row] for row in rows)
    for whole, chosen in (
        *((one_batch.positions[name], part.positions[name]) for name in one_batch.positions),
        (one_batch.clean.tokens, part.clean.tokens),
        (one_batch.clean.mask, part.clean.mask),
        (one_batch.corrupted.tokens, part.corrupted.tokens),
        (one_batch.corrupted.mask, part.corrupted.mask),
        (one_batch.answers, part.answers),
        (one_batch.foils, part.foils),
    ):
        assert torch.equal(whole[rows], chosen)
    assert part.drawn == one_batch.drawn


@given(st.integers(0, 1000), st.integers(2, 6))
def test_halves_share_no_row_and_split_every_template(six: PairBatch, seed: int, count: int) -> None:
    batch = six.select(range(count))
    left, right = batch.half_rows(random.Random(seed))
    assert sorted([*left, *right]) == list(range(count))
    assert abs(len(left) - len(right)) <= 1
    for template in ("short", "long"):
        here, there = ([row for row in rows if batch.pairs[row].template == template] for rows in (left, right))
        assert abs(len(here) - len(there)) <= 1
    assert batch.half_rows(random.Random(seed)) == (left, right)


@given(st.integers(0, 1000))
def test_an_unrelated_prompt_is_another_of_the_same_template_with_other_words(six: PairBatch, seed: int) -> None:
    rows = six.unrelated_rows(random.Random(seed))
    for row, other in enumerate(rows):
        mine, theirs = six.pairs[row], six.pairs[other]
        assert other != row
        assert theirs.template == mine.template
        assert {*mine.answers, *mine.foils}.isdisjoint(theirs.answers + theirs.foils)
    assert rows == six.unrelated_rows(random.Random(seed))


def test_related_words_will_do_where_there_are_no_others(gpt2: HookedModel) -> None:
    batch = PairBatch.tokenize(gpt2, [pair("anna", "ben"), pair("ben", "anna")])
    assert batch.unrelated_rows(random.Random(0)) == [1, 0]


def test_a_template_that_occurs_once_has_no_unrelated_prompt(gpt2: HookedModel) -> None:
    batch = PairBatch.tokenize(gpt2, PAIRS[:3])
    with pytest.raises(AlignmentError, match="it alone has template 'long'; use more pairs"):
        batch.unrelated_rows(random.Random(0))


def test_prompts_of_unequal_length_are_refused(gpt2: HookedModel) -> None:
    longer = replace(PAIRS[0], corrupted=PAIRS[0].corrupted + " the")
    with pytest.raises(AlignmentError, match=r"equal token lengths pair by pair: \[14, 14\] against \[14, 15\]"):
        PairBatch.tokenize(gpt2, [PAIRS[2], longer])


@pytest.mark.parametrize("word", ["xylophone", "anna ben", "anna?"])
@pytest.mark.parametrize("field", ["answers", "foils"])
def test_a_continuation_that_is_not_one_token_is_refused(gpt2: HookedModel, word: str, field: str) -> None:
    bad = replace(PAIRS[0], **{field: (word,)})
    with pytest.raises(TaskError, match=r"after 'when ben .*' is not a single token of tiny-gpt2") as refused:
        PairBatch.tokenize(gpt2, [PAIRS[1], bad])
    assert repr(word) in str(refused.value)


@pytest.mark.parametrize("field", ["answers", "foils"])
def test_a_pair_without_answer_or_foil_is_refused(gpt2: HookedModel, field: str) -> None:
    with pytest.raises(TaskError, match="needs at least one answer and one foil"):
        PairBatch.tokenize(gpt2, [replace(PAIRS[0], **{field: ()})])


@pytest.mark.parametrize("word", [13, -14])
def test_a_position_beyond_the_prompt_is_refused(gpt2: HookedModel, word: int) -> None:
    with pytest.raises(AlignmentError, match=f"word {word} named in a prompt of 13 words"):
        PairBatch.tokenize(gpt2, [replace(PAIRS[0], positions={"S2": word})])


def test_pairs_that_name_different_positions_are_refused(gpt2: HookedModel) -> None:
    with pytest.raises(TaskError, match=r"need the same named positions; 'when .*' lacks \{'S2'\}"):
        PairBatch.tokenize(gpt2, [PAIRS[0], replace(PAIRS[1], positions={"verb": 9})])


def test_tokens_that_run_across_a_named_word_are_refused(gpt2: HookedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some tokenizers join a word with the next one; then no token ends where the word does."""
    tokenize = gpt2.tokenize

    def joining(prompts: list[str], padding_side: PaddingSide = "right") -> TokenBatch:
        return tokenize(
            [prompt.replace("anna gave", "anna-gave").replace("ben gave", "ben-gave") for prompt in prompts]
        )

    monkeypatch.setattr(gpt2, "tokenize", joining)
    with pytest.raises(AlignmentError, match=r"do not break after word 8, 'anna'"):
        PairBatch.tokenize(gpt2, [PAIRS[0]])


def test_the_digest_tells_other_pairs_and_another_order_apart(one_batch: PairBatch) -> None:
    again = one_batch.select(range(len(one_batch)))
    assert again.digest == one_batch.digest
    assert len({one_batch.digest, one_batch.select([1, 0, 2, 3]).digest, one_batch.select([0, 1, 2]).digest}) == 3


def test_batches_that_are_joined_keep_every_row(gpt2: HookedModel) -> None:
    for sides in (("right", "right"), ("left", "left"), ("right", "left")):
        short, long = PAIRS[:1], PAIRS[1:]
        first, second = (
            PairBatch.tokenize(gpt2, some, (), side) for some, side in zip((short, long), sides, strict=True)
        )
        whole, both = PairBatch.tokenize(gpt2, PAIRS), first.joined(second)
        assert both.pairs == whole.pairs
        assert torch.equal(both.answers, whole.answers)
        assert torch.equal(both.clean.lengths, whole.clean.lengths)
        for name, positions in whole.positions.items():
            assert torch.equal(both.positions[name], positions)
            assert words_at(gpt2, both, both.corrupted, name) == words_at(gpt2, whole, whole.corrupted, name)


def test_batches_that_name_different_positions_are_not_joined(one_batch: PairBatch) -> None:
    other = replace(one_batch, positions={END: one_batch.positions[END]})
    with pytest.raises(AlignmentError, match="name the same positions"):
        one_batch.joined(other)


def test_side_questions_are_part_of_a_digest_only_where_there_are_some(one_batch: PairBatch) -> None:
    hop = SideQuestion("first hop", "when anna", ("went",))
    asked = replace(one_batch, pairs=tuple(replace(each, hops=(hop,)) for each in PAIRS))
    assert asked.digest != one_batch.digest
    assert "hops" not in one_batch.pairs[0].stated
    assert asked.pairs[0].stated["hops"][0]["name"] == "first hop"
