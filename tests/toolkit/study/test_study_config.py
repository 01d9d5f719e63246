"""What a study may ask for, in which words, and how it is told that it asks for what does not exist."""

from __future__ import annotations

from pathlib import Path

import pytest

from jackfield.errors import ConfigError
from jackfield.study_config import StudyConfig

DEMO = Path(__file__).parents[3] / "tutorials" / "demo.yaml"


def written(folder: Path, text: str) -> Path:
    path = folder / "study.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_names_alone_are_enough() -> None:
    study = StudyConfig.parse({"model": "tiny", "task": "ioi", "analyses": ["a"]})
    assert (study.model.name, study.task.name, study.task.pairs) == ("tiny", "ioi", 64)
    assert (study.metric, study.seed) == ("logit_difference", 0)
    assert (study.analyses[0].name, study.analyses[0].config) == ("a", {})


def test_the_defaults_patch_the_embedded_model() -> None:
    study = StudyConfig.parse({"task": "ioi"})
    assert (study.model.name, study.analyses[0].name) == ("fieldmouse", "activation_patching")


def test_a_file_gives_settings_in_full(tmp_path: Path) -> None:
    text = """
    model: {name: tiny, dtype: float64}
    task: {name: ioi, pairs: 8}
    analyses:
      - patching: {layers: [0, 1], heads: false}
      - patching:
    """
    study = StudyConfig.from_yaml(written(tmp_path, text))
    assert study.model.dtype == "float64"
    assert [choice.config for choice in study.analyses] == [{"layers": [0, 1], "heads": False}, {}]


def test_a_study_survives_being_written_and_read(tmp_path: Path) -> None:
    study = StudyConfig.parse({"task": "ioi", "analyses": ["a", {"b": {"x": [1, None, "ß"], "name": "c"}}]})
    assert StudyConfig.from_yaml(written(tmp_path, study.to_yaml())) == study


def test_the_demo_asks_for_the_embedded_model() -> None:
    study = StudyConfig.from_yaml(DEMO)
    assert (study.model.name, study.task.name, study.task.pairs) == ("fieldmouse", "ioi", 96)


def test_an_analysis_may_be_asked_something_of_its_own(tmp_path: Path) -> None:
    text = """
    task: ioi
    seed: 3
    analyses:
      - a
      - b: {x: 1}
        task: {name: two_hop, pairs: 8}
        metric: accuracy
      - c:
        seed: 0
    """
    study = StudyConfig.from_yaml(written(tmp_path, text))
    asked = [study.question(choice) for choice in study.analyses]
    assert [(each.task.name, each.task.pairs, each.metric, each.seed) for each in asked] == [
        ("ioi", 64, "logit_difference", 3),
        ("two_hop", 8, "accuracy", 3),
        ("ioi", 64, "logit_difference", 0),
    ]
    assert study.question() == asked[0]
    assert [choice.config for choice in study.analyses] == [{}, {"x": 1}, {}]
    assert StudyConfig.from_yaml(written(tmp_path, study.to_yaml())) == study
    changed = study.with_settings(["b.y=2"]).only(["b"])
    assert changed.analyses[0].config == {"x": 1, "y": 2}
    assert changed.question(changed.analyses[0]) == asked[1]
    assert study.differences(
        StudyConfig.parse({"task": "ioi", "seed": 3, "analyses": ["a", {"b": {"x": 1}}, "c"]})
    ) == ["analyses"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("task: ioi\nanalyses: [{a: {}, task: {pairs: 3}}]", r"analyses\.0\.task\.name: Field required"),
        ("task: ioi\nanalyses: [{a: {}, seed: -1}]", r"analyses\.0\.seed: .*\(given: -1\)"),
        ("task: ioi\nanalyses: [{task: two_hop}]", r"analyses\.0: .*found no name"),
        ("task: ioi\nanalyses: [{a: {}, pairs: 3}]", r"analyses\.0: .*found 'a', 'pairs'"),
        ("task: ioi\nanalysis: [a]", r"(?s)analysis: Extra inputs.*known fields: .*analyses"),
        ("task: ioi\nmodel: {nam: x}", r"model\.nam: .*\n.*model\.name"),
        ("task: {name: ioi, pairs: 1}", r"task\.pairs: .*\(given: 1\)"),
        ("task: {name: ioi, pairs: true}", r"task\.pairs: .*\(given: True\)"),
        ("task: ioi\nseed: -1", r"seed: .*\(given: -1\)"),
        ("task: ioi\nseed: 0.5", r"seed: .*\(given: 0\.5\)"),
        ("task: ioi\nmodel: {name: x, dtype: int8}", r"model\.dtype: .*float32"),
        ("task: no", r"task: .*\(given: False\)"),
        ("seed: 0", r"task: Field required"),
        ("task: ioi\nanalyses: []", r"analyses: .*at least 1"),
        ("task: ioi\nanalyses: [{a: {}, b: {}}]", r"analyses\.0: .*one name with its settings"),
        ("task: ioi\nanalyses: [{a: [1]}]", r"analyses\.0\.config: "),
        ("task: ioi\nanalyses: [{a: {x: .inf}}]", r"analyses\.0\.config\.x"),
        ("task: ioi\nanalyses: [{a: {x: 2024-01-01}}]", r"analyses\.0\.config\.x"),
        ("task: ioi\nseed: 0\nseed: 1", r"'seed' is given twice"),
        ("task: ioi\nanalyses: [{a: {x: 1, x: 2}}]", r"'x' is given twice"),
        ("task: [ioi", r"is not YAML"),
        ("task: !!python/object:os.system x", r"is not YAML"),
        ("- ioi", r"holds list"),
        ("", r"holds NoneType"),
    ],
)
def test_a_wrong_file_is_refused_by_name_field_and_value(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint) as refusal:
        StudyConfig.from_yaml(written(tmp_path, text))
    assert "study.yaml" in str(refusal.value)


def test_a_file_that_is_not_there_or_not_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        StudyConfig.from_yaml(tmp_path / "none.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="not UTF-8"):
        StudyConfig.from_yaml(tmp_path / "binary.yaml")


STUDY = StudyConfig.parse({"task": "ioi", "analyses": [{"a": {"x": 1, "y": 2}}, "a.b", "c", {"c": {"x": 1}}]})


@pytest.mark.parametrize(
    ("assignment", "index", "config"),
    [
        ("a.x=3", 0, {"x": 3, "y": 2}),
        ("a.z=[1, two]", 0, {"x": 1, "y": 2, "z": [1, "two"]}),
        ("a.z=x=y", 0, {"x": 1, "y": 2, "z": "x=y"}),
        ("a.z=", 0, {"x": 1, "y": 2, "z": None}),
        ("a.z={k: true}", 0, {"x": 1, "y": 2, "z": {"k": True}}),
        ("a.b.x=1.5", 1, {"x": 1.5}),
    ],
)
def test_a_setting_is_read_as_yaml(assignment: str, index: int, config: dict[str, object]) -> None:
    changed = STUDY.with_settings([assignment])
    assert changed.analyses[index].config == config
    assert [choice for place, choice in enumerate(changed.analyses) if place != index] == [
        choice for place, choice in enumerate(STUDY.analyses) if place != index
    ]


@pytest.mark.parametrize(
    ("assignment", "complaint"),
    [
        ("x=1", "sets nothing; write ANALYSIS.FIELD=VALUE, where ANALYSIS is one of a, a.b, c, c"),
        ("a.x", "sets nothing"),
        ("d.x=1", "sets nothing"),
        ("c.x=1", "ambiguous: the study runs c several times"),
        ("a.x=[1", "not YAML"),
        ("a.x=.nan", r"analyses\.0\.config\.x"),
    ],
)
def test_a_setting_that_cannot_be_made_is_refused(assignment: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        STUDY.with_settings([assignment])


def test_choosing_analyses_keeps_the_settings_of_those_that_are_there() -> None:
    chosen = STUDY.only(["new", "a", "c"])
    assert [choice.name for choice in chosen.analyses] == ["new", "a", "c", "c"]
    assert chosen.analyses[1].config == {"x": 1, "y": 2}
    assert chosen.task == STUDY.task


def test_two_studies_ask_the_same_whether_or_not_the_network_may_be_used() -> None:
    offline = StudyConfig.parse({"task": "ioi", "model": {"name": "org/x"}})
    online = StudyConfig.parse({"task": "ioi", "model": {"name": "org/x", "network": True}})
    assert online.differences(offline) == []
    assert online.differences(StudyConfig.parse({"task": "x", "model": "org/y"})) == ["model", "task"]
