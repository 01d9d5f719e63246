"""A bench holds pairs that the model gets right, gives reproducible randomness, and says where results come from."""

from __future__ import annotations

import random
from dataclasses import replace as with_fields

import numpy as np
import pytest
import torch

from jackfield.bench import Bench
from jackfield.errors import TaskError
from jackfield.hooked_model import HookedModel
from jackfield.metrics import BUILT_IN
from jackfield.pairs import PromptPair
from jackfield.tasks import PairMaker, Task, Words

LOGIT_DIFFERENCE = BUILT_IN[0]
NAMES = ("anna", "ben", "clara", "dan", "ella", "felix")


class Guess(Task):
    """What an untrained model says is right about as often as not."""

    name = "guess"
    description = "Nothing."
    positions = ("name",)

    def pair_maker(self, words: Words) -> PairMaker:
        def make(draw: random.Random) -> PromptPair:
            said, other = draw.sample(NAMES, 2)
            return PromptPair(f"{said} and", f"{other} and", (said,), (other,), {"name": 0})

        return make


class Hopeless(Guess):
    """The right answer is whatever the model finds less likely."""

    name = "hopeless"

    def __init__(self, model: HookedModel) -> None:
        self.model = model

    def pair_maker(self, words: Words) -> PairMaker:
        make = super().pair_maker(words)

        def unlikely(draw: random.Random) -> PromptPair:
            pair = make(draw)
            logits = self.model.run(self.model.tokenize([pair.clean]))[0, -1]
            low, high = sorted(pair.answers + pair.foils, key=lambda word: logits[self.model.single_token(word)].item())
            return PromptPair(pair.clean, pair.corrupted, (low,), (high,), pair.positions)

        return unlikely


@pytest.fixture(scope="module")
def bench(gpt2: HookedModel) -> Bench:
    return Bench.prepare(gpt2, Guess(), LOGIT_DIFFERENCE, 24, seed=3)


def test_only_pairs_that_the_model_gets_right_are_kept(bench: Bench) -> None:
    graded = bench.graded(bench.clean_logits(), bench.key())
    assert bool((graded > 0).all())
    assert 2 <= len(bench.pairs) == len(graded) < bench.pairs.drawn == 24


def test_a_model_that_gets_nothing_right_has_no_bench(gpt2: HookedModel) -> None:
    with pytest.raises(TaskError, match="tiny-gpt2 gets 0 of 10 pairs of 'hopeless' right; 2 are needed"):
        Bench.prepare(gpt2, Hopeless(gpt2), LOGIT_DIFFERENCE, 10, seed=0)


def test_answers_are_read_at_the_last_token(bench: Bench) -> None:
    whole = bench.model.run(bench.pairs.corrupted)
    assert torch.equal(bench.corrupted_logits(), whole[:, -1].float())
    assert not torch.equal(bench.corrupted_logits(), bench.clean_logits())


def test_the_key_holds_the_clean_prediction_when_it_is_given(bench: Bench) -> None:
    logits = bench.clean_logits()
    assert bench.key().clean_logits is None
    assert bench.key(logits).clean_logits is logits
    assert torch.equal(bench.key().answers, bench.pairs.answers)


def test_randomness_depends_on_the_seed_and_the_purpose_alone(gpt2: HookedModel, bench: Bench) -> None:
    other = Bench(gpt2, bench.pairs, LOGIT_DIFFERENCE, "guess", seed=4)
    assert np.array_equal(bench.rng("heads").random(5), bench.rng("heads").random(5))
    assert bench.draw("heads").random() == bench.draw("heads").random()
    for different in (other.rng("heads"), bench.rng("layers")):
        assert not np.array_equal(bench.rng("heads").random(5), different.random(5))
    assert len({bench.draw("heads").random(), other.draw("heads").random(), bench.draw("layers").random()}) == 3


def test_results_say_where_they_come_from(bench: Bench) -> None:
    provenance = bench.provenance("sample", "2", {"layers": [0]})
    assert (provenance.task, provenance.metric, provenance.seed) == ("guess", "logit_difference", 3)
    assert (provenance.pairs, provenance.drawn) == (len(bench.pairs), 24)
    assert provenance.model is bench.model.identity
    assert provenance.config == {"layers": [0]}


def test_pairs_that_the_model_gets_wrong_are_set_aside_and_kept(bench: Bench) -> None:
    assert bench.set_aside is not None
    aside = with_fields(bench, pairs=bench.set_aside)
    assert bool((aside.graded(aside.clean_logits(), aside.key()) <= 0).all())
    assert len(bench.pairs) + len(bench.set_aside) == bench.pairs.drawn == bench.set_aside.drawn
    asked = [{(pair.clean, pair.corrupted) for pair in batch.pairs} for batch in (bench.pairs, bench.set_aside)]
    assert asked[0].isdisjoint(asked[1])


def test_what_is_set_aside_does_not_change_where_results_come_from(bench: Bench) -> None:
    without = with_fields(bench, set_aside=None)
    assert without.provenance("sample", "2", {}) == bench.provenance("sample", "2", {})
