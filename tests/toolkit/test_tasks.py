"""A task draws different pairs, the same for the same seed, of words that the model can say."""

from __future__ import annotations

import random

import pytest

from jackfield.errors import TaskError
from jackfield.hooked_model import HookedModel
from jackfield.pairs import PromptPair
from jackfield.tasks import PairMaker, Task, Words

NAMES = ("anna", "ben", "clara", "dan")


class Echo(Task):
    """The name that was said is said again."""

    name = "echo"
    description = "Whether the model repeats a name."
    positions = ("name",)

    def __init__(self, names: tuple[str, ...] = NAMES) -> None:
        self.names = names

    def pair_maker(self, words: Words) -> PairMaker:
        names = words.single(self.names)

        def make(draw: random.Random) -> PromptPair:
            said, other = draw.sample(names, 2)
            return PromptPair(f"{said} and", f"{other} and", (said,), (other,), {"name": 0})

        return make


def test_pairs_are_different_and_the_same_for_the_same_seed(gpt2: HookedModel) -> None:
    batch = Echo().pairs(gpt2, 8, 3)
    assert len({(pair.clean, pair.corrupted) for pair in batch.pairs}) == len(batch) == batch.drawn == 8
    assert Echo().pairs(gpt2, 8, 3).pairs == batch.pairs
    assert Echo().pairs(gpt2, 8, 4).pairs != batch.pairs


def test_more_pairs_begin_with_the_same_ones(gpt2: HookedModel) -> None:
    assert Echo().pairs(gpt2, 8, 3).pairs[:5] == Echo().pairs(gpt2, 5, 3).pairs


def test_padding_goes_where_it_is_asked_for(gpt2: HookedModel) -> None:
    assert Echo().pairs(gpt2, 2, 0, "left").clean.mask.all()


def test_more_pairs_than_there_are_is_an_error(gpt2: HookedModel) -> None:
    assert len(Echo().pairs(gpt2, 12, 0)) == 12
    with pytest.raises(TaskError, match="task 'echo' has no 13 different pairs on tiny-gpt2; it found 12"):
        Echo().pairs(gpt2, 13, 0)


@pytest.mark.parametrize("count", [1, 0, -3])
def test_fewer_than_two_pairs_are_an_error(gpt2: HookedModel, count: int) -> None:
    with pytest.raises(TaskError, match=f"task 'echo' was asked for {count} pairs; at least 2"):
        Echo().pairs(gpt2, count, 0)


def test_words_that_are_not_single_tokens_are_dropped_and_remembered(gpt2: HookedModel) -> None:
    batch = Echo(("anna", "xylophone", "ben", "zoo")).pairs(gpt2, 2, 0)
    assert batch.dropped_words == ("xylophone", "zoo")
    assert {pair.clean for pair in batch.pairs} == {"anna and", "ben and"}


def test_too_few_single_tokens_are_an_error(gpt2: HookedModel) -> None:
    with pytest.raises(TaskError, match=r"task 'echo' needs 2 single-token words of tiny-gpt2, found 1 among 3"):
        Echo(("anna", "xylophone", "zoo")).pairs(gpt2, 2, 0)
