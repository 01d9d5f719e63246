"""The main job on a real language model: SmolLM2-135M from its GGUF file."""

from __future__ import annotations

from pathlib import Path

import pytest

from jackfield.builtins.pull import cached_path
from jackfield.run_folder import RunFolder
from jackfield.study import Study
from jackfield.study_config import StudyConfig

NAME = "smollm2-135m"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not cached_path(NAME).exists(), reason=f"no {NAME}; `jackfield models pull {NAME}` fetches it"),
]


def test_indirect_objects_are_patched_end_to_end(tmp_path: Path) -> None:
    layers = [0, 10, 20, 29]
    config = StudyConfig.model_validate(
        {
            "model": NAME,
            "task": {"name": "ioi", "pairs": 16},
            "analyses": [{"activation_patching": {"layers": layers, "strongest": 4, "random_draws": 2}}],
        }
    )
    run = Study(config).run(tmp_path / "run")
    assert isinstance(run, RunFolder)
    assert run.manifest.status == "complete"
    circuit = run.circuit()
    assert {node.layer for node in circuit.nodes} == set(layers)
    scores = {(node.id, claim.position): claim.score for node in circuit.nodes for claim in node.evidence}
    assert scores["resid_pre.0", "S2"] == pytest.approx(1, abs=1e-3)
    assert scores["resid_pre.29", "END"] > 0.5
    assert any(node.is_finding() for node in circuit.nodes)
