"""Side questions are graded by the likeliest next token, and those of the built-in tasks are what the world says."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pytest

from jackfield.builtins import two_hop
from jackfield.errors import TaskError
from jackfield.hooked_model import HookedModel
from jackfield.side_questions import SideQuestion, are_answered


def test_each_question_is_graded_as_if_it_were_asked_alone(fieldmouse: HookedModel) -> None:
    questions = [
        question
        for pair in two_hop.OUT_OF_DISTRIBUTION.pairs(fieldmouse, 80, seed=0).pairs
        for question in (*pair.hops, *pair.shortcuts)
    ]
    alone = []
    for question in questions:
        batch = fieldmouse.tokenize([question.prompt])
        guess = int(fieldmouse.run(batch)[0, -1].argmax())
        alone.append(fieldmouse.token_text(guess).strip() in question.answers)
    assert are_answered(fieldmouse, questions) == alone
    assert 0 < sum(alone) < len(questions)


def test_the_hops_of_a_two_hop_question_are_facts_that_lead_to_its_answer(
    fieldmouse: HookedModel, oracles: Mapping[str, Callable[[Sequence[str]], set[str]]]
) -> None:
    for pair in two_hop.IN_DISTRIBUTION.pairs(fieldmouse, 24, seed=1).pairs:
        first, second = pair.hops
        for hop in (first, second):
            assert {*hop.answers} == oracles["one_hop"](hop.prompt.split())
        assert pair.clean.startswith(first.prompt)
        assert second.prompt.split()[0] in first.answers
        assert second.answers == pair.answers
        entity, relation = pair.shortcuts
        said = pair.clean.split()
        assert (entity.prompt.split(), relation.prompt.split()) == ([said[0], *said[3:]], said[1:])
        assert entity.answers == relation.answers == pair.answers


def test_an_answer_that_is_no_single_token_is_refused(gpt2: HookedModel) -> None:
    with pytest.raises(TaskError, match="'zebra' after 'anna and' is a single token of tiny-gpt2"):
        are_answered(gpt2, [SideQuestion("first hop", "anna and", ("zebra",))])
    assert are_answered(gpt2, []) == []
