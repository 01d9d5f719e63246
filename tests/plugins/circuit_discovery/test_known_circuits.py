"""Circuits that are known by construction are told apart, chosen exactly, and reported as what they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from jackfield.bench import Bench
from jackfield.quadrature import Rule
from jackfield.testing import KnownCircuit, known_circuits
from jackfield_plugins.circuit_discovery.analysis import CircuitDiscovery
from jackfield_plugins.circuit_discovery.contrast import Contrast
from jackfield_plugins.circuit_discovery.curve import auroc
from jackfield_plugins.circuit_discovery.evaluation import Ablation, Evaluator
from jackfield_plugins.circuit_discovery.result import CircuitDiscoveryResult
from jackfield_plugins.circuit_discovery.scorers.exact import exact_scores
from jackfield_plugins.circuit_discovery.scorers.gradient import gradient_scores


@pytest.fixture(scope="module", params=list(known_circuits()))
def known(request: pytest.FixtureRequest) -> KnownCircuit:
    return known_circuits()[request.param]()


@pytest.fixture(scope="module")
def bench(known: KnownCircuit) -> Bench:
    return known.bench(24)


def discover(bench: Bench, **settings: Any) -> CircuitDiscoveryResult:
    return CircuitDiscovery().run(bench, CircuitDiscovery.Config.parse(settings))  # type: ignore[arg-type]


def test_exact_scores_and_eap_ig_tell_the_circuit_from_the_rest(known: KnownCircuit, bench: Bench) -> None:
    contrast = Contrast.prepare(bench)
    truth = contrast.grid.mask(known.edges)
    assert 0 < truth.sum() < contrast.grid.size / 4
    exact = exact_scores(Evaluator(contrast, Ablation.RESAMPLE), range(contrast.grid.size), contrast.grid.size)
    estimated = gradient_scores(contrast, Rule.MIDPOINT.points(5)).values
    for scores in (exact, estimated):
        assert auroc(np.abs(scores.mean(0)), truth) == 1.0


def test_the_circuit_that_is_chosen_is_the_known_one(known: KnownCircuit, bench: Bench) -> None:
    found = discover(bench, resamples=20, knockouts=2, rivals=2)
    assert set(found.edges) == known.edges
    assert float(found.data["set_faithfulness"].sel(set="circuit")) == pytest.approx(1, abs=0.02)
    assert (found.data["core"] == found.data["circuit"]).all()
    assert float(found.data["incompleteness"].max()) < 0.01
    assert (found.data["most_needed"] > 0.1).all()
    findings = found.data["edge"].values[found.findings.values].tolist()
    assert set(findings) <= known.edges


def test_a_circuit_without_its_suppressor_is_reported_to_do_too_well() -> None:
    found = discover(known_circuits()["suppression"]().bench(24), select="acdc", resamples=20, knockouts=0, rivals=0)
    assert float(found.data["set_faithfulness"].sel(set="circuit")) > 1.3
    assert "keeps 1" in found.summary()[0]
