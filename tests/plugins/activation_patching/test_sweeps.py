"""What can be swept beside single streams and heads: held to the plain loop, to identities and to hand-made numbers."""

from __future__ import annotations

from dataclasses import replace as with_fields
from typing import Any

import numpy as np
import pytest
import torch

from jackfield import sweep as plain
from jackfield.bench import Bench
from jackfield.errors import SiteError
from jackfield.hooked_model import HookedModel
from jackfield.interventions import Intervention, replace
from jackfield.registry import Registry
from jackfield.sites import Site
from jackfield.statistics import mean_share
from jackfield_plugins.activation_patching.analysis import ActivationPatching
from jackfield_plugins.activation_patching.config import ActivationPatchingConfig
from jackfield_plugins.activation_patching.noise import noise
from jackfield_plugins.activation_patching.places import places
from jackfield_plugins.activation_patching.result import ActivationPatchingResult


@pytest.fixture(scope="module")
def bench(fieldmouse: HookedModel) -> Bench:
    registry = Registry.discover()
    return Bench.prepare(fieldmouse, registry.task("ioi"), registry.metric("logit_difference"), pairs=16, seed=5)


def patch(bench: Bench, **settings: Any) -> ActivationPatchingResult:
    defaults: dict[str, Any] = {"streams": [], "heads": False, "strongest": 1, "random_draws": 2}
    return ActivationPatching().run(bench, ActivationPatchingConfig.model_validate(defaults | settings))


def effects(result: ActivationPatchingResult) -> dict[str, float]:
    return dict(zip(result.data["place"].values.tolist(), result.data["effect"].values.tolist(), strict=True))


def by_hand(bench: Bench, base: Any, source: Any, sets: list[list[Intervention]]) -> Any:
    """Effects by the plain loop, for interventions made by hand."""
    key = bench.key(bench.clean_logits())
    metric = plain.sweep(bench, base, key, sets, lambda cell: cell, "by hand")
    return mean_share(metric - base_metric(bench, base), base_metric(bench, source) - base_metric(bench, base))


def base_metric(bench: Bench, batch: Any) -> Any:
    key = bench.key(bench.clean_logits())
    return bench.graded(bench.model.answer_logits(bench.model.run(batch), batch), key)


def test_every_stream_and_every_part_of_a_head_is_that_of_the_plain_loop(bench: Bench) -> None:
    result = patch(
        bench, streams=["resid_pre", "resid_mid", "resid_post", "attn_out", "mlp_out"], positions=["S2", "END"],
        heads=True, components=["z", "q", "k", "v", "pattern"], head_positions=["END"], layers=[2],
    )  # fmt: skip
    model, pairs = bench.model, bench.pairs
    spelled = [f"{kind}.2" for kind in ("resid_pre", "resid_mid", "resid_post", "attn_out")] + ["m2"]
    places = {f"{site}@{name}": (Site.parse(site), name) for site in spelled for name in ("S2", "END")}
    for head in range(model.shape.n_heads):
        places[f"a2.h{head}@END"] = (Site.parse(f"a2.h{head}.z"), "END")
        for part in ("q", "k", "v", "pattern"):
            places[f"a2.h{head}.{part}@END"] = (Site.parse(f"a2.h{head}.{part}"), "END")
    values = model.run_with_cache(pairs.clean, {site for site, _ in places.values()})
    sets = [[replace(site, values[site], pairs.clean.at(pairs.positions[name]))] for site, name in places.values()]
    wanted = by_hand(bench, pairs.corrupted, pairs.clean, sets)
    found = effects(result)
    assert found.keys() == places.keys()
    np.testing.assert_allclose([found[label] for label in places], wanted, atol=1e-5)
    assert len({round(value, 6) for value in wanted}) > 20


def test_queries_keys_and_values_of_all_heads_together_make_the_pattern_and_the_output(bench: Bench) -> None:
    """A window over one layer only, all heads: pattern and value carry what z carries (A3)."""
    model, pairs = bench.model, bench.pairs
    sites = [Site.parse(f"a1.h*.{part}") for part in ("q", "k", "v", "pattern", "z")]
    values = model.run_with_cache(pairs.clean, sites)
    write = {str(site).split(".")[-1]: replace(site, values[site]) for site in sites}
    found = by_hand(
        bench, pairs.corrupted, pairs.clean,
        [[write["z"]], [write["pattern"], write["v"]], [write["q"], write["k"], write["v"]]],
    )  # fmt: skip
    np.testing.assert_allclose(found, found[0], atol=1e-5)


def test_a_group_of_positions_is_patched_together(bench: Bench) -> None:
    found = effects(patch(bench, streams=["resid_pre"], layers=[1], positions=["S1", "S1+S2", "END"]))
    assert list(found) == ["resid_pre.1@S1", "resid_pre.1@S1+S2", "resid_pre.1@END"]
    model, pairs, site = bench.model, bench.pairs, Site.parse("resid_pre.1")
    values = model.run_with_cache(pairs.clean, [site])[site]
    where = pairs.clean.at(pairs.positions["S1"]) | pairs.clean.at(pairs.positions["S2"])
    wanted = by_hand(bench, pairs.corrupted, pairs.clean, [[replace(site, values, where)]])
    assert found["resid_pre.1@S1+S2"] == pytest.approx(float(wanted[0]), abs=1e-5)


@pytest.mark.parametrize(("layer", "together"), [(0, (0, 1)), (3, (2, 3, 4)), (5, (4, 5))])
def test_a_window_is_patched_together_and_ends_where_the_model_does(
    bench: Bench, layer: int, together: tuple[int, ...]
) -> None:
    result = patch(bench, streams=["attn_out"], layers=[layer], positions=["END"], window=3)
    model, pairs = bench.model, bench.pairs
    sites = [Site.parse(f"attn_out.{one}") for one in together]
    values, where = model.run_with_cache(pairs.clean, sites), pairs.clean.at(pairs.positions["END"])
    wanted = by_hand(bench, pairs.corrupted, pairs.clean, [[replace(site, values[site], where) for site in sites]])
    assert effects(result) == {f"attn_out.{layer}@END": pytest.approx(float(wanted[0]), abs=1e-5)}
    assert result.to_circuit().node(f"attn_out.{layer}").evidence[0].method.endswith("window of 3 layers")


def test_an_even_window_has_its_extra_layer_above(bench: Bench) -> None:
    result = patch(bench, streams=["mlp_out"], layers=[2], positions=["END"], window=2)
    model, pairs = bench.model, bench.pairs
    sites = [Site.parse("m2"), Site.parse("m3")]
    values, where = model.run_with_cache(pairs.clean, sites), pairs.clean.at(pairs.positions["END"])
    wanted = by_hand(bench, pairs.corrupted, pairs.clean, [[replace(site, values[site], where) for site in sites]])
    assert effects(result)["m2@END"] == pytest.approx(float(wanted[0]), abs=1e-5)


def test_heads_are_swept_by_layer_position_and_head(bench: Bench) -> None:
    result = patch(bench, heads=True, head_positions=["S2", "END"], layers=[0])
    assert result.data.sizes["place"] == 2 * bench.model.shape.n_heads
    site, pairs = Site.parse("a0.h3.z"), bench.pairs
    values = bench.model.run_with_cache(pairs.clean, [site])[site]
    wanted = by_hand(
        bench, pairs.corrupted, pairs.clean, [[replace(site, values, pairs.clean.at(pairs.positions["S2"]))]]
    )
    assert effects(result)["a0.h3@S2"] == pytest.approx(float(wanted[0]), abs=1e-5)
    for figure in result.plot().values():
        figure.canvas.draw()


def test_noise_has_the_level_that_was_asked_for_at_the_positions_that_were_asked_for(bench: Bench) -> None:
    site, clean = Site.parse("input"), bench.pairs.clean
    embedded = bench.model.run_with_cache(clean, [site])[site]
    noisy = bench.model.run_with_cache(clean, [site], [noise(bench, ["S1", "S2"], 3.0)])[site]
    where = clean.at(bench.pairs.positions["S1"]) | clean.at(bench.pairs.positions["S2"])
    added = noisy - embedded
    assert torch.equal(added.abs().amax(-1) > 0, where)
    assert added[where].std().item() == pytest.approx(3 * embedded[clean.mask].std().item(), rel=0.03)
    rows = added[where]
    assert not torch.allclose(rows[0], rows[1], atol=1e-3)
    again = noise(bench, ["S1", "S2"], 3.0).apply(embedded)
    assert torch.equal(again, noisy)
    assert not torch.equal(noise(with_fields(bench, seed=6), ["S1", "S2"], 3.0).apply(embedded), noisy)


@pytest.mark.parametrize("direction", ["denoising", "noising"])
def test_with_noise_the_clean_prompt_is_corrupted_and_restored(bench: Bench, direction: str) -> None:
    settings: dict[str, Any] = {"corruption": "gaussian", "noise_positions": ["S1", "S2"], "direction": direction}
    result = patch(bench, streams=["resid_pre"], layers=[0, 2], positions=["S2", "S1+S2"], **settings)
    found = effects(result)
    assert found["resid_pre.0@S1+S2"] == pytest.approx(1, abs=1e-5)
    model, pairs, key = bench.model, bench.pairs, bench.key(bench.clean_logits())
    noisy, site = noise(bench, ["S1", "S2"], 3.0), Site.parse("resid_pre.2")
    where = pairs.clean.at(pairs.positions["S2"])
    broken = model.run_with_interventions(pairs.clean, [noisy])
    metrics = [
        bench.graded(model.answer_logits(logits, pairs.clean), key) for logits in (broken, model.run(pairs.clean))
    ]
    if direction == "denoising":
        value = model.run_with_cache(pairs.clean, [site])[site]
        patched = model.run_with_interventions(pairs.clean, [noisy, replace(site, value, where)])
        base, source = metrics
    else:
        value = model.run_with_cache(pairs.clean, [site], [noisy])[site]
        patched = model.run_with_interventions(pairs.clean, [replace(site, value, where)])
        source, base = metrics
    moved = bench.graded(model.answer_logits(patched, pairs.clean), key) - base
    assert found["resid_pre.2@S2"] == pytest.approx(float(mean_share(moved, source - base)), abs=1e-4)
    assert "noise of 3 standard deviations on S1, S2" in result.summary()[0]


def test_interactions_are_what_two_heads_do_beyond_the_sum(bench: Bench) -> None:
    result = patch(bench, heads=True, interactions=3)
    data = result.data
    assert data.sizes["couple"] == 3
    chosen_on, reported_on = bench.pairs.half_rows(bench.draw("interacting heads"))
    assert not set(chosen_on) & set(reported_on)
    first, second = data["first_head"].values[1], data["second_head"].values[1]
    sites = [Site.parse(f"{head}.z") for head in (first, second)]
    model, pairs = bench.model, bench.pairs
    values = model.run_with_cache(pairs.clean, sites)
    one, other = (replace(site, values[site], pairs.clean.mask) for site in sites)
    key = bench.key(bench.clean_logits())
    metric = plain.sweep(bench, pairs.corrupted, key, [[one], [other], [one, other]], lambda cell: cell, "by hand")
    moved = (metric - base_metric(bench, pairs.corrupted))[:, reported_on]
    whole = (base_metric(bench, pairs.clean) - base_metric(bench, pairs.corrupted))[reported_on]
    wanted = mean_share(moved[2] - moved[0] - moved[1], whole)
    assert float(data["interaction"][1]) == pytest.approx(float(wanted), abs=1e-5)
    assert float(data["interaction_low"][1]) <= float(wanted) <= float(data["interaction_high"][1])
    assert "couples of heads" in result.summary()[-1]
    result.plot()["Two heads together, beyond the sum of each"].canvas.draw()


def test_key_and_value_heads_are_those_that_the_model_has(llama: HookedModel, bench: Bench) -> None:
    config = ActivationPatchingConfig(streams=(), layers=(1,), components=("k", "z"))
    found = places(with_fields(bench, model=llama), config, config.components)
    assert [place.label for place in found] == ["a1.h0.k", "a1.h1.k", "a1.h0", "a1.h1", "a1.h2", "a1.h3"]


def test_what_parallel_blocks_do_not_have_cannot_be_swept(tiny_models: dict[str, HookedModel], bench: Bench) -> None:
    other = with_fields(bench, model=tiny_models["gpt_neox"])
    with pytest.raises(SiteError, match="in parallel"):
        patch(other, streams=["resid_mid"], layers=[1], positions=["END"])
