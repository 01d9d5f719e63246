"""Circuits of files are run on the tasks that they state, on other pairs than they were found on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from jackfield.bench import Bench
from jackfield.cli import app
from jackfield.errors import ResultError
from jackfield.hooked_model import HookedModel
from jackfield.provenance import Provenance
from jackfield.registry import Registry
from jackfield.rerunning import rerun
from jackfield_circuits import Circuit, Edge, Evidence, write_circuit

Stated = Mapping[str, Provenance]


@pytest.fixture(scope="module")
def registry() -> Registry:
    return Registry.discover()


@pytest.fixture(scope="module")
def stated(fieldmouse: HookedModel, registry: Registry) -> Stated:
    metric = registry.metric("logit_difference")
    return {
        task: Bench.prepare(fieldmouse, registry.task(task), metric, 4, 5).provenance("eap", "1", {})
        for task in ("ioi", "greater_than")
    }


def claiming(stated: Provenance, *names: str) -> Circuit:
    claim = Evidence(
        plugin="eap", method="m", metric="d", unit="", n=4, score=1.0, low=0.9, high=1.1, control=0.0, q_value=0.01,
        run=stated.digest,
    )  # fmt: skip
    return Circuit(edges=[Edge.parse(name, [claim]) for name in names], runs={stated.digest: stated.as_dict()})


def test_each_circuit_is_run_on_each_task_with_pairs_of_its_own(stated: Stated, registry: Registry) -> None:
    circuits = {
        "short": claiming(stated["ioi"], "input->m0", "m0->logits"),
        "long": claiming(stated["greater_than"], "input->a0.h1<v>", "a0.h1->logits"),
    }
    found = rerun(circuits, registry, pairs=8, shuffles=2)
    assert found.seed == 6
    assert set(found.pairs) == {"ioi", "greater_than"}
    assert [(each.circuit, each.found_on, each.task) for each in found.transfer.reruns] == [
        ("short", "ioi", "ioi"),
        ("long", "greater_than", "ioi"),
        ("short", "ioi", "greater_than"),
        ("long", "greater_than", "greater_than"),
    ]
    assert {each.noun for each in found.transfer.overlaps} == {"edges", "heads"}


def test_the_command_runs_findings_of_files(stated: Stated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    whole = claiming(stated["ioi"], "input->m0", "m0->logits") | Circuit(edges=[Edge.parse("m1->logits")])
    write_circuit(whole, "ioi.json")
    write_circuit(claiming(stated["greater_than"], "input->logits"), "years.graphml")
    asked = ["circuit", "transfer", "ioi.json", "years.graphml", "--pairs", "6", "--shuffles", "2", "--quiet"]
    done = CliRunner().invoke(app, [*asked, "--json"])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert [(each["circuit"], each["edges"]) for each in found["reruns"]][:2] == [("ioi.json", 2), ("years.graphml", 1)]
    assert found["seed"] == 6
    shown = CliRunner().invoke(app, [*asked, "--all", "--seed", "9"]).stdout
    assert "pairs of seed 9" in shown
    assert "ioi.json, years.graphml" in shown


def test_circuits_that_do_not_belong_together_are_refused(stated: Stated, registry: Registry) -> None:
    ioi, years = (claiming(stated[task], "input->logits") for task in ("ioi", "greater_than"))

    def refused(complaint: str, **circuits: Circuit) -> None:
        with pytest.raises(ResultError, match=complaint):
            rerun(circuits, registry)

    def restated(**fields: Any) -> Circuit:
        return claiming(replace(stated["ioi"], **fields), "input->logits")

    other = replace(stated["ioi"].model, weights="0" * 16)
    refused("both holds runs of 2 tasks: greater_than, ioi; give the part of one", both=ioi | years)
    refused("states no run", none=Circuit(edges=[Edge.parse("input->logits")]))
    refused("none of jackfield's", foreign=Circuit(edges=ioi.edges, runs={**ioi.runs, "x": {"task": "ioi"}}))
    refused("circuits of two models", a=ioi, b=restated(model=other))
    refused("weights is 0000", a=restated(model=other))
    refused("graded by", a=ioi, b=restated(metric="probability"))
