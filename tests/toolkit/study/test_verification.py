"""A circuit is verified by making its runs again; whatever was changed since is found, and said."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.toolkit.study.conftest import Ledger, Upset
from typer.testing import CliRunner, Result

from jackfield.cli import app
from jackfield.hooked_model import HookedModel
from jackfield.provenance import Provenance
from jackfield.registry import Registry
from jackfield.study import Study
from jackfield.verification import Verification, verify
from jackfield_circuits import Circuit, Evidence, Node, read_graphml, write_graphml, write_json

Asks = Callable[..., Study]


@pytest.fixture
def circuit(study: Asks, tmp_path: Path) -> Circuit:
    """What a study of two analyses found, as it is on disk."""
    return study().run(tmp_path / "run").circuit()


@pytest.fixture
def check(registry: Registry) -> Callable[[Circuit], Verification]:
    return lambda circuit: verify(circuit, registry, model="tiny")


Checks = Callable[[Circuit], Verification]


def changed(circuit: Circuit, change: Callable[[Evidence], Evidence | None], node: str = "a0.h0") -> Circuit:
    """The circuit with the first claim about a node changed, or left out."""

    def claims(of: Node) -> tuple[Evidence, ...]:
        if of.id != node:
            return of.evidence
        new = change(of.evidence[0])
        return (*([] if new is None else [new]), *of.evidence[1:])

    return Circuit([Node(id=of.id, evidence=claims(of)) for of in circuit.nodes], circuit.edges, circuit.runs)


def stated_anew(circuit: Circuit, **fields: Any) -> Circuit:
    """The circuit with all runs stating something else, under digests that fit."""
    digests, runs = {}, {}
    for digest, run in circuit.runs.items():
        stated = Provenance.from_dict({**run, **fields})
        digests[digest] = stated.digest
        runs[stated.digest] = stated.as_dict()
    nodes = [
        Node(
            id=node.id, evidence=tuple(claim.model_copy(update={"run": digests[claim.run]}) for claim in node.evidence)
        )
        for node in circuit.nodes
    ]
    return Circuit(nodes, circuit.edges, runs)


def test_what_a_study_found_holds(circuit: Circuit, check: Checks) -> None:
    found = check(circuit)
    assert found.passed
    assert (len(found.runs), len(found.claims), found.notes) == (2, 6, ())


def test_a_circuit_of_several_tasks_holds(study: Asks, check: Checks, tmp_path: Path) -> None:
    own = {"task": {"name": "names", "pairs": 6}, "metric": "probability", "seed": 4}
    found = check(study(analyses=["first", {"second": {}, **own}]).run(tmp_path / "several").circuit())
    assert found.passed
    assert len(found.runs) == 2


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda claim: claim.model_copy(update={"score": claim.score + 0.05}), "score is"),
        (lambda claim: claim.model_copy(update={"control": None, "control_kind": None}), "no such claim"),
        (lambda claim: claim.model_copy(update={"control": None}), "control is missing in the circuit and 0 now"),
        (lambda claim: claim.model_copy(update={"n": 5}), "no such claim is made now: tally"),
        (lambda claim: claim.model_copy(update={"q_value": 0.011}), "q_value is 0.011 in the circuit and 0.01 now"),
    ],
    ids=["score", "control and its kind", "control", "number of prompts", "q-value"],
)
def test_a_changed_claim_fails_and_no_other(
    circuit: Circuit, check: Checks, change: Callable[[Evidence], Evidence], problem: str
) -> None:
    found = check(changed(circuit, change))
    (failure,) = found.failures
    assert failure.subject == "a0.h0"
    assert problem in failure.problem
    assert all(run.passed for run in found.runs)
    assert not found.passed


def test_rounding_is_no_change(circuit: Circuit, check: Checks) -> None:
    assert check(changed(circuit, lambda claim: claim.model_copy(update={"score": claim.score * (1 + 1e-6)}))).passed


def test_a_part_of_a_circuit_holds_and_says_that_it_is_one(circuit: Circuit, check: Checks) -> None:
    found = check(changed(circuit, lambda _: None))
    assert found.passed
    assert len(found.claims) == 5
    assert found.notes[0].endswith("makes 1 more claims than the circuit holds")


def test_a_run_that_was_changed_under_its_digest_fails_with_all_its_claims(circuit: Circuit, check: Checks) -> None:
    runs = {digest: {**run, "seed": 7} for digest, run in circuit.runs.items()}
    found = check(Circuit(circuit.nodes, circuit.edges, runs))
    assert not any(one.passed for one in (*found.runs, *found.claims))
    assert "it was changed after it was made" in found.runs[0].problem
    assert found.claims[0].problem == "its run was not made again"


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"seed": 7}, "with seed 7 gives other prompts now"),
        ({"analysis_version": "0"}, "it was made by version 0 of"),
        ({"analysis": "fourth"}, "no plugin offers the analysis 'fourth'"),
        ({"task": "riddles"}, "no plugin offers the task 'riddles'"),
        ({"config": {"scale": -1.0}}, "scale: Input should be greater than 0"),
        ({"drawn": "many"}, "TypeError"),
    ],
    ids=["seed", "version", "analysis", "task", "config", "nonsense"],
)
def test_a_run_that_cannot_be_made_again_says_why(
    circuit: Circuit, check: Checks, fields: dict[str, Any], problem: str
) -> None:
    found = check(stated_anew(circuit, **fields))
    assert not found.passed
    assert any(problem in run.problem for run in found.runs), [run.problem for run in found.runs]


def test_other_weights_fail(circuit: Circuit, gpt2: HookedModel, ledger: Ledger) -> None:
    other = HookedModel(gpt2.bridge, gpt2._tokenizer, replace(gpt2.identity, weights="0" * 16))
    found = verify(circuit, Registry({"upset": Upset(other, ledger)}), model="tiny")
    assert not found.passed
    assert "made on a model whose weights is" in found.runs[0].problem


def test_other_packages_are_noted(circuit: Circuit, check: Checks) -> None:
    found = check(stated_anew(circuit, packages={"torch": "1.0"}))
    assert found.passed
    assert "torch 1.0 then" in found.notes[0]


def test_a_circuit_that_claims_nothing_does_not_pass(check: Checks) -> None:
    assert not check(Circuit([Node(id="m0")])).passed


@pytest.mark.parametrize("suffix", ["graphml", "json"])
def test_the_command_passes_and_fails(
    circuit: Circuit, registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    monkeypatch.setattr(Registry, "discover", classmethod(lambda cls, only=None: registry))
    write: dict[str, Callable[[Circuit, Path], None]] = {"graphml": write_graphml, "json": write_json}

    def run(written: Circuit, *options: str) -> Result:
        path = tmp_path / f"circuit.{suffix}"
        write[suffix](written, path)
        return CliRunner().invoke(app, ["verify", str(path), "--model", "tiny", *options])

    good = run(circuit)
    assert (good.exit_code, good.stdout) == (0, "2 of 2 runs and 6 of 6 claims hold.\n")
    bad = run(changed(circuit, lambda claim: claim.model_copy(update={"score": 9.0})))
    assert bad.exit_code == 1
    assert "a0.h0" in bad.stdout
    assert "5 of 6 claims hold" in bad.stdout
    told = run(circuit, "--json")
    assert json.loads(told.stdout)["passed"] is True
    nothing = run(Circuit())
    assert nothing.exit_code == 1
    assert "nothing to verify" in nothing.stdout


def test_a_file_survives_its_own_verification(circuit: Circuit, check: Checks, tmp_path: Path) -> None:
    write_graphml(circuit, tmp_path / "circuit.graphml")
    assert check(read_graphml(tmp_path / "circuit.graphml")).passed
