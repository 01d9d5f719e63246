"""The world is the same everywhere, and its splits keep apart what they say they do."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys

import pytest

from jackfield.organism import world

KNOWLEDGE = world.knowledge_base()


def second_facts(questions: tuple[world.TwoHop, ...]) -> set[tuple[str, str]]:
    return {(KNOWLEDGE.bridge(question), question.second) for question in questions}


def test_every_word_is_one_token_of_its_own() -> None:
    words = world.vocabulary()
    assert len(set(words)) == len(words)
    assert words[:3] == (world.PAD, world.BOS, world.UNK)
    assert not any(word != "".join(word.split()) or not word for word in words)


def test_thirteen_functions_stay_within_the_vocabulary() -> None:
    assert len(world.functions()) == 13
    for table in world.functions().values():
        assert {*table, *table.values()} <= set(world.vocabulary())


@pytest.mark.parametrize(
    ("function", "given", "wanted"),
    [
        ("capital", "japan", "tokyo"), ("language", "brazil", "portuguese"), ("continent", "kenya", "africa"),
        ("plural", "knife", "knives"), ("colour", "frog", "green"), ("category", "hammer", "tool"),
        ("past", "teach", "taught"), ("gerund", "run", "running"), ("antonym", "cold", "hot"),
        ("comparative", "cold", "colder"), ("next", "10", "11"), ("previous", "59", "58"), ("copy", "swim", "swim"),
    ],
)  # fmt: skip
def test_a_function_gives_the_right_word(function: str, given: str, wanted: str) -> None:
    assert world.functions()[function][given] == wanted


def test_antonyms_and_neighbours_lead_back() -> None:
    tables = world.functions()
    assert all(tables["antonym"][other] == word for word, other in tables["antonym"].items())
    assert all(tables["previous"][after] == number for number, after in tables["next"].items())


def test_everyone_has_every_relation_and_none_to_themselves() -> None:
    assert set(KNOWLEDGE.facts) == {(name, relation) for name in world.NAMES for relation in world.RELATIONS}
    for (name, relation), value in KNOWLEDGE.facts.items():
        if relation in world.PERSON_RELATIONS:
            assert value in world.NAMES
            assert value != name
        else:
            assert value in world.VALUE_RELATIONS[relation]


def test_relations_between_people_lead_to_fourteen_hubs() -> None:
    pointed_at = {value for (_, relation), value in KNOWLEDGE.facts.items() if relation in world.PERSON_RELATIONS}
    assert len(pointed_at) == 14


def test_the_splits_of_compositions_are_disjoint_and_leave_none_out() -> None:
    splits = (KNOWLEDGE.trained, KNOWLEDGE.held_out, KNOWLEDGE.out_of_distribution)
    questions = [question for split in splits for question in split]
    assert len(set(questions)) == len(questions)
    assert all(KNOWLEDGE.answer(question) != question.start for question in questions)
    circular = sum(
        KNOWLEDGE.facts[KNOWLEDGE.facts[name, first], second] == name
        for name in world.NAMES
        for first in world.PERSON_RELATIONS
        for second in world.RELATIONS
    )
    assert len(questions) + circular == len(world.NAMES) * len(world.PERSON_RELATIONS) * len(world.RELATIONS)


def test_held_out_compositions_rest_on_second_facts_that_training_composes() -> None:
    assert second_facts(KNOWLEDGE.held_out) <= second_facts(KNOWLEDGE.trained)


def test_out_of_distribution_compositions_rest_on_second_facts_that_training_never_composes() -> None:
    composed = second_facts(KNOWLEDGE.trained) | second_facts(KNOWLEDGE.held_out)
    assert second_facts(KNOWLEDGE.out_of_distribution).isdisjoint(composed)


def test_an_answer_goes_through_the_bridge() -> None:
    question = KNOWLEDGE.trained[0]
    bridge = KNOWLEDGE.facts[question.start, question.first]
    assert KNOWLEDGE.bridge(question) == bridge
    assert KNOWLEDGE.answer(question) == KNOWLEDGE.facts[bridge, question.second]


@pytest.mark.parametrize("hash_seed", ["1", "2"])
def test_the_world_does_not_depend_on_the_process(hash_seed: str) -> None:
    told = "(world.vocabulary(), world.functions(), world.knowledge_base())"
    code = f"from jackfield.organism import world; print(repr({told}))"
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": hash_seed}, capture_output=True, check=True
    )
    here = repr((world.vocabulary(), world.functions(), KNOWLEDGE))
    assert hashlib.sha256(done.stdout.strip()).digest() == hashlib.sha256(here.encode()).digest()
