"""Functions and the files that they are read from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from jackfield.errors import ConfigError, TaskError, UnknownNameError
from jackfield.hooked_model import HookedModel
from jackfield.registry import Registry
from jackfield_plugins.function_vectors.functions import FIELDMOUSE, Layout, family, fill, find, word_pairs
from jackfield_plugins.function_vectors.prompts import Known
from jackfield_plugins.function_vectors.task import WordPairs
from jackfield_plugins.function_vectors.task_file import read_function

PAIRS = [{"input": "hot", "output": "cold"}, {"input": "big", "output": "small"}]


def written(folder: Path, content: object) -> Path:
    path = folder / "opposite.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def test_examples_and_a_query_make_a_prompt() -> None:
    assert Layout().prompt([("hot", "cold")], "big") == "Q: hot\nA: cold\n\nQ: big\nA:"
    assert FIELDMOUSE.prompt([("cat", "cats"), ("pig", "pigs")], "dog") == "cat : cats , pig : pigs , dog :"


def test_braces_in_words_are_left_alone() -> None:
    assert fill("{input} to {output} {other}", input="{output}", output="x") == "{output} to x {other}"


def test_every_file_that_comes_with_the_plugin_holds_thirty_pairs_and_its_blanks() -> None:
    found = word_pairs()
    assert {"word_pairs.antonym", "word_pairs.plural", "word_pairs.past_tense", "word_pairs.country_capital"} <= {
        *found
    }
    for function in found.values():
        assert len(function.table) >= 30
        assert function.description
        assert all(word == word.strip() and output == output.strip() for word, output in function.table.items())
        assert all("{input}" in sentence for sentence in function.natural)


def test_lists_of_countries_and_their_capitals_agree() -> None:
    found = {name.rpartition(".")[2]: function.table for name, function in word_pairs().items()}
    capitals = found["country_capital"]
    for words in found["first_of_list"]:
        first, _, last = words.split(", ")
        assert (found["first_of_list"][words], found["last_of_list"][words]) == (first, last)
        assert found["capital_of_first"][words] == capitals[first]
        assert found["capital_of_last"][words] == capitals[last]


def test_a_file_is_a_list_of_pairs_or_an_object_that_says_more(tmp_path: Path) -> None:
    plain = read_function(written(tmp_path, PAIRS), "opposite")
    assert (plain.table, plain.layout) == ({"hot": "cold", "big": "small"}, Layout())
    more = {
        "pairs": PAIRS,
        "query": "{input} <->",
        "example": "{input} <-> {output};",
        "shots": 1,
        "natural": ["{input} ="],
    }
    function = find(str(written(tmp_path, more)))
    assert (function.name, function.shots, function.natural) == ("opposite", 1, ("{input} =",))
    assert function.layout.prompt([("hot", "cold")], "big") == "hot <-> cold;big <->"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "cannot be read"),
        (PAIRS[:1], "pairs"),
        ([*PAIRS, {"input": "hot"}], "output"),
        ([*PAIRS, {"input": "hot", "output": "warm"}], "'hot' has two outputs"),
        ([*PAIRS, {"input": "", "output": "warm"}], "input"),
        ({"pairs": PAIRS, "query": "what?"}, "no blank {input}"),
        ({"pairs": PAIRS, "example": "{input}"}, "no blank {output}"),
        ({"pairs": PAIRS, "natural": ["so {output}"]}, "no blank {input}"),
        ({"pairs": PAIRS, "querry": "{input}"}, "known fields"),
        ({"pairs": PAIRS, "shots": 0}, "shots"),
    ],
)
def test_a_file_that_is_no_function_is_refused(tmp_path: Path, content: object, reason: str) -> None:
    with pytest.raises(TaskError, match=reason):
        read_function(written(tmp_path, content), "opposite")


def test_what_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match="cannot be read"):
        find(str(tmp_path / "none.json"))
    with pytest.raises(UnknownNameError, match=r"known are in_context\.capital"):
        find("capital")
    with pytest.raises(ConfigError, match="'ioi' is about no function"):
        family("ioi")


def test_a_task_brings_its_family() -> None:
    assert [function.label for function in family("in_context.past")][:3] == ["capital", "language", "continent"]
    assert "word_pairs.antonym" in [function.name for function in family("word_pairs.plural")]


def test_words_that_a_model_cannot_read_or_say_are_dropped_and_known(fieldmouse: HookedModel, tmp_path: Path) -> None:
    pairs = [("cat", "cats"), ("xylophone", "cats"), ("pig", "xylophones"), ("bus", "bus cat"), ("car", "cars")]
    path = written(tmp_path, [{"input": word, "output": output} for word, output in pairs])
    known = Known.of(fieldmouse, read_function(path, "plural"))
    assert {word: fieldmouse.token_text(token) for word, token in known.answers.items()} == {
        "cat": "cats",
        "car": "cars",
    }
    assert known.dropped == ("xylophone", "pig", "bus")


def test_word_pairs_are_a_task_whose_corrupted_prompt_shows_no_example_of_the_function(fieldmouse: HookedModel) -> None:
    task = WordPairs(find("in_context.plural"))
    batch = task.pairs(fieldmouse, 8, seed=0)
    table = task.function.table
    for pair in batch.pairs:
        clean, corrupted = (prompt.split(" ") for prompt in (pair.clean, pair.corrupted))
        shown = [word for word in clean if word in table]
        assert [table[word] for word in shown[:-1]] == clean[2::4]
        assert corrupted[2::4] == [clean[2::4][-1], *clean[2::4][:-1]]
        assert pair.answers == (table[shown[-1]],)
        assert pair.foils[0] in clean[2::4]
    assert len(set(batch.clean.lengths.tolist())) == 1


def test_a_task_without_enough_words_says_so(fieldmouse: HookedModel) -> None:
    with pytest.raises(TaskError, match="needs 7 inputs"):
        WordPairs(find("word_pairs.number_word")).pairs(fieldmouse, 4, seed=0)


def test_the_files_are_tasks_of_the_registry() -> None:
    registry: Any = Registry.discover()
    assert registry.task("word_pairs.country_capital").description.startswith("whether the model infers the capital")
