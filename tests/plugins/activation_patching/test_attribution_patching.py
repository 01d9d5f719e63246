"""Attribution patching: exact where nothing bends, near exact patching elsewhere, and honest about how near."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace as with_fields
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from jackfield.bench import Bench
from jackfield.errors import ConfigError, InterventionError, UndefinedMetricError
from jackfield.hooked_model import HookedModel
from jackfield.registry import Registry
from jackfield.sites import Site
from jackfield_plugins.activation_patching import ground
from jackfield_plugins.activation_patching.analysis import ActivationPatching
from jackfield_plugins.activation_patching.attribution import atp_star
from jackfield_plugins.activation_patching.attribution.analysis import AttributionPatching
from jackfield_plugins.activation_patching.attribution.config import AttributionPatchingConfig
from jackfield_plugins.activation_patching.attribution.result import AttributionPatchingResult
from jackfield_plugins.activation_patching.config import ActivationPatchingConfig

if TYPE_CHECKING:
    from transformers import PreTrainedModel

LAYERS = (0, 4)
METHODS = ("atp", "atp_star", "integrated_gradients")


@pytest.fixture(scope="module")
def bench(fieldmouse: HookedModel) -> Bench:
    registry = Registry.discover()
    return Bench.prepare(fieldmouse, registry.task("ioi"), registry.metric("logit_difference"), pairs=24, seed=3)


@pytest.fixture(scope="module")
def straight(
    tiny_network: Callable[[str], PreTrainedModel], without_norms: Callable[[PreTrainedModel], HookedModel]
) -> Bench:
    """A random model without norms whose last MLP is silent: behind its last attention nothing bends."""
    network = tiny_network("llama")
    for name, parameter in network.named_parameters():
        parameter.data.mul_(1e-3 if "layers.1.mlp.down_proj" in name else 2.5)
    return random_bench(without_norms(network))


def random_bench(model: HookedModel, metric: str = "logit_difference") -> Bench:
    """All pairs of a task, though an untrained model gets none right."""
    registry = Registry.discover()
    task = registry.task("ioi")
    return Bench(model, task.pairs(model, 12, 0), registry.metric(metric), task.name)


def attribute(bench: Bench, **settings: Any) -> AttributionPatchingResult:
    return AttributionPatching().run(bench, AttributionPatchingConfig.model_validate(settings))


def effects(result: Any, name: str = "effect") -> dict[str, float]:
    return dict(zip(result.data["place"].values.tolist(), result.data[name].values.tolist(), strict=True))


@pytest.fixture(scope="module")
def results(bench: Bench) -> Callable[[str], AttributionPatchingResult]:
    """The result of each method, with all places verified, computed when it is first asked for."""

    @cache
    def result(method: str) -> AttributionPatchingResult:
        return attribute(bench, method=method, layers=LAYERS, sample=1000, steps=4)

    return result


def test_estimates_are_exact_where_nothing_bends(straight: Bench) -> None:
    result = attribute(straight, method="atp", streams=["attn_out", "mlp_out"], layers=[1], sample=100)
    assert np.isfinite(result.data["exact"]).any()
    for place, exact in effects(result, "exact").items():
        if np.isfinite(exact):
            assert effects(result)[place] == pytest.approx(exact, rel=1e-2, abs=1e-3), place


def test_queries_and_keys_are_exact_where_the_metric_is_straight_in_the_pattern(straight: Bench) -> None:
    """Only with AtP*: the slope by a query or key itself misses the bend of the softmax."""
    off = {}
    for method in ("atp", "atp_star"):
        result = attribute(
            straight, method=method, streams=[], layers=[1], queries_and_keys=True, sample=1000, direction="noising"
        )
        data = result.data.isel(place=np.isin(result.data["stream"], ["q", "k"]) & np.isfinite(result.data["exact"]))
        assert {"q", "k"} == set(data["stream"].values.tolist())
        off[method] = float(np.abs(data["effect"] - data["exact"]).max() / np.abs(data["exact"]).max())
    assert off["atp_star"] < 1e-2
    assert off["atp"] > 0.1


@pytest.mark.parametrize("method", METHODS)
def test_estimates_follow_exact_effects_and_say_how_well(
    results: Callable[[str], AttributionPatchingResult], method: str
) -> None:
    data = results(method).data
    verified = np.isfinite(data["exact"].values)
    assert verified.sum() == data["sampled"].sum() == data["candidates"]
    gap = np.abs(data["effect"] - data["exact"]).values[verified]
    assert np.median(gap) < 0.02
    assert float(data["spearman"]) > 0.9
    assert float(data["spearman_low"]) < float(data["spearman"]) < float(data["spearman_high"])
    assert 0.6 < float(data["recall_low"]) == pytest.approx(float(data["recall"]))
    assert results(method).summary()[0].startswith("Agreement of ")


def test_exact_effects_are_those_of_activation_patching(
    bench: Bench, results: Callable[[str], AttributionPatchingResult]
) -> None:
    settings = ActivationPatchingConfig(layers=LAYERS, strongest=1, random_draws=2)
    wanted = effects(ActivationPatching().run(bench, settings))
    for place, exact in effects(results("atp"), "exact").items():
        assert wanted[place] == (pytest.approx(exact, abs=1e-5) if np.isfinite(exact) else 0), place


def test_an_estimate_is_the_slope_times_the_change(
    bench: Bench, results: Callable[[str], AttributionPatchingResult]
) -> None:
    pairs, key, site = bench.pairs, bench.key(), Site.parse("a4.h3.z")
    base = bench.model.run_with_gradients(pairs.corrupted, [site], lambda logits: bench.metric(logits, key))
    change = bench.model.run_with_cache(pairs.clean, [site])[site] - base[site]
    moved = (change * base.gradient(site)).sum((-2, -1))
    whole = bench.metric(bench.clean_logits(), key) - base.values
    assert effects(results("atp"))["a4.h3"] == pytest.approx(float(moved.mean() / whole.mean()), abs=1e-5)


def test_places_that_hold_the_same_in_both_prompts_are_estimated_at_nothing_and_never_drawn(
    results: Callable[[str], AttributionPatchingResult],
) -> None:
    for method in METHODS:
        data = results(method).data
        early = np.isin(data["position"].values, ["IO", "S1"])
        assert early.any()
        assert not data["effect"].values[early].any()
        assert not data["sampled"].values[early].any()
        assert not results(method).findings.values[early].any()


def test_integrated_gradients_of_the_input_add_up_as_steps_grow(bench: Bench) -> None:
    settings: dict[str, Any] = {"streams": ["resid_pre"], "heads": False, "layers": [0], "sample": 2, "top": 1}
    coarse, fine = (attribute(bench, method="integrated_gradients", steps=steps, **settings) for steps in (1, 12))
    assert abs(float(fine.data["completeness"]) - 1) < 0.01 < abs(float(coarse.data["completeness"]) - 1)
    assert effects(fine)["resid_pre.0@S2"] == pytest.approx(1, abs=0.01)
    assert "near enough" in fine.summary()[1]
    assert "take more steps" in coarse.summary()[1]


def test_one_step_from_the_left_is_the_slope_where_the_way_begins(
    bench: Bench, results: Callable[[str], AttributionPatchingResult]
) -> None:
    coarse = attribute(bench, method="integrated_gradients", steps=1, rule="left", layers=LAYERS, sample=2)
    np.testing.assert_allclose(coarse.data["effect"], results("atp").data["effect"], atol=1e-5)
    np.testing.assert_allclose(coarse.data["control"], results("atp").data["control"], atol=1e-5)


def test_with_two_layers_gradient_drop_is_the_slope_on_the_far_side_of_the_other(llama: HookedModel) -> None:
    drop = random_bench(llama)
    result = attribute(drop, method="atp_star", streams=["mlp_out"], heads=False, queries_and_keys=False, sample=2)
    model, pairs = drop.model, drop.pairs
    first, end = Site.parse("m0"), Site.parse("resid_post.1")
    key = drop.key(drop.clean_logits())
    base = model.run_with_gradients(pairs.corrupted, [first, end], lambda logits: drop.metric(logits, key))
    change = model.run_with_cache(pairs.clean, [first])[first] - base[first]
    left = (change * base.gradient(end)).sum(-1)[pairs.clean.at(pairs.positions["END"])]
    whole = drop.metric(drop.clean_logits(), key) - base.values
    wanted = float(left.abs().mean() / whole.mean().abs())
    assert wanted > 0
    assert effects(result, "magnitude")["m0@END"] == pytest.approx(wanted, rel=1e-4)


def test_patches_that_carry_nothing_are_no_findings(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    other = bench.pairs.unrelated_rows(bench.draw("another unrelated prompt"))
    monkeypatch.setattr(ground, "_replaced", lambda bench, replacement, source: source[other])
    for method in METHODS:
        result = attribute(bench, method=method, layers=[0], steps=2, sample=2, top=1)
        assert int(result.findings.sum()) <= 1, method


def test_the_size_of_portions_changes_nothing(bench: Bench) -> None:
    settings: dict[str, Any] = {"method": "atp_star", "layers": [1], "positions": ["S2"], "sample": 2, "top": 1}
    one, other = attribute(bench, **settings, pairs_at_once=7), attribute(bench, **settings)
    np.testing.assert_allclose(one.data["effect"], other.data["effect"], atol=1e-5)
    np.testing.assert_allclose(one.data["magnitude"], other.data["magnitude"], atol=1e-5)


def test_the_result_is_the_same_for_the_same_seed_and_differs_for_another(bench: Bench) -> None:
    settings: dict[str, Any] = {"streams": ["attn_out"], "heads": False, "sample": 4, "top": 2}
    first, second = attribute(bench, **settings), attribute(bench, **settings)
    assert first.data.identical(second.data)
    other = attribute(with_fields(bench, seed=4), **settings)
    assert not np.array_equal(other.data["sampled"], first.data["sampled"])
    assert np.array_equal(other.data["effect"], first.data["effect"])


def test_streams_between_and_behind_the_parts_of_a_layer_and_groups_are_attributed(straight: Bench) -> None:
    """Behind the last attention nothing bends, so that whatever lies there is exact; groups add up."""
    streams = ["resid_mid", "resid_post"]
    result = attribute(
        straight, method="atp_star", streams=streams, layers=[1], positions=["S2", "END", "S2+END"], heads=False,
        sample=1000,
    )  # fmt: skip
    exact, found = effects(result, "exact"), effects(result)
    for place in ("resid_mid.1@END", "resid_post.1@END"):
        assert found[place] == pytest.approx(exact[place], rel=1e-2)
        assert effects(result, "magnitude")[place] > 0
    for node in ("resid_mid.1", "a1.h2.q", "a1.h1.k"):
        assert found[f"{node}@S2+END"] == pytest.approx(found[f"{node}@S2"] + found[f"{node}@END"], rel=1e-5)
    result.plot()["Estimated against exact effect"].canvas.draw()


@pytest.mark.parametrize("method", ["atp_star", "integrated_gradients"])
def test_every_architecture_is_attributed(any_model: HookedModel, method: str) -> None:
    result = attribute(random_bench(any_model), method=method, layers=[1], streams=["attn_out"], sample=4, steps=2)
    assert np.isfinite(result.data["effect"]).all()
    assert (result.data["stream"] == "q").any() == (method == "atp_star")


def test_a_metric_without_a_slope_is_refused(bench: Bench) -> None:
    metric = Registry.discover().metric
    with pytest.raises(ConfigError, match=r"metric 'rank' cannot be differentiated.*logit_difference"):
        attribute(with_fields(bench, metric=metric("rank")))
    with pytest.raises(UndefinedMetricError, match="metric 'kl_divergence' is flat at the prompts that are run"):
        attribute(with_fields(bench, metric=metric("kl_divergence")), direction="noising")
    attribute(with_fields(bench, metric=metric("kl_divergence")), streams=["attn_out"], layers=[0], heads=False)


def test_queries_and_keys_are_refused_where_they_do_not_make_the_pattern(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object) -> None:
        raise InterventionError("depends on more")

    monkeypatch.setattr(atp_star.Patterns, "of", refuse)
    with pytest.raises(InterventionError, match="depends on more"):
        attribute(bench, method="atp_star", layers=[0])
    attribute(bench, method="atp_star", layers=[0], queries_and_keys=False, sample=2, top=1)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"method": "gradient"}, "method"),
        ({"steps": 0}, "steps"),
        ({"rule": "simpson"}, "rule"),
        ({"sample": 1}, "sample"),
        ({"top": 0}, "top"),
        ({"pairs_at_once": 0}, "pairs_at_once"),
        ({"replacement": "mean"}, "known fields"),
        ({"streams": [], "heads": False}, "nothing to patch"),
    ],
)
def test_wrong_settings_are_refused_with_the_fields_that_exist(settings: dict[str, Any], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        AttributionPatchingConfig.parse(settings)


def test_pairs_without_a_difference_have_no_shares(bench: Bench) -> None:
    same = with_fields(bench, pairs=with_fields(bench.pairs, corrupted=bench.pairs.clean))
    with pytest.raises(UndefinedMetricError, match="the same on average"):
        attribute(same, layers=[0])


def test_claims_name_the_method_as_approximate_and_carry_their_controls(
    results: Callable[[str], AttributionPatchingResult],
) -> None:
    for method, label in (("atp", "AtP"), ("atp_star", "AtP*"), ("integrated_gradients", "integrated gradients")):
        circuit = results(method).to_circuit()
        claims = [claim for node in circuit.nodes for claim in node.evidence]
        assert len(claims) == results(method).data.sizes["place"]
        for claim in claims:
            assert claim.method == f"denoising, {label} (approximate)"
            assert claim.control is not None
            assert claim.q_value is not None
            assert claim.run in circuit.runs
        findings = sum(claim.is_finding() for claim in claims)
        assert findings == int(results(method).findings.sum()) > 3


def test_a_saved_result_comes_back_the_same(
    results: Callable[[str], AttributionPatchingResult], tmp_path: Path
) -> None:
    for method in METHODS:
        result = results(method)
        result.save(tmp_path / f"{method}.nc")
        back = AttributionPatchingResult.load(tmp_path / f"{method}.nc")
        assert back.data.identical(result.data)
        assert back.to_circuit() == result.to_circuit()
        assert back.summary() == result.summary()


def test_pictures_are_drawn_for_what_was_attributed(results: Callable[[str], AttributionPatchingResult]) -> None:
    always = {
        "Estimated against exact effect",
        "Estimated effect by layer and position",
        "Estimated effect by layer and head",
    }
    assert set(results("atp").plot()) == always
    pictures = results("atp_star").plot()
    assert set(pictures) == always | {"Estimated effect of queries and keys"}
    for figure in pictures.values():
        figure.canvas.draw()


def test_the_frame_shows_exact_effects_beside_estimates(results: Callable[[str], AttributionPatchingResult]) -> None:
    frame = results("atp").to_frame()
    assert list(frame.columns[:3]) == ["site", "position", "effect"]
    assert {"exact", "finding"} <= set(frame.columns)
    assert frame["finding"].is_monotonic_decreasing


def test_progress_is_reported_to_the_end_and_can_cancel(bench: Bench) -> None:
    seen: list[tuple[str, int, int]] = []
    watched = with_fields(bench, progress=lambda *event: seen.append(event))
    settings: dict[str, Any] = {"layers": [0], "streams": [], "sample": 2, "top": 1}
    for method in METHODS:
        attribute(watched, method=method, steps=2, queries_and_keys=False, **settings)
    told = {description for description, _, _ in seen}
    assert told == {"attributing", "control", "gradient drop", "verifying"}
    assert [done for description, done, _ in seen if description == "gradient drop"] == list(range(7))

    def cancel(description: str, done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        attribute(with_fields(bench, progress=cancel), **settings)
    assert all(weight.requires_grad for weight in bench.model._bridge.parameters())
    assert not torch.is_inference_mode_enabled()
