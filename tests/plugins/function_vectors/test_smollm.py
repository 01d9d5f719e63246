"""Two functions of a real language model: SmolLM2-135M from its GGUF file."""

from __future__ import annotations

from pathlib import Path

import pytest

from jackfield.builtins.pull import cached_path
from jackfield.run_folder import RunFolder
from jackfield.study import Study
from jackfield.study_config import StudyConfig
from jackfield_plugins.function_vectors.answers import ZERO_SHOT
from jackfield_plugins.function_vectors.kinds import SHARED
from jackfield_plugins.function_vectors.result import FunctionVectorsResult

NAME = "smollm2-135m"
SETTINGS = {
    "functions": ["word_pairs.plural", "word_pairs.past_tense"], "shots": 5, "corruptions": ["shuffled_labels"],
    "mean_prompts": 24, "corrupted_prompts": 8, "layers": [9, 12, 15, 18], "contexts": [],
}  # fmt: skip

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not cached_path(NAME).exists(), reason=f"no {NAME}; `jackfield models pull {NAME}` fetches it"),
]


def test_plurals_and_past_tenses_need_no_examples_with_their_vectors(tmp_path: Path) -> None:
    config = StudyConfig.model_validate(
        {
            "model": NAME,
            "task": {"name": "word_pairs.plural", "pairs": 8},
            "analyses": [{"function_vectors": SETTINGS}],
        }
    )
    run = Study(config).run(tmp_path / "run")
    assert isinstance(run, RunFolder)
    result = run.results()["function_vectors"]
    assert isinstance(result, FunctionVectorsResult)
    assert result.served() == ["plural", "past_tense"]
    assert result.served(SHARED) == ["plural", "past_tense"]
    for function in result.functions:
        assert (result.claims[function, ZERO_SHOT, "function vector"].score) >= 0.5
        assert result.rival_claims[function, ZERO_SHOT].is_finding()
    findings = run.circuit().findings()
    assert any(node.kind == "head" for node in findings.nodes)
    assert findings.edges
