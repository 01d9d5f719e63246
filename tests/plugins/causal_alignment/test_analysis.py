"""The whole analysis: what it finds, what it refuses to say, and that it can be stopped and gone on with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from jackfield.bench import Bench
from jackfield.builtins.equality import HierarchicalEquality
from jackfield.checkpoint import FolderCheckpoint
from jackfield.errors import CausalModelError, ConfigError, SiteError, UndefinedMetricError
from jackfield.hooked_model import HookedModel
from jackfield.metrics import BUILT_IN
from jackfield_circuits.graphml import from_graphml, to_graphml
from jackfield_plugins.causal_alignment.analysis import CausalAlignment
from jackfield_plugins.causal_alignment.config import CausalAlignmentConfig
from jackfield_plugins.causal_alignment.result import CausalAlignmentResult

LIGHT = {
    "variables": ("WX",), "sites": ("resid_post.0",), "positions": ("X",), "map": "das:2", "curve": (),
    "trainings": 1, "random_copies": 1, "random_subspaces": 2, "train_pairs": 96, "validation_pairs": 32,
    "test_pairs": 60, "steps": 10, "search_steps": 2, "batch": 32,
}  # fmt: skip


def run(bench: Bench, **settings: object) -> CausalAlignmentResult:
    return CausalAlignment().run(bench, CausalAlignmentConfig.model_validate(LIGHT | settings))


@pytest.fixture(scope="module")
def result(bench: Bench) -> CausalAlignmentResult:
    return run(bench, positions=("X", "Y"), steps=50, search_steps=8, finalists=1, curve=("coupling:1",))


@pytest.fixture(scope="module")
def untaught(gpt2: HookedModel) -> Bench:
    """The same task asked of a small network with random weights."""
    return Bench.prepare(gpt2, HierarchicalEquality(), BUILT_IN[0], 96)


def test_a_variable_of_the_embedded_model_is_found(result: CausalAlignmentResult) -> None:
    at = result.data.sel(variable="WX", split="values")
    assert float(at["iia"].sel(subject="trained")) >= 0.95
    assert float(at["iia_changed"].sel(subject="trained")) >= 0.95
    assert float(at["iia"].sel(subject="no interchange")) == pytest.approx(0.5, abs=0.02)
    assert float(at["iia_high"].sel(subject="random weights 0")) < 0.75
    assert float(result.data["advantage"].sel(variable="WX")) >= 0.3
    assert float(result.data["advantage_low"].sel(variable="WX")) > 0.2
    assert result.objections("WX") == []
    assert result.claims["WX"].is_finding()
    assert int(result.to_frame()["finding"].sum()) == 1


def test_an_algorithm_is_not_called_implemented_while_a_variable_was_not_looked_for(
    result: CausalAlignmentResult,
) -> None:
    assert result.untested == ["YZ"]
    assert "YZ was not looked for" in result.summary()[-1]
    assert "WX is realised there" in " ".join(result.summary())


def test_the_reported_directions_are_orthonormal(result: CausalAlignmentResult) -> None:
    directions = result.directions("WX").double()
    assert directions.shape == (2, 128)
    np.testing.assert_allclose((directions @ directions.T).numpy(), np.eye(2), atol=1e-5)


def test_the_circuit_names_the_subspace_and_the_variable(result: CausalAlignmentResult) -> None:
    circuit = result.to_circuit()
    assert [str(edge) for edge in circuit.edges] == [
        "resid_post.0->das:resid_post.0/WX",
        "das:resid_post.0/WX->hierarchical_equality/WX",
    ]
    [node] = [node for node in circuit.nodes if node.kind == "subspace"]
    assert node.evidence == (result.claims["WX"],)
    assert node.evidence[0].position == "X"
    assert from_graphml(to_graphml(circuit)) == circuit
    assert circuit.merge(circuit) == circuit


def test_a_result_is_the_same_after_it_is_saved(result: CausalAlignmentResult, tmp_path: Path) -> None:
    result.save(tmp_path / "result.nc")
    loaded = CausalAlignmentResult.load(tmp_path / "result.nc")
    xr.testing.assert_identical(loaded.data, result.data)
    assert loaded.summary() == result.summary()
    assert loaded.to_circuit() == result.to_circuit()


def test_pictures_show_controls_places_and_maps(result: CausalAlignmentResult) -> None:
    assert len(result.plot()) == 3
    assert len(result.plot()["What each kind of map can align"].axes) == 1


def test_a_network_with_random_weights_has_no_variable(untaught: Bench) -> None:
    found = run(untaught, steps=40)
    assert not found.claims["WX"].is_finding()
    assert found.objections("WX")
    assert "no evidence" in found.summary()[-1]


def test_a_map_that_is_not_linear_is_never_a_finding(untaught: Bench) -> None:
    found = run(untaught, map="coupling:1", permuted=0, random_subspaces=0)
    assert found.claims["WX"].q_value is None
    assert "coupling:1 is not linear" in found.objections("WX")[0]
    assert len(found.directions("WX")) == 0
    assert [str(edge) for edge in found.to_circuit().edges] == ["resid_post.0->hierarchical_equality/WX"]


@pytest.mark.parametrize(
    ("control", "settings"),
    [
        ("random weights", {"random_copies": 0}),
        ("permuted labels", {"permuted": 0}),
        ("random subspace", {"random_subspaces": 0}),
    ],
)
def test_nothing_is_called_realised_without_its_controls(
    untaught: Bench, control: str, settings: dict[str, object]
) -> None:
    found = run(untaught, **settings)
    assert any(f"the control with {control} is missing" in objection for objection in found.objections("WX"))
    assert "may not be called realised" in " ".join(found.summary())
    assert control not in found.controls
    assert (found.claims["WX"].q_value is None) is (control == "random weights")


def test_the_search_finds_the_place(result: CausalAlignmentResult) -> None:
    assert result.data["position"].item() == "X"
    searched = result.data["searched"].sel(variable="WX")
    assert float(searched.sel(place="resid_post.0 at X")) > 0.9
    assert float(searched.sel(place="resid_post.0 at Y")) < 0.7


def test_an_interrupted_run_goes_on_and_ends_the_same(untaught: Bench, tmp_path: Path) -> None:
    settings = {"permuted": 0, "random_subspaces": 1, "steps": 20}
    whole = run(untaught, **settings)
    calls: list[tuple[str, int, int]] = []

    def stop(description: str, done: int, total: int) -> None:
        calls.append((description, done, total))
        if description == "maps of WX" and done > 24:
            raise KeyboardInterrupt

    kept = replace(untaught, progress=stop, checkpoint=FolderCheckpoint(tmp_path, "digest"))
    with pytest.raises(KeyboardInterrupt):
        run(kept, **settings)
    assert [done for _, done, _ in calls] == sorted(done for _, done, _ in calls)
    again: list[int] = []
    resumed = replace(
        untaught,
        progress=lambda _, done, __: again.append(done),
        checkpoint=FolderCheckpoint(tmp_path, "digest"),
    )
    xr.testing.assert_identical(run(resumed, **settings).data, whole.data)
    assert again[0] >= 20


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"causal_model": "nothing"}, ConfigError, "no causal model 'nothing'"),
        ({"causal_model": "between"}, ConfigError, "VALUE, LOW, HIGH"),
        ({"variables": ("W",)}, ConfigError, "no variable W between"),
        ({"positions": ("NOWHERE",)}, ConfigError, "no position NOWHERE"),
        ({"positions": ("W",)}, ConfigError, "no place is left"),
        ({"sites": ("resid_post.9",)}, SiteError, "resid_post.9"),
        ({"sites": ("a0.h1.pattern",)}, ConfigError, "one vector for each token"),
        ({"map": "das:129"}, ConfigError, "129 directions"),
        ({"held_out_share": 0.05}, CausalModelError, "so few values"),
        ({"learning_rate": 1e30}, UndefinedMetricError, "not finite"),
    ],
)
def test_bad_input_is_refused(bench: Bench, settings: dict[str, object], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        run(bench, **settings)


@pytest.mark.parametrize("spelling", ["das:0", "das:-1", "magic:2", "das:x", ""])
def test_what_is_no_map_is_refused(spelling: str) -> None:
    with pytest.raises(ConfigError, match="is no map"):
        CausalAlignmentConfig.parse({"map": spelling})
    with pytest.raises(ConfigError, match="is no map"):
        CausalAlignmentConfig.parse({"curve": [spelling]})
