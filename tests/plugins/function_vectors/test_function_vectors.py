"""The analysis on fieldmouse, on data that holds nothing, and on what cannot be analysed."""

from __future__ import annotations

import json
from dataclasses import replace as with_fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.plugins.function_vectors.conftest import FUNCTIONS, SETTINGS, Extract

from jackfield.bench import Bench
from jackfield.errors import ConfigError, JackfieldError, ResultError, TaskError, UnknownNameError
from jackfield.hooked_model import HookedModel
from jackfield.registry import Registry
from jackfield_circuits import from_graphml, to_graphml
from jackfield_plugins.function_vectors import subject as subjects
from jackfield_plugins.function_vectors.analysis import FunctionVectors
from jackfield_plugins.function_vectors.answers import ZERO_SHOT
from jackfield_plugins.function_vectors.config import Corruption, FunctionVectorsConfig
from jackfield_plugins.function_vectors.functions import find
from jackfield_plugins.function_vectors.kinds import CONTROLS, KINDS, NONE, NULLS, OTHER_VECTORS, OWN_PLACE, VECTOR
from jackfield_plugins.function_vectors.material import Material
from jackfield_plugins.function_vectors.means import Means
from jackfield_plugins.function_vectors.natural import NATURAL
from jackfield_plugins.function_vectors.prompts import Prompts
from jackfield_plugins.function_vectors.result import FunctionVectorsResult

SMALL: dict[str, Any] = {
    "functions": ["in_context.plural", "in_context.past"], "corruptions": ["random_words"], "mean_prompts": 8,
    "corrupted_prompts": 4, "layers": [0], "strengths": [2.0], "random_draws": 2, "heads": 4, "contexts": [],
}  # fmt: skip


def shares(result: FunctionVectorsResult, kind: str, context: str = ZERO_SHOT) -> np.ndarray[Any, np.dtype[np.float64]]:
    return result.data["answered"].sel(context=context, vector_kind=kind).values


def test_five_functions_gain_half_of_all_inputs_and_stand_clear_of_what_should_do_nothing(
    six: FunctionVectorsResult,
) -> None:
    gains = six.data["gain"].sel(context=ZERO_SHOT, vector_kind=VECTOR)
    assert int((gains >= 0.5).sum()) >= 5
    assert len(six.served()) >= 4
    for function in FUNCTIONS:
        claim = six.claims[function, ZERO_SHOT, VECTOR]
        if claim.is_finding():
            assert claim.low is not None
            part = six.data.sel(function=function, context=ZERO_SHOT)
            assert all(claim.low > float(part["answered_high"].sel(vector_kind=kind)) for kind in NULLS)


def test_the_layer_average_does_as_well_and_the_summary_says_so(six: FunctionVectorsResult) -> None:
    assert shares(six, OWN_PLACE).mean() > 0.8
    assert not any(claim.is_finding() for claim in six.rival_claims.values())
    assert all("not clearly better than the layer average" in text for text in six.summary()[1:7])
    assert "0 are clear of that too" in six.summary()[7]


def test_vectors_are_read_out_as_tokens(six: FunctionVectorsResult) -> None:
    tokens = six.decoded("in_context.continent")
    assert len(tokens) == 10
    assert {"asia", "africa", "europe", "america"} & {*tokens}
    assert f"continent: {', '.join(map(repr, tokens[:3]))}" in six.summary()[-1]


def test_another_functions_vector_is_no_help(six: FunctionVectorsResult) -> None:
    assert shares(six, OTHER_VECTORS).mean() < shares(six, NONE).mean() + 0.1


def test_two_heads_of_the_first_layer_carry_most_and_are_shared(six: FunctionVectorsResult) -> None:
    average = six.data["aie"].sel(corruption="random_words").mean("function")
    strongest = average["head"].values[(-average.values).argsort()][:3].tolist()
    assert set(strongest) == {"a0.h0", "a0.h1", "a0.h2"}
    for function in FUNCTIONS:
        assert len(set(six.heads_of(function)) & set(strongest)) >= 2
    circuit = six.to_circuit()
    assert {node.id for node in circuit.findings().nodes} >= {"a0.h0", "a0.h1", "a0.h2"}
    assert int(six.data["common_heads"].min()) >= 2


def test_heads_in_the_circuit_lead_to_where_their_vector_is_added(six: FunctionVectorsResult) -> None:
    circuit = six.to_circuit()
    places = {f"resid_post.{layer}" for layer in six.data["best_layer"].values.tolist()}
    assert {edge.target for edge in circuit.edges} == places
    assert sum(len(edge.evidence) for edge in circuit.edges) == 10 * len(FUNCTIONS)
    for element in (*circuit.nodes, *circuit.edges):
        for claim in element.evidence:
            assert claim.q_value is not None
            assert claim.control_low is not None
            assert claim.position == "END"
    vectors = [claim for place in places for claim in circuit.node(place).evidence]
    assert {claim.metric for claim in vectors} == {"answered"}
    assert from_graphml(to_graphml(circuit)) == circuit


def test_held_out_words_never_serve_extraction(bench: Bench) -> None:
    config = FunctionVectorsConfig(held_out=0.4)
    material = Material.prepare(bench, config, find("in_context.plural"))
    assert not {*material.held_out} & {*material.shown}
    assert len(material.held_out) == 10
    for corruption in (None, *Corruption):
        prompts = material.shot(bench, material.held_out, bench.draw("x"), corruption, ["red", "asia"])
        for text, asked in zip(prompts.texts, prompts.inputs, strict=True):
            words = text.split(" ")
            assert words[-2] == asked
            assert {*words[:-2:4]} <= {*material.shown}
            outputs, table = words[2:-2:4], material.function.table
            right = [table[word] for word in words[:-2:4]]
            assert {
                None: outputs == right,
                Corruption.SHUFFLED_LABELS: sorted(outputs) == sorted(right),
                Corruption.RANDOM_WORDS: {*outputs} <= {"red", "asia"},
            }[corruption]


def test_means_that_hold_no_function_are_no_findings(
    bench: Bench, extract: Extract, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every function gets means over prompts that are about all functions alike."""
    names = FUNCTIONS[2:]
    draw = bench.draw("null")
    found = []
    for name in names:
        material = Material.prepare(bench, FunctionVectorsConfig(), find(name))
        prompts = material.shot(bench, draw.choices(material.extraction, k=32), draw)
        found.append(
            [
                Means.over(
                    bench,
                    Prompts.tokenize(bench.model, material.known, prompts.texts[part::4], prompts.inputs[part::4]),
                    "null",
                )
                for part in range(4)
            ]
        )
    mixed = iter(
        [
            Means(
                *(torch.stack([getattr(one[part], field) for one in found]).mean(0) for field in ("outputs", "streams"))
            )
            for part in range(4)
        ]
    )
    monkeypatch.setattr(subjects.Means, "over", lambda *_: next(mixed))
    result = extract(bench, **(SETTINGS | {"functions": names, "layers": [0, 2], "strengths": [2]}))
    assert result.served() == []
    assert not any(claim.is_finding() for claim in result.claims.values())
    circuit = result.to_circuit()
    assert sum(claim.is_finding() for edge in circuit.edges for claim in edge.evidence) <= 1
    heads = [node for node in circuit.nodes if node.kind == "head"]
    assert sum(claim.is_finding() for node in heads for claim in node.evidence) <= 2


def test_a_result_survives_the_disk(six: FunctionVectorsResult, tmp_path: Path) -> None:
    six.save(tmp_path / "six.nc")
    back = FunctionVectorsResult.load(tmp_path / "six.nc")
    assert back.data.identical(six.data)
    assert back.summary() == six.summary()
    assert back.to_circuit() == six.to_circuit()
    assert torch.equal(back.vector(FUNCTIONS[0]).vector, six.vector(FUNCTIONS[0]).vector)
    (tmp_path / "six.nc").write_bytes((tmp_path / "six.nc").read_bytes()[:1000])
    with pytest.raises(ResultError):
        FunctionVectorsResult.load(tmp_path / "six.nc")


def test_the_frame_has_a_row_for_everything_that_was_added(six: FunctionVectorsResult) -> None:
    frame = six.to_frame()
    assert len(frame) == six.data["answered"].size
    assert [*frame["vector_kind"][: len(KINDS)]] == [*KINDS]
    assert frame[frame["finding"]]["vector_kind"].unique().tolist() == [VECTOR]
    assert six.controls == CONTROLS


def test_pictures_are_drawn(six: FunctionVectorsResult) -> None:
    pictures = six.plot()
    assert "In other contexts" in pictures
    assert len(pictures) == 5
    for figure in pictures.values():
        figure.canvas.draw()


def test_the_result_is_the_same_for_the_same_seed(bench: Bench, extract: Extract) -> None:
    first = extract(bench, **SMALL)
    assert extract(bench, **SMALL).data.identical(first.data)


def test_natural_text_that_is_the_query_is_answered_like_the_query(
    bench: Bench, extract: Extract, tmp_path: Path
) -> None:
    names = []
    for name in ("plural", "past"):
        function = find(f"in_context.{name}")
        layout = function.layout
        content = {
            "pairs": [{"input": word, "output": output} for word, output in function.table.items()],
            "example": layout.example, "query": layout.query, "other_queries": ["{input} :"], "shots": 5,
            "natural": ["{input} :"], "natural_tokens": 1,
        }  # fmt: skip
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(content), encoding="utf-8")
        names.append(str(path))
    result = extract(bench, **(SMALL | {"functions": names, "contexts": ["other_queries", "natural_text"]}))
    assert result.functions == ["plural", "past"]
    assert result.data["context"].values.tolist()[-1] == NATURAL
    for kind in (NONE, VECTOR, OWN_PLACE):
        np.testing.assert_array_equal(shares(result, kind, NATURAL), shares(result, kind))
        np.testing.assert_array_equal(shares(result, kind, "asked as '{input} :'"), shares(result, kind))


def test_a_sum_from_which_its_second_part_is_taken_is_the_first_part(bench: Bench, extract: Extract) -> None:
    plural, past = SMALL["functions"]
    result = extract(bench, **SMALL, compositions=[[plural, plural, past, past], [plural, past, plural, past]])
    composed = result.data["composed"]
    assert composed.dims == ("composition", "summand")
    for row in composed.values:
        assert row[2] == row[1]
        assert row[0] == shares(result, NONE)[0]
    assert "in_context.plural = in_context.plural + in_context.past - in_context.past" in result.summary()[-2]


def test_functions_that_cannot_be_used_are_left_out_with_the_reason(bench: Bench, extract: Extract) -> None:
    result = extract(bench, **(SMALL | {"functions": [*SMALL["functions"], "word_pairs.number_word"]}))
    assert result.functions == SMALL["functions"]
    assert "of 30 pairs 0 can be used" in result.left_out["word_pairs.number_word"]
    assert "1 functions were left out" in result.summary()[0]
    with pytest.raises(ResultError, match="of 30 pairs 0 can be used"):
        result.vector("word_pairs.number_word")
    needing = {
        "functions": [*SMALL["functions"], "word_pairs.number_word"],
        "compositions": [["word_pairs.number_word"] * 4],
    }
    with pytest.raises(ConfigError, match=r"needs word_pairs\.number_word; .*of 30 pairs 0 can be used"):
        extract(bench, **(SMALL | needing))


def test_a_model_that_cannot_do_the_functions_is_refused_with_counts(bench: Bench, gpt2: HookedModel) -> None:
    with pytest.raises(TaskError, match=r"0 of 2 functions can be used.*answers 0 of 12 inputs for extraction"):
        FunctionVectors().run(with_fields(bench, model=gpt2), FunctionVectorsConfig.model_validate(SMALL))


@pytest.mark.parametrize(
    ("settings", "kind", "reason"),
    [
        ({"functions": ["in_context.plural"]}, ConfigError, "functions"),
        ({"functions": ["in_context.plural", "in_context.plural"]}, ConfigError, "functions names something twice"),
        ({"functions": ["in_context.plural", "plural"]}, UnknownNameError, "no function 'plural'"),
        ({"functions": ["in_context.plural", "none.json"]}, TaskError, "cannot be read"),
        ({"layers": [6]}, ConfigError, "6 layers"),
        ({"layers": []}, ConfigError, "layers"),
        ({"heads": 25}, ConfigError, "at most 24"),
        ({"shots": 8}, TaskError, "takes at most 32"),
        ({"shots": 12}, TaskError, "use more pairs or fewer examples"),
        ({"held_out": 0.99}, TaskError, "use more pairs or fewer examples"),
        ({"strengths": [0]}, ConfigError, "strengths"),
        ({"strengths": [1, 1]}, ConfigError, "twice"),
        ({"compositions": [["in_context.plural"] * 4] * 2}, ConfigError, "compositions names something twice"),
        ({"contexts": ["prose"]}, ConfigError, "contexts"),
        ({"corruptions": ["nonsense"]}, ConfigError, "corruptions"),
        ({"compositions": [["in_context.plural"] * 3 + ["in_context.copy"]]}, ConfigError, "needs in_context.copy"),
        ({"strength": 1}, ConfigError, "known fields"),
    ],
)
def test_wrong_settings_are_refused(
    bench: Bench, extract: Extract, settings: dict[str, Any], kind: type[JackfieldError], reason: str
) -> None:
    with pytest.raises(kind, match=reason):
        extract(bench, **(SMALL | settings))


def test_two_files_of_one_name_are_refused(bench: Bench, extract: Extract, tmp_path: Path) -> None:
    content = json.dumps([{"input": word, "output": output} for word, output in find("in_context.past").table.items()])
    paths = [tmp_path / folder / "past.json" for folder in ("one", "other")]
    for path in paths:
        path.parent.mkdir()
        path.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError, match="have one name"):
        extract(bench, **(SMALL | {"functions": [*map(str, paths)]}))


def test_a_task_that_is_about_no_function_needs_some_named(bench: Bench, extract: Extract) -> None:
    with pytest.raises(ConfigError, match="'ioi' is about no function"):
        extract(with_fields(bench, task="ioi"))


def test_progress_is_reported_to_the_end_and_can_cancel(bench: Bench, extract: Extract) -> None:
    seen: dict[str, list[tuple[int, int]]] = {}
    extract(with_fields(bench, progress=lambda name, *at: seen.setdefault(name, []).append(at)), **SMALL)
    assert all(reports[0][0] == 0 and reports[-1][0] == reports[-1][1] for reports in seen.values())
    assert {"functions that the model infers", "plural: mean outputs", "past: heads, random words"} <= {*seen}

    def cancel(description: str, done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        extract(with_fields(bench, progress=cancel), **SMALL)


def test_it_is_offered_to_studies() -> None:
    assert Registry.discover().analysis("function_vectors").summary == FunctionVectors.summary
