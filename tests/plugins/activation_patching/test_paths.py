"""Path patching and edge patching on fieldmouse's indirect objects."""

from __future__ import annotations

from dataclasses import replace as with_fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jackfield.bench import Bench
from jackfield.errors import ConfigError, JackfieldError, SiteError, UndefinedMetricError
from jackfield.hooked_model import HookedModel
from jackfield.registry import Registry
from jackfield_plugins.activation_patching import ground
from jackfield_plugins.activation_patching.paths.edge_patching import EdgePatching
from jackfield_plugins.activation_patching.paths.path_patching import PathPatching
from jackfield_plugins.activation_patching.paths.result import EdgePatchingResult, PathPatchingResult


@pytest.fixture(scope="module")
def bench(fieldmouse: HookedModel) -> Bench:
    registry = Registry.discover()
    return Bench.prepare(fieldmouse, registry.task("ioi"), registry.metric("logit_difference"), pairs=24, seed=3)


def paths(bench: Bench, **settings: Any) -> PathPatchingResult:
    return PathPatching().run(bench, PathPatching.Config.parse(settings))  # type: ignore[arg-type,return-value]


def edges(bench: Bench, **settings: Any) -> EdgePatchingResult:
    return EdgePatching().run(bench, EdgePatching.Config.parse(settings))  # type: ignore[arg-type,return-value]


@pytest.fixture(scope="module")
def to_logits(bench: Bench) -> PathPatchingResult:
    return paths(bench, senders=["*"])


@pytest.fixture(scope="module")
def into_logits(bench: Bench) -> EdgePatchingResult:
    return edges(bench)


def test_all_edges_into_the_logits_carry_the_whole_difference(into_logits: EdgePatchingResult) -> None:
    assert into_logits.data.sizes["edge"] == 55
    assert float(into_logits.data["joint"][0]) == pytest.approx(1, abs=1e-4)
    assert float(into_logits.data["joint_control"][0]) < 0.8
    assert "All 55 edges together move 100%" in into_logits.summary()[-1]


def test_with_frozen_mlps_a_path_to_the_logits_is_the_edge(bench: Bench, into_logits: EdgePatchingResult) -> None:
    frozen = paths(bench, senders=["*"], freeze_mlps=True)
    assert frozen.data["sender"].values.tolist() == into_logits.data["sender"].values.tolist()
    np.testing.assert_allclose(frozen.data["metric"], into_logits.data["metric"], atol=1e-4)
    np.testing.assert_allclose(frozen.data["control_metric"], into_logits.data["control_metric"], atol=1e-4)


def test_live_mlps_matter_for_early_heads_and_not_for_the_last_mlp(
    bench: Bench, to_logits: PathPatchingResult, into_logits: EdgePatchingResult
) -> None:
    live, frozen = to_logits.data["effect"].values, into_logits.data["effect"].values
    assert np.abs(live - frozen)[:9].max() > 0.005
    assert live[-1] == pytest.approx(frozen[-1], abs=1e-5)


def test_heads_of_the_middle_layers_tell_the_logits_and_stand_clear_of_the_control(
    to_logits: PathPatchingResult,
) -> None:
    found = to_logits.to_frame().query("finding and effect > 0")
    assert len(found) >= 5
    assert (found["effect_low"] > found["control_high"]).all()
    assert {name[:2] for name in found["sender"]} <= {"a1", "a2", "a3", "a4"}
    assert float(to_logits.data["effect"].sel(sender="input")) == pytest.approx(0, abs=1e-6)


def test_the_edge_into_a_value_of_the_second_mention_comes_from_the_first_mlp(bench: Bench) -> None:
    result = edges(bench, edges=["*->a2.h5<v>"], positions=["S2"])
    assert result.to_frame()["edge"][0] == "m0->a2.h5<v>"
    assert bool(result.to_frame()["finding"][0])


def test_the_question_at_the_end_does_not_reach_values_that_only_earlier_tokens_hold(bench: Bench) -> None:
    result = edges(bench, edges=["input->a1.h0<v>", "m0->a1.h0<v>"], positions=["S1"])
    assert result.data["effect"].values.tolist() == pytest.approx([0, 0], abs=1e-6)
    assert not result.findings.any()


def test_paths_that_carry_nothing_are_no_findings(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    other = bench.pairs.unrelated_rows(bench.draw("another unrelated prompt"))
    monkeypatch.setattr(ground, "_replaced", lambda bench, replacement, source: source[other])
    assert int(paths(bench).findings.sum()) <= 1
    assert int(edges(bench).findings.sum()) <= 1


def test_noising_all_edges_takes_everything_away(bench: Bench) -> None:
    result = edges(bench, direction="noising", positions=["END"])
    assert float(result.data["joint"][0]) == pytest.approx(1, abs=1e-4)
    assert result.baselines["clean"].value > 0 > result.baselines["corrupted"].value


def test_a_single_receiver_gives_edges_and_several_give_claims_on_senders(
    bench: Bench, to_logits: PathPatchingResult
) -> None:
    circuit = to_logits.to_circuit()
    assert len(circuit.edges) == 55
    claim = circuit.edge("a2.h5->logits").evidence[0]
    assert claim.method == "denoising, resample, paths to logits, MLPs live"
    assert (claim.position, claim.control_kind) == ("END", "unrelated prompt")
    several = paths(bench, senders=["m*"], receivers=["a2.h*<v>"], positions=["S2", "END"], freeze_mlps=True)
    joint = several.to_circuit()
    assert (len(joint.edges), [node.id for node in joint.nodes]) == (0, ["m0", "m1"])
    claim = joint.nodes[0].evidence[0]
    assert claim.method == ("denoising, resample, paths to a2.h0<v> and a2.h1<v> and a2.h2<v> and 5 more, MLPs frozen")
    assert claim.position == "S2+END"


def test_edges_go_into_the_circuit_under_their_own_names(bench: Bench) -> None:
    result = edges(bench, senders=["m0"], receivers=["a1.h0<*>", "m1"])
    names = ["m0->a1.h0<q>", "m0->a1.h0<k>", "m0->a1.h0<v>", "m0->m1"]
    assert result.data["edge"].values.tolist() == names
    circuit = result.to_circuit()
    assert [edge.name for edge in circuit.edges] == names
    assert all(edge.evidence[0].plugin == "edge_patching" for edge in circuit.edges)
    assert set(result.plot()) == {"Effect by sender and receiver"}


def test_results_survive_the_disk(
    to_logits: PathPatchingResult, into_logits: EdgePatchingResult, tmp_path: Path
) -> None:
    for result in (to_logits, into_logits):
        path = tmp_path / f"{result.axis}.nc"
        result.save(path)
        loaded = type(result).load(path)
        assert loaded.data.identical(result.data)
        assert loaded.summary() == result.summary()
        assert loaded.to_circuit() == result.to_circuit()
        assert len(loaded.plot()) == 1


def test_the_result_is_the_same_for_the_same_seed(bench: Bench) -> None:
    settings: dict[str, Any] = {"senders": ["m2"], "receivers": ["logits"]}
    assert paths(bench, **settings).data.identical(paths(bench, **settings).data)
    assert edges(bench, **settings).data.identical(edges(bench, **settings).data)


def test_progress_begins_and_ends(bench: Bench) -> None:
    seen: list[tuple[str, int, int]] = []
    telling = with_fields(bench, progress=lambda *report: seen.append(report))
    paths(telling, senders=["a2.h*"])
    for name in ("patching: paths", "patching", "control: paths", "control"):
        reports = [(done, total) for description, done, total in seen if description == name]
        assert (reports[0], reports[-1]) == ((0, 8), (8, 8))


@pytest.mark.parametrize(
    ("settings", "kind", "reason"),
    [
        ({"senders": ["a9.h*"]}, SiteError, "matches none of the 55 senders"),
        ({"receivers": ["a2.h5"]}, SiteError, "matches none of the 151 receivers"),
        ({"senders": ["m5"], "receivers": ["a2.h5<q>"]}, ConfigError, "no sender that matches m5 feeds"),
        ({"layers": [6]}, ConfigError, "6 layers"),
        ({"layers": [5], "receivers": ["m2"]}, ConfigError, "from layers 5"),
        ({"positions": ["S9"]}, ConfigError, "S9"),
        ({"positions": []}, ConfigError, "positions"),
        ({"senders": []}, ConfigError, "senders"),
    ],
)
def test_paths_that_do_not_exist_are_refused(
    bench: Bench, settings: dict[str, Any], kind: type[JackfieldError], reason: str
) -> None:
    with pytest.raises(kind, match=reason):
        paths(bench, **settings)


@pytest.mark.parametrize(
    ("settings", "kind", "reason"),
    [
        ({"edges": ["m5->a2.h5<q>"]}, SiteError, "matches none of the 3628 edges"),
        ({"edges": ["*"]}, ConfigError, "3628 edges were asked for, of 3628 .* at most 1000"),
        ({"edges": ["*"], "senders": ["m0"]}, ConfigError, "not both"),
        ({"senders": ["m5"], "receivers": ["m0"]}, ConfigError, "no edge to patch"),
        ({"most": 0}, ConfigError, "most"),
        ({"positions": ["S9"]}, ConfigError, "S9"),
    ],
)
def test_edges_that_do_not_exist_are_refused(
    bench: Bench, settings: dict[str, Any], kind: type[JackfieldError], reason: str
) -> None:
    with pytest.raises(kind, match=reason):
        edges(bench, **settings)


def test_pairs_without_a_difference_have_no_shares(bench: Bench) -> None:
    same = with_fields(bench, pairs=with_fields(bench.pairs, corrupted=bench.pairs.clean))
    with pytest.raises(UndefinedMetricError, match="the same on average"):
        paths(same, senders=["m0"])


def test_both_are_offered_to_studies() -> None:
    registry = Registry.discover()
    assert [registry.analysis(kind.name).summary for kind in (PathPatching, EdgePatching)] == [
        PathPatching.summary, EdgePatching.summary,
    ]  # fmt: skip
