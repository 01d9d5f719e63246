"""Activation patching on fieldmouse's indirect objects, where much of the answer is known beforehand."""

from __future__ import annotations

from dataclasses import replace as with_fields
from pathlib import Path
from typing import Any

import igraph
import networkx as nx
import numpy as np
import pytest
import torch

from jackfield.bench import Bench
from jackfield.errors import AlignmentError, ConfigError, ResultError, UndefinedMetricError
from jackfield.hooked_model import HookedModel
from jackfield.registry import Registry
from jackfield_circuits import write_graphml
from jackfield_plugins.activation_patching import ground
from jackfield_plugins.activation_patching.analysis import ActivationPatching
from jackfield_plugins.activation_patching.config import ActivationPatchingConfig
from jackfield_plugins.activation_patching.result import ActivationPatchingResult


@pytest.fixture(scope="module")
def bench(fieldmouse: HookedModel) -> Bench:
    registry = Registry.discover()
    return Bench.prepare(fieldmouse, registry.task("ioi"), registry.metric("logit_difference"), pairs=32, seed=3)


def patch(bench: Bench, **settings: Any) -> ActivationPatchingResult:
    return ActivationPatching().run(bench, ActivationPatchingConfig.model_validate(settings))


def effects(result: ActivationPatchingResult) -> dict[str, float]:
    return dict(zip(result.data["place"].values.tolist(), result.data["effect"].values.tolist(), strict=True))


@pytest.fixture(scope="module")
def heads(bench: Bench) -> ActivationPatchingResult:
    return patch(bench, streams=())


@pytest.fixture(scope="module")
def streams(bench: Bench) -> ActivationPatchingResult:
    return patch(bench, heads=False, layers=(0, 5))


def test_the_only_word_that_differs_carries_everything_into_layer_0(streams: ActivationPatchingResult) -> None:
    assert effects(streams)["resid_pre.0@S2"] == pytest.approx(1, abs=1e-6)


def test_the_answer_stands_at_the_second_mention_early_and_at_the_end_late_as_the_card_says(bench: Bench) -> None:
    result = patch(bench, heads=False, streams=["resid_pre"], layers=[0, 1, 5], positions=["S1", "S2", "END"])
    found = effects(result)
    assert found["resid_pre.1@S2"] > 0.9
    assert found["resid_pre.5@END"] > 0.8
    overwritten = result.data["control"]
    assert overwritten.sel(place="resid_pre.0@S1") > 0.5
    assert abs(overwritten.sel(place="resid_pre.1@S1")) < 0.15


@pytest.mark.parametrize("place", ["resid_pre.0@IO", "resid_pre.5@S1", "resid_pre.5@IO", "attn_out.5@S1", "m5@S1"])
def test_positions_before_the_first_difference_carry_exactly_nothing(
    streams: ActivationPatchingResult, place: str
) -> None:
    assert effects(streams)[place] == 0


def test_noising_the_whole_difference_takes_everything_away(bench: Bench) -> None:
    result = patch(bench, direction="noising", heads=False, streams=["resid_pre"], layers=[0])
    assert effects(result)["resid_pre.0@S2"] == pytest.approx(1, abs=1e-6)
    assert result.baselines["clean"].value > 0 > result.baselines["corrupted"].value


def test_an_effect_equals_that_of_a_hand_written_patch_on_the_bridge(
    bench: Bench, heads: ActivationPatchingResult
) -> None:
    bridge, pairs = bench.model._bridge, bench.pairs
    kept = {}
    name = "blocks.2.attn.hook_z"

    def answer_difference(logits: torch.Tensor) -> torch.Tensor:
        last = logits[torch.arange(len(pairs)), pairs.clean.last_columns]
        return (last * pairs.answers).sum(-1) - (last * pairs.foils).sum(-1)

    def write(activation: torch.Tensor, hook: object) -> torch.Tensor:
        activation = activation.clone()
        activation[:, :, 3] = kept["z"][:, :, 3]
        return activation

    with torch.no_grad():
        options = {"attention_mask": pairs.clean.mask.long()}
        clean = bridge.run_with_hooks(
            pairs.clean.tokens,
            fwd_hooks=[(name, lambda activation, hook: kept.update(z=activation.clone()))],
            **options,
        )
        corrupted = bridge(pairs.corrupted.tokens, **options)
        patched = bridge.run_with_hooks(pairs.corrupted.tokens, fwd_hooks=[(name, write)], **options)
    moved = (answer_difference(patched) - answer_difference(corrupted)).mean()
    expected = moved / (answer_difference(clean) - answer_difference(corrupted)).mean()
    assert effects(heads)["a2.h3"] == pytest.approx(expected.item(), abs=1e-5)


def test_heads_stand_clear_of_the_control_and_eight_together_restore_nine_tenths(
    heads: ActivationPatchingResult,
) -> None:
    found = heads.to_frame().query("finding")
    assert len(found) >= 3
    restoring = found[found["effect"] > 0]
    assert (restoring["effect_low"] > restoring["control_high"]).all()
    assert (restoring["effect_low"] > 0).all()
    together = heads.data.sel(count=8)
    assert together["joint"] >= 0.9
    assert together["joint_low"] > together["joint_control_high"]
    assert together["joint_low"] > together["joint_random_high"]
    assert any("8 strongest heads together" in sentence for sentence in heads.summary())


def test_patches_that_carry_nothing_are_no_findings(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    other = bench.pairs.unrelated_rows(bench.draw("another unrelated prompt"))
    monkeypatch.setattr(ground, "_replaced", lambda bench, replacement, source: source[other])
    result = patch(bench, streams=["attn_out", "mlp_out"], strongest=1, random_draws=2)
    assert int(result.findings.sum()) <= 1


def test_the_result_is_the_same_for_the_same_seed_and_differs_for_another(bench: Bench) -> None:
    settings: dict[str, Any] = {"streams": ["attn_out"], "layers": [0], "strongest": 2, "random_draws": 2}
    first, second = patch(bench, **settings), patch(bench, **settings)
    assert first.data.identical(second.data)
    other = patch(with_fields(bench, seed=4), **settings)
    assert not np.array_equal(other.data["control"], first.data["control"])
    assert np.array_equal(other.data["effect"], first.data["effect"])


@pytest.mark.parametrize("replacement", ["mean", "zero"])
def test_ablations_of_a_whole_stream_take_the_answer_away(bench: Bench, replacement: str) -> None:
    result = patch(
        bench, direction="noising", replacement=replacement, heads=False, streams=["resid_pre"], layers=[5],
        positions=["END"],
    )  # fmt: skip
    assert effects(result)["resid_pre.5@END"] > 0.25


def test_every_token_can_be_swept_when_pairs_share_a_template(bench: Bench) -> None:
    template = bench.pairs.pairs[0].template
    rows = [row for row, pair in enumerate(bench.pairs.pairs) if pair.template == template]
    one = with_fields(bench, pairs=bench.pairs.select(rows))
    result = patch(one, heads=False, streams=["resid_pre"], layers=[0], positions="every")
    length = int(one.pairs.clean.lengths[0])
    assert result.data.sizes["place"] == length
    found = effects(result)
    assert found[f"resid_pre.0@{int(one.pairs.positions['S2'][0])}"] == pytest.approx(1, abs=1e-6)
    assert sum(value != 0 for value in found.values()) == 1


def test_every_token_is_refused_when_templates_differ(bench: Bench) -> None:
    with pytest.raises(AlignmentError, match="templates"):
        patch(bench, positions="every")


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"layers": [6]}, "6 layers"),
        ({"positions": ["S9"]}, "S9"),
        ({"head_positions": ["END", "S1+S9"]}, "S9"),
        ({"corruption": "gaussian", "noise_positions": ["S9"]}, "S9"),
    ],
)
def test_places_that_do_not_exist_are_refused(bench: Bench, settings: dict[str, Any], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        patch(bench, **settings)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"replacement": "zero"}, "noising"),
        ({"direction": "sideways"}, "direction"),
        ({"layer": [1]}, "known fields"),
        ({"streams": [], "heads": False}, "nothing to patch"),
        ({"strongest": 0}, "strongest"),
        ({"direction": "noising", "replacement": "zero", "components": ["pattern"]}, "not a distribution"),
        ({"components": []}, "components"),
        ({"components": ["w"]}, "components"),
        ({"window": 0}, "window"),
        ({"corruption": "gaussian"}, "noise_positions"),
        ({"noise_positions": ["S1"]}, "go together"),
        ({"corruption": "gaussian", "noise_positions": ["S1"], "noise_level": 0}, "noise_level"),
        (
            {"corruption": "gaussian", "noise_positions": ["S1"], "direction": "noising", "replacement": "mean"},
            "leave noise out",
        ),
        ({"interactions": 1}, "at least two"),
        ({"interactions": 2, "heads": False}, "heads to be swept"),
    ],
)
def test_wrong_settings_are_refused_with_the_fields_that_exist(settings: dict[str, Any], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        ActivationPatchingConfig.parse(settings)


def test_pairs_without_a_difference_have_no_shares(bench: Bench) -> None:
    same = with_fields(bench, pairs=with_fields(bench.pairs, corrupted=bench.pairs.clean))
    with pytest.raises(UndefinedMetricError, match="the same on average"):
        patch(same, streams=["attn_out"], layers=[0], heads=False)


def test_the_circuit_holds_every_place_with_its_control_and_interval(
    heads: ActivationPatchingResult, streams: ActivationPatchingResult
) -> None:
    circuit = heads.to_circuit() | streams.to_circuit()
    assert {node.id for node in circuit.nodes} >= {"a0.h0", "a5.h7", "resid_pre.0", "attn_out.5", "m5"}
    for node in circuit.nodes:
        for claim in node.evidence:
            assert claim.control is not None
            assert claim.low is not None
            assert claim.q_value is not None
            assert claim.run in circuit.runs
    (claim,) = heads.to_circuit().node("a2.h3").evidence
    assert claim.score == effects(heads)["a2.h3"]


def test_igraph_and_networkx_read_the_same_graph_from_the_file(heads: ActivationPatchingResult, tmp_path: Path) -> None:
    write_graphml(heads.to_circuit(), tmp_path / "circuit.graphml")
    one = nx.read_graphml(tmp_path / "circuit.graphml", force_multigraph=True)
    other = igraph.Graph.Read_GraphML(str(tmp_path / "circuit.graphml"))
    assert set(one.nodes) == set(other.vs["id"]) == {node.id for node in heads.to_circuit().nodes}
    for vertex in other.vs:
        for score in ("score", "low", "high", "activation_patching.control", "activation_patching.q_value"):
            assert vertex[score] == one.nodes[vertex["id"]][score]
        assert vertex["finding"] == one.nodes[vertex["id"]]["finding"]


def test_a_saved_result_comes_back_the_same(heads: ActivationPatchingResult, tmp_path: Path) -> None:
    heads.save(tmp_path / "heads.nc")
    back = ActivationPatchingResult.load(tmp_path / "heads.nc")
    assert back.data.identical(heads.data)
    assert back.provenance == heads.provenance
    assert back.to_circuit() == heads.to_circuit()
    (tmp_path / "heads.nc").write_bytes((tmp_path / "heads.nc").read_bytes()[:1000])
    with pytest.raises(ResultError):
        ActivationPatchingResult.load(tmp_path / "heads.nc")


def test_pictures_are_drawn_for_what_was_swept(
    heads: ActivationPatchingResult, streams: ActivationPatchingResult
) -> None:
    assert set(streams.plot()) == {"Effect by layer and position"}
    pictures = heads.plot()
    assert set(pictures) == {"Effect by layer and head", "The strongest heads together"}
    for figure in pictures.values():
        figure.canvas.draw()


def test_progress_is_reported_to_the_end_and_can_cancel(bench: Bench) -> None:
    seen: list[tuple[str, int, int]] = []
    patch(
        with_fields(bench, progress=lambda *event: seen.append(event)),
        heads=False, streams=["attn_out"], layers=[0], positions=["END"],
    )  # fmt: skip
    assert seen == [("patching", 0, 1), ("patching", 1, 1), ("control", 0, 1), ("control", 1, 1)]

    def cancel(description: str, done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        patch(with_fields(bench, progress=cancel), heads=False)
