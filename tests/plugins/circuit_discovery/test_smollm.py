"""A circuit of a real language model, from its GGUF file to the graph."""

from __future__ import annotations

from pathlib import Path

import pytest

from jackfield.builtins.pull import cached_path
from jackfield.run_folder import RunFolder
from jackfield.study import Study
from jackfield.study_config import StudyConfig
from jackfield_plugins.circuit_discovery.result import CircuitDiscoveryResult

NAME = "smollm2-135m"
SETTINGS = {
    "verify": 8, "sample": 8, "random_circuits": 2, "knockouts": 0, "rivals": 0, "resamples": 50, "faithfulness": 0.85,
    "sizes": [0.01, 0.1],
}  # fmt: skip

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not cached_path(NAME).exists(), reason=f"no {NAME}; `jackfield models pull {NAME}` fetches it"),
]


def test_indirect_objects_have_a_small_circuit(tmp_path: Path) -> None:
    config = StudyConfig.model_validate(
        {"model": NAME, "task": {"name": "ioi", "pairs": 12}, "analyses": [{"circuit_discovery": SETTINGS}]}
    )
    run = Study(config).run(tmp_path / "run")
    assert isinstance(run, RunFolder)
    assert run.manifest.status == "complete"
    (file,) = (tmp_path / "run").rglob("*.nc")
    result = CircuitDiscoveryResult.load(file)
    assert 0 < len(result.edges) <= 0.1 * result.data.sizes["edge"]
    kept = result.data["set_faithfulness"]
    assert 0.6 < float(kept.sel(set="circuit")) < 1.4
    assert float(kept.sel(set="random circuits")) < 0.2
    assert result.data["inclusion"].values[result.data["circuit"].values].mean() > 0.3
    assert {"input", "logits"} <= {node.id for node in run.circuit().nodes}
