"""A known circuit that is misled in every other prompt is repaired by making its one head look at the right place."""

from __future__ import annotations

import random
from itertools import cycle

import pytest

from jackfield.bench import Bench
from jackfield.builtins.template import Template
from jackfield.errors import ConfigError
from jackfield.hooked_model import HookedModel
from jackfield.metrics import BUILT_IN
from jackfield.pairs import PromptPair
from jackfield.repair import attention_to, repair
from jackfield.sites import Site
from jackfield.tasks import PairMaker, Task, Words
from jackfield.testing import KnownCircuit, known_circuits
from jackfield.testing.circuits.copy import FRUITS, VOCABULARY

METRIC = next(metric for metric in BUILT_IN if metric.name == "logit_difference")
HEAD = Site.parse("a0.h1")


class Misled(Task):
    """Asks for one of two fruits, while the circuit says the one that bears a mark: right about every other time."""

    name = "misled"
    description = "whether the model says a fruit although another one bears the mark"
    positions = ("ANSWER", "BESIDE")

    def pair_maker(self, words: Words) -> PairMaker:
        words.single(VOCABULARY, at_least=len(VOCABULARY))
        orders = cycle(["we saw {ANSWER} and then {BESIDE} so say", "we saw {BESIDE} and then {ANSWER} so say"])
        marked = cycle(["ANSWER", "ANSWER", "BESIDE", "BESIDE"])

        def make(draw: random.Random) -> PromptPair:
            answer, beside, new = draw.sample(FRUITS, 3)
            said = {"ANSWER": answer, "BESIDE": beside}
            name = next(marked)
            return Template(next(orders)).pair(
                {**said, name: f"{said[name]}!"}, {"ANSWER": f"{new}!", "BESIDE": beside}, [answer], [beside]
            )

        return make


@pytest.fixture(scope="module")
def known() -> KnownCircuit:
    return known_circuits()["copy"]()


@pytest.fixture(scope="module")
def misled(known: KnownCircuit) -> Bench:
    return Bench.prepare(known.model, Misled(), METRIC, pairs=32)


@pytest.fixture(scope="module")
def marked(misled: Bench) -> float:
    """The share of prompts in which the right fruit bears the mark."""
    assert misled.set_aside is not None
    pairs = (*misled.pairs.pairs, *misled.set_aside.pairs)
    assert len(pairs) == 32
    return sum(f"{pair.answers[0]}!" in pair.clean for pair in pairs) / len(pairs)


def test_the_head_that_is_misled_repairs_every_prompt(misled: Bench, marked: float) -> None:
    found = repair(misled, {HEAD: {"ANSWER": 1.0}})
    assert 0.4 < marked < 0.6
    assert found.before.right.value == marked
    assert found.before.right.n == 32
    assert found.after.right.value == 1.0
    assert found.random_heads.right.value == marked
    assert found.elsewhere.right.high < 0.8
    assert found.is_finding
    assert "a repair" in found.summary()[0]


def test_the_attention_of_another_task_is_what_repairs(known: KnownCircuit, misled: Bench) -> None:
    class Led(Misled):
        name = "led"

        def pair_maker(self, words: Words) -> PairMaker:
            inner = super().pair_maker(words)

            def make(draw: random.Random) -> PromptPair:
                return next(pair for pair in iter(lambda: inner(draw), None) if f"{pair.answers[0]}!" in pair.clean)

            return make

    led = Bench.prepare(known.model, Led(), METRIC, pairs=16)
    measured = attention_to(led, [HEAD])
    assert measured[HEAD]["ANSWER"] == pytest.approx(1.0, abs=1e-3)
    assert measured[HEAD]["BESIDE"] == pytest.approx(0.0, abs=1e-3)
    assert repair(misled, {HEAD: {"ANSWER": min(1.0, measured[HEAD]["ANSWER"])}}).after.right.value == 1.0


def test_a_head_without_a_part_in_the_task_repairs_nothing(misled: Bench, marked: float) -> None:
    found = repair(misled, {Site.parse("a0.h0"): {"ANSWER": 1.0}})
    assert found.after.right.value == found.before.right.value == marked
    assert not found.is_finding
    assert "no repair" in found.summary()[0]


def test_what_is_not_broken_is_no_repair(known: KnownCircuit) -> None:
    bench = known.bench(pairs=16)
    shares = attention_to(bench, [HEAD])
    kept = {name: min(share, 0.4) for name, share in shares[HEAD].items()}
    found = repair(bench, {HEAD: kept}, draws=4)
    assert found.before.right.value == 1.0
    assert not found.is_finding


def test_shares_below_one_leave_the_rest_where_it_was(misled: Bench, marked: float) -> None:
    some, none = (repair(misled, {HEAD: {"ANSWER": share}}, draws=2) for share in (0.75, 0.01))
    assert none.after.right.value == marked
    assert none.before.metric.value < none.after.metric.value < some.after.metric.value


def test_the_same_repair_gives_the_same_numbers(misled: Bench) -> None:
    first, second = (repair(misled, {HEAD: {"ANSWER": 1.0}}, draws=3) for _ in range(2))
    assert first == second


def test_chance_repairs_no_random_network(gpt2: HookedModel) -> None:
    class Names(Task):
        name = "names"
        description = "whether the model prefers one name to another"
        positions = ("NAME",)

        def pair_maker(self, words: Words) -> PairMaker:
            from jackfield.organism.world import NAMES

            known = words.single(NAMES)

            def make(draw: random.Random) -> PromptPair:
                first, second, third, fourth = draw.sample(known, 4)
                return PromptPair(f"{first} and", f"{second} and", (third,), (fourth,), {"NAME": 0})

            return make

    bench = Bench.prepare(gpt2, Names(), METRIC, pairs=40)
    for text in ("a0.h0", "a1.h3"):
        assert not repair(bench, {Site.parse(text): {"NAME": 1.0}}, draws=4).is_finding


def test_what_cannot_be_repaired_is_refused(misled: Bench) -> None:
    with pytest.raises(ConfigError, match="no heads were given"):
        repair(misled, {})
    with pytest.raises(ConfigError, match="no single head"):
        repair(misled, {Site.parse("m0"): {"ANSWER": 1.0}})
    with pytest.raises(ConfigError, match="no position 'S2'; it has ANSWER, BESIDE, END"):
        repair(misled, {HEAD: {"S2": 1.0}})
    with pytest.raises(ConfigError, match="no position 'S2'"):
        attention_to(misled, [HEAD], query="S2")
    for shares in ({"ANSWER": 1.1}, {"ANSWER": -0.1, "BESIDE": 0.5}, {}):
        with pytest.raises(ConfigError, match="not from 0 to 1"):
            repair(misled, {HEAD: shares})
    with pytest.raises(ConfigError, match="2 draws"):
        repair(misled, {HEAD: {"ANSWER": 1.0}}, draws=1)
    everyone = {Site.parse(f"a0.h{head}"): {"ANSWER": 0.5} for head in range(4)}
    with pytest.raises(ConfigError, match="no other heads"):
        repair(misled, everyone)
