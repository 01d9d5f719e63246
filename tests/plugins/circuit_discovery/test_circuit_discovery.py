"""Circuit discovery from end to end: on the embedded model, on networks that know nothing, and on bad input."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from jackfield.bench import Bench
from jackfield.errors import ConfigError, JackfieldError, SiteError, TaskError, UndefinedMetricError
from jackfield.hooked_model import HookedModel
from jackfield.registry import Registry
from jackfield.testing import known_circuits
from jackfield_circuits import from_graphml, to_graphml
from jackfield_plugins.circuit_discovery.analysis import CircuitDiscovery
from jackfield_plugins.circuit_discovery.result import SETS, CircuitDiscoveryResult
from jackfield_plugins.circuit_discovery.scorers import gradient
from jackfield_plugins.circuit_discovery.scorers.gradient import EdgeScores

MakeBench = Callable[..., Bench]
QUICK = {
    "resamples": 20,
    "knockouts": 0,
    "rivals": 0,
    "random_circuits": 2,
    "verify": 8,
    "sample": 8,
    "sizes": [0.01, 0.1],
}


def discover(bench: Bench, **settings: Any) -> CircuitDiscoveryResult:
    return CircuitDiscovery().run(bench, CircuitDiscovery.Config.parse(settings))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def found(ioi: Bench) -> CircuitDiscoveryResult:
    return discover(ioi, knockouts=1, resamples=50, random_circuits=3, faithfulness=0.95)


def kept(result: CircuitDiscoveryResult, which: str, end: str = "") -> float:
    return float(result.data[f"set_faithfulness{end}"].sel(set=which))


def require_small_and_faithful(result: CircuitDiscoveryResult) -> None:
    assert 0 < len(result.edges) <= 0.1 * result.data.sizes["edge"]
    assert kept(result, "circuit") >= 0.9
    assert kept(result, "random circuits", "_high") < 0.2
    assert kept(result, "scattered edges", "_high") < 0.2


def test_a_tenth_of_the_edges_keeps_nine_tenths_of_indirect_objects(found: CircuitDiscoveryResult) -> None:
    require_small_and_faithful(found)
    assert kept(found, "all but the circuit") < 0.2


@pytest.mark.parametrize("task", ["greater_than", "two_hop"])
def test_other_tasks_have_small_circuits_too(fieldmouse: HookedModel, task: str) -> None:
    registry = Registry.discover()
    bench = Bench.prepare(fieldmouse, registry.task(task), registry.metric("logit_difference"), pairs=48, seed=1)
    require_small_and_faithful(discover(bench, **QUICK | {"faithfulness": 0.95}))


def test_estimates_of_the_strongest_edges_are_near_their_exact_effects(found: CircuitDiscoveryResult) -> None:
    data = found.data
    verified = np.isfinite(data["exact"].values)
    assert verified.sum() == 96
    assert np.corrcoef(data["effect"].values[verified], data["exact"].values[verified])[0, 1] > 0.95
    assert abs(float(data["completeness"]) - 1) < 0.05
    assert 0 <= float(data["missed"]) <= float(data["missed_at_most"]) < 0.2


def test_the_choice_is_held_to_chance_and_to_its_repetition(found: CircuitDiscoveryResult) -> None:
    data = found.data
    inside = data["circuit"].values
    assert data["inclusion"].values[inside].mean() > 0.8
    assert data["inclusion"].values[~inside].mean() < 0.1
    assert (data["inclusion_low"] <= data["inclusion"]).all()
    assert (data["inclusion"] <= data["inclusion_high"]).all()
    assert 0.5 < float(data["jaccard"].mean()) < 1
    assert data["faithfulness"].values[-1] == pytest.approx(1, abs=1e-4)
    assert data["random_faithfulness"].values[-1] == pytest.approx(1, abs=1e-4)
    assert (data["surviving"] <= data["asked"]).all()
    assert found.findings.sum() > 20


def test_the_result_tells_what_it_found(found: CircuitDiscoveryResult) -> None:
    text = " ".join(found.summary())
    assert f"The circuit has {len(found.edges)} of 3628 edges" in text
    for part in ("completeness gap", "Verified exactly", "CPR", "absolute scores, resample", "Most needed"):
        assert part in text
    frame = found.to_frame()
    assert frame["circuit"].head(len(found.edges)).all()
    assert list(found.plot()) == [
        "The circuit, layer by layer",
        "Faithfulness by size",
        "Stability of the choice",
        "Estimated against exact effect",
    ]


def test_the_circuit_goes_into_the_graph_with_its_evidence(found: CircuitDiscoveryResult) -> None:
    circuit = found.to_circuit()
    assert from_graphml(to_graphml(circuit)) == circuit
    for name in found.edges:
        methods = [claim.method for claim in circuit.evidence(name)]
        assert any("approximate" in method for method in methods)
        assert any("chosen again" in method for method in methods)
    strongest = found.to_frame()["edge"][0]
    assert any(claim.method == "noising, resample, single edge" for claim in circuit.evidence(strongest))
    assert circuit.edge(strongest).is_finding()
    assert all(claim.n == 16 for claim in circuit.evidence(strongest))


def test_results_survive_the_disk(found: CircuitDiscoveryResult, tmp_path: Path) -> None:
    found.save(tmp_path / "found.nc")
    again = CircuitDiscoveryResult.load(tmp_path / "found.nc")
    assert again.data.identical(found.data)
    assert again.summary() == found.summary()
    assert again.to_circuit() == found.to_circuit()


@pytest.fixture(scope="module")
def known() -> Bench:
    """A small model that is quick to search."""
    return known_circuits()["induction"]().bench(12)


def test_the_same_seed_gives_the_same_result(known: Bench) -> None:
    assert discover(known, **QUICK).data.identical(discover(known, **QUICK).data)
    assert not discover(replace(known, seed=4), **QUICK).data.identical(discover(known, **QUICK).data)


def test_progress_begins_and_ends(known: Bench) -> None:
    told: list[tuple[str, int, int]] = []
    discover(replace(known, progress=lambda *said: told.append(said)), **QUICK | {"knockouts": 1, "rivals": 1})
    names = {said[0] for said in told}
    assert {"scoring edges", "verifying", "knocking out nodes", "resampling the choice"} <= names
    for name in names:
        steps = [(done, total) for said, done, total in told if said == name]
        assert steps[0][0] == 0
        assert steps[-1][0] == steps[-1][1]


SETTINGS: list[dict[str, Any]] = [
    {"scorer": "eap"}, {"scorer": "clean_corrupted"}, {"scorer": "eap_ig_activations", "steps": 1},
    {"scorer": "information_flow", "select": "greedy", "count": 300},
    {"select": "greedy"}, {"select": "threshold", "threshold": 0.02}, {"level": "node", "count": 30},
    {"level": "node", "select": "threshold", "threshold": 0.05}, {"absolute": False}, {"rerank": True},
    {"ablation": "mean"}, {"ablation": "zero", "count": 400}, {"ablation": "positional_mean"},
    {"select": "acdc", "threshold": 0.05}, {"verify": 0},
]  # fmt: skip


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_every_way_ends_in_a_circuit_with_all_that_belongs_to_it(
    gpt2: HookedModel, random_bench: MakeBench, settings: dict[str, Any]
) -> None:
    bench = random_bench(gpt2)
    counted = {"count": min(settings["count"], 7)} if "count" in settings else {}
    result = discover(bench, **QUICK | {"knockouts": 1, "rivals": 1, "sizes": [0.1, 1]} | settings | counted)
    circuit = result.to_circuit()
    assert from_graphml(to_graphml(circuit)) == circuit
    assert result.summary()
    assert all(figure.axes for figure in result.plot().values())
    assert int(result.data["chosen"].sum()) >= int(result.data["circuit"].sum())
    if settings.get("verify") == 0:
        assert "none of the circuit's edges is among the strongest" in " ".join(result.summary())
    if settings.get("select") == "acdc":
        assert result.data.sizes["repetition"] == 4


def test_nodes_keep_all_edges_out_of_them(gpt2: HookedModel, random_bench: MakeBench) -> None:
    result = discover(random_bench(gpt2), **QUICK | {"level": "node", "count": 4})
    chosen = result.data["edge"].values[result.data["chosen"].values].tolist()
    sources = {name.split("->")[0] for name in chosen}
    assert len(sources) == 4
    assert chosen == [name for name in result.data["edge"].values.tolist() if name.split("->")[0] in sources]


def test_edges_of_a_group_are_written_for_each_of_its_heads(llama: HookedModel, random_bench: MakeBench) -> None:
    result = discover(random_bench(llama), **QUICK | {"verify": 60, "sample": 2})
    circuit = result.to_circuit()
    keys = [name for name in result.to_frame()["edge"] if name.endswith("a1.h1<k>")]
    assert keys
    for name in keys:
        source = name.split("->")[0]
        assert f"{source}->a1.h2<k>" in circuit
        assert circuit.evidence(f"{source}->a1.h2<k>") == circuit.evidence(f"{source}->a1.h3<k>")


def test_noise_is_no_finding(ioi: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """3,628 edges that score at random, the strongest of which are chosen."""
    draw = np.random.default_rng(0)
    real = gradient.gradient_scores

    def noise(*given: Any) -> EdgeScores:
        scores = real(*given)
        return replace(scores, values=draw.normal(size=scores.values.shape))

    monkeypatch.setattr("jackfield_plugins.circuit_discovery.scoring.gradient_scores", noise)
    result = discover(ioi, **QUICK | {"count": 80})
    assert int(result.findings.sum()) <= 2


def test_a_selection_that_leads_nowhere_is_reported(ioi: Bench) -> None:
    result = discover(ioi, **QUICK | {"count": 1, "knockouts": 1, "rivals": 1})
    assert result.edges == []
    assert "No circuit: none of the 1 chosen edges of 3628" in result.summary()[0]
    assert "The circuit, layer by layer" not in result.plot()
    assert result.to_circuit().edges


BAD: list[tuple[dict[str, Any], type[JackfieldError], str]] = [
    ({"count": 9999}, ConfigError, "a circuit of 9999 edges was asked for; this model has 3628"),
    ({"count": 99, "level": "node"}, ConfigError, "a circuit of 99 nodes was asked for; this model has 55"),
    ({"count": 3, "select": "acdc"}, ConfigError, "exclude each other"),
    ({"level": "node", "select": "greedy"}, ConfigError, "chooses edges, not nodes"),
    ({"sizes": [0.5, 0.1]}, ConfigError, "ascending shares"),
    ({"scorer": "eapig"}, ConfigError, "scorer"),
]


@pytest.mark.parametrize(("settings", "error", "message"), BAD, ids=[str(case[0]) for case in BAD])
def test_bad_settings_are_refused(
    ioi: Bench, settings: dict[str, Any], error: type[JackfieldError], message: str
) -> None:
    with pytest.raises(error, match=message):
        discover(ioi, **QUICK | settings)


def test_pairs_without_a_difference_are_refused(ioi: Bench) -> None:
    same = replace(ioi, pairs=replace(ioi.pairs, corrupted=ioi.pairs.clean))
    with pytest.raises(UndefinedMetricError, match="score the same on average"):
        discover(same)


def test_a_metric_without_a_slope_is_refused(ioi: Bench) -> None:
    with pytest.raises(UndefinedMetricError, match="cannot be differentiated"):
        discover(replace(ioi, metric=Registry.discover().metric("rank")))


def test_scores_that_are_not_numbers_are_refused(ioi: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    unknown = EdgeScores(np.full((len(ioi.pairs), 3628), np.nan))
    monkeypatch.setattr("jackfield_plugins.circuit_discovery.scoring.gradient_scores", lambda *_: unknown)
    with pytest.raises(UndefinedMetricError, match=f"{len(ioi.pairs) * 3628} edge scores are infinite or not numbers"):
        discover(ioi)


def test_three_pairs_are_too_few(ioi: Bench) -> None:
    with pytest.raises(TaskError, match="3 pairs are too few"):
        discover(replace(ioi, pairs=ioi.pairs.select([0, 1, 2])))


def test_a_model_without_heads_to_tell_apart_is_refused(ioi: Bench, faulty: Any) -> None:
    blocks = [torch.nn.Identity() for _ in range(6)]
    with pytest.raises(SiteError, match="does not show its heads' weights"):
        discover(replace(ioi, model=faulty(ioi.model, blocks=blocks)))


def test_it_is_offered_to_studies() -> None:
    registry = Registry.discover()
    assert registry.analysis("circuit_discovery") is CircuitDiscovery
    assert registry.provider("analysis", "circuit_discovery") == "circuit_discovery"
    assert len(SETS) == 4
