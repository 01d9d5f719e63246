"""Prompts spell settings, at the places that the task names."""

from __future__ import annotations

from dataclasses import replace

import pytest

from jackfield.bench import Bench
from jackfield.builtins.algorithms import BETWEEN
from jackfield.causal_models import CausalModel
from jackfield.errors import AlignmentError, ConfigError, TaskError
from jackfield_plugins.causal_alignment.wording import Wording, spoken_domains


def test_prompts_are_those_of_the_task(bench: Bench, causal: CausalModel, wording: Wording) -> None:
    for pair in bench.pairs.pairs[:8]:
        words = pair.clean.split(" ")
        setting = {name: words[pair.positions[name]] for name in causal.inputs}
        assert wording.prompt(setting) == pair.clean
        assert (str(causal.run(setting)["ANSWER"]),) == pair.answers
    assert wording.positions == {name: int(value[0]) for name, value in bench.pairs.positions.items()}
    assert [bench.model.token_text(token).strip() for token in wording.tokens] == ["yes", "no"]


def test_a_model_of_another_task_is_refused(bench: Bench) -> None:
    for refuse in (spoken_domains, Wording.of):
        with pytest.raises(ConfigError, match="inputs VALUE, LOW, HIGH, and task 'hierarchical_equality' names"):
            refuse(bench, BETWEEN)


def test_labels_that_are_no_tokens_are_refused(bench: Bench, causal: CausalModel) -> None:
    answer = replace(causal["ANSWER"], domain=("yessir", "no"), mechanism=lambda wx, yz: "no")
    odd = replace(causal, variables=(*causal.variables[:-1], answer))
    with pytest.raises(TaskError, match="yessir after"):
        Wording.of(bench, odd)


def test_prompts_of_unequal_length_are_refused(bench: Bench, wording: Wording) -> None:
    settings = [
        dict(zip("WXYZ", words, strict=True))
        for words in (("cat", "box", "cup", "pen"), ("cat", "cat box", "cup", "pen"))
    ]
    with pytest.raises(AlignmentError, match="have 7 to 8 tokens"):
        wording.tokenize(bench.model, settings)
