"""What holds for every built-in task, in the words of *fieldmouse*."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import pytest
import torch

from jackfield.builtins import register_tasks
from jackfield.hooked_model import HookedModel
from jackfield.organism import world
from jackfield.pairs import END
from jackfield.tasks import Task

TASKS = {task.name: task for task in register_tasks()}
SKILLS = {"ioi": "handover", "induction": "repeated", "two_hop.out_of_distribution": "two_hop"}

every_task = pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)


def skill(task: Task) -> str:
    return SKILLS.get(task.name, task.name.partition(".")[0])


def test_tasks_have_names_and_descriptions_of_their_own() -> None:
    offered = list(register_tasks())
    assert len({task.name for task in offered}) == len({task.description for task in offered}) == len(offered)
    assert {f"in_context.{function}" for function in world.functions()} < set(TASKS)


@every_task
def test_answers_and_foils_are_what_the_world_says(
    task: Task, mouse: HookedModel, oracles: Mapping[str, Callable[[Sequence[str]], set[str]]]
) -> None:
    oracle = oracles[skill(task)]
    for pair in task.pairs(mouse, 24, seed=1).pairs:
        clean, corrupted = oracle(pair.clean.split()), oracle(pair.corrupted.split())
        assert set(pair.answers) == clean
        assert clean != corrupted
        assert clean.isdisjoint(pair.foils)
        assert set(pair.foils) == (corrupted if task.name != "greater_than" else set(world.NUMBERS) - clean)


@every_task
def test_named_positions_point_at_their_words(task: Task, mouse: HookedModel) -> None:
    batch = task.pairs(mouse, 16, seed=2)
    assert set(batch.positions) == {*task.positions, END}
    for row, pair in enumerate(batch.pairs):
        said = pair.clean.split()
        assert pair.positions.keys() == set(task.positions)
        for name, word in pair.positions.items():
            token = int(batch.clean.tokens[row, batch.positions[name][row]])
            assert mouse.token_text(token) == said[word]
        assert mouse.token_text(int(batch.clean.tokens[row, batch.positions[END][row]])) == said[-1]


@every_task
def test_prompts_differ_and_are_made_of_known_words(task: Task, mouse: HookedModel) -> None:
    batch = task.pairs(mouse, 16, seed=3)
    unknown = world.vocabulary().index(world.UNK)
    assert not (batch.clean.tokens == unknown).any()
    assert not (batch.corrupted.tokens == unknown).any()
    assert (batch.clean.tokens != batch.corrupted.tokens).any(-1).all()
    assert batch.dropped_words == ()


@every_task
def test_a_seed_decides_the_pairs(task: Task, mouse: HookedModel) -> None:
    first, again, other = (task.pairs(mouse, 12, seed).pairs for seed in (5, 5, 6))
    assert first == again
    assert first != other


@every_task
def test_every_prompt_of_a_small_batch_has_an_unrelated_one(task: Task, mouse: HookedModel) -> None:
    batch = task.pairs(mouse, 16, seed=4)
    for row, other in enumerate(batch.unrelated_rows(random.Random(0))):
        assert other != row
        assert all(position[row] == position[other] for position in batch.positions.values())


@every_task
def test_padding_on_the_left_changes_no_position(task: Task, mouse: HookedModel) -> None:
    right, left = task.pairs(mouse, 12, seed=7), task.pairs(mouse, 12, seed=7, padding_side="left")
    for name, positions in right.positions.items():
        assert torch.equal(positions, left.positions[name])
        said = [batch.clean.tokens[range(12), batch.clean.columns(positions)] for batch in (right, left)]
        assert torch.equal(*said)


@pytest.mark.parametrize("name", ["equality", "hierarchical_equality", "between"])
def test_labels_are_balanced(name: str, mouse: HookedModel) -> None:
    labels = Counter(pair.answers for pair in TASKS[name].pairs(mouse, 40, seed=0).pairs)
    assert labels.keys() == {("yes",), ("no",)}
    assert abs(labels["yes",] - labels["no",]) <= 2


@pytest.mark.parametrize(("name", "places"), [("equality", 2), ("hierarchical_equality", 4)])
def test_each_word_is_the_one_that_changes_now_and_then(name: str, places: int, mouse: HookedModel) -> None:
    task, changed = TASKS[name], Counter[str]()
    for pair in task.pairs(mouse, 60, seed=0).pairs:
        clean, corrupted = pair.clean.split(), pair.corrupted.split()
        changed.update(place for place, word in pair.positions.items() if clean[word] != corrupted[word])
    assert len(changed) == places
    assert changed.total() == 60
    assert min(changed.values()) >= 60 // places // 3


def test_two_hop_questions_stay_on_their_side_of_the_split(mouse: HookedModel) -> None:
    knowledge = world.knowledge_base()
    known = {*knowledge.trained, *knowledge.held_out}
    for name, splits in (("two_hop", known), ("two_hop.out_of_distribution", set(knowledge.out_of_distribution))):
        pairs = TASKS[name].pairs(mouse, 60, seed=0).pairs
        prompts = [prompt.split()[::2] for pair in pairs for prompt in (pair.clean, pair.corrupted)]
        asked = {world.TwoHop(*words) for words in prompts}
        assert asked <= splits
        assert name != "two_hop" or asked & set(knowledge.held_out)


def test_two_hop_pairs_differ_in_the_person_in_between(mouse: HookedModel) -> None:
    facts = world.knowledge_base().facts
    for name in ("two_hop", "two_hop.out_of_distribution"):
        for pair in TASKS[name].pairs(mouse, 40, seed=0).pairs:
            (start, first, second), (other, *same) = pair.clean.split()[::2], pair.corrupted.split()[::2]
            assert same == [first, second]
            assert facts[start, first] != facts[other, first]


def test_ioi_brings_together_people_whom_training_keeps_apart(mouse: HookedModel) -> None:
    for pair in TASKS["ioi"].pairs(mouse, 40, seed=0).pairs:
        assert (world.NAMES.index(pair.answers[0]) + world.NAMES.index(pair.foils[0])) % 5 == 0


def test_ioi_names_the_giver_first_as_often_as_last(mouse: HookedModel) -> None:
    pairs = TASKS["ioi"].pairs(mouse, 40, seed=0).pairs
    assert sum(pair.positions["S1"] < pair.positions["IO"] for pair in pairs) == 20


def test_ioi_positions_are_the_receiver_and_both_mentions_of_the_giver(mouse: HookedModel) -> None:
    for pair in TASKS["ioi"].pairs(mouse, 8, seed=0).pairs:
        said = pair.clean.split()
        assert [said[pair.positions[name]] for name in ("IO", "S1", "S2")] == [*pair.answers, *pair.foils, *pair.foils]
        assert pair.positions["S1"] < pair.positions["S2"]


def test_induction_positions_are_where_the_last_word_stood_before_and_what_followed(mouse: HookedModel) -> None:
    for pair in TASKS["induction"].pairs(mouse, 8, seed=0).pairs:
        said = pair.clean.split()
        assert pair.positions["PREVIOUS"] == said.index(said[-1])
        assert pair.positions["TARGET"] == pair.positions["PREVIOUS"] + 1
        assert (said[pair.positions["TARGET"]],) == pair.answers


def test_greater_than_begins_clearly_earlier_in_the_corrupted_prompt(mouse: HookedModel) -> None:
    for pair in TASKS["greater_than"].pairs(mouse, 40, seed=0).pairs:
        year = pair.positions["YEAR"]
        assert int(pair.clean.split()[year]) - int(pair.corrupted.split()[year]) >= 10
