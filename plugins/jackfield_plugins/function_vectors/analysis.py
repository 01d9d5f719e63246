"""Function vectors: what a few heads carry of a function that examples show, and whether it works without them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from jackfield.analysis import Analysis
from jackfield.bench import Bench
from jackfield.errors import ConfigError
from jackfield.statistics import Estimate
from jackfield.trial import Trial
from jackfield_plugins.function_vectors.answers import ZERO_SHOT, answered, carried, contexts
from jackfield_plugins.function_vectors.composition import composed, require_compositions
from jackfield_plugins.function_vectors.config import FunctionVectorsConfig
from jackfield_plugins.function_vectors.decoded import decoded
from jackfield_plugins.function_vectors.functions import Function, family, find
from jackfield_plugins.function_vectors.kinds import CONTROLS, NONE, VECTOR, additions
from jackfield_plugins.function_vectors.material import gather
from jackfield_plugins.function_vectors.places import choose, swept_layers
from jackfield_plugins.function_vectors.report import Report, dataset
from jackfield_plugins.function_vectors.result import FunctionVectorsResult
from jackfield_plugins.function_vectors.subject import extract, mean_effect_ranking
from jackfield_plugins.function_vectors.transfer import Transfer

__all__ = ["FunctionVectors"]


class FunctionVectors(Analysis[FunctionVectorsConfig]):
    """Extract a vector for each of several functions, and add it where no example shows the function.

    A function's inputs are split. One half gives examples, and queries of which those are kept that the model answers.
    From them come heads' mean outputs at the last token; the effect of putting one head's mean into prompts with spoilt
    examples, by which heads are ranked; and the layer and strength at which the sum of the best heads' means works
    best. All that is reported of the vector is measured on the other half. Each function is the others' control.

    Sources: Todd et al. (arXiv 2310.15213) for the procedure.
    """

    name: ClassVar[str] = "function_vectors"
    version: ClassVar[str] = "1"
    summary: ClassVar[str] = "which heads carry a function that examples show, and whether what they carry suffices"
    Config = FunctionVectorsConfig
    Result = FunctionVectorsResult
    trial: ClassVar[Trial] = Trial(
        "fieldmouse",
        "in_context.capital",
        pairs=4,
        settings={
            "functions": ["in_context.capital", "in_context.continent", "in_context.plural"],
            "corruptions": ["random_words"], "contexts": ["spoilt_examples"], "mean_prompts": 24,
            "corrupted_prompts": 8, "layers": [2, 3], "strengths": [2.0],
        },
    )  # fmt: skip

    def run(self, bench: Bench, config: FunctionVectorsConfig) -> FunctionVectorsResult:
        """Extract and evaluate the vectors of all functions that ``config`` names.

        Raises
        ------
        ConfigError
            If the task is about no function and none is named, a layer does not exist, there are too many heads, or a
            composition names a function that is left out.
        UnknownNameError
            If there is no function of a name.
        TaskError
            If a task file cannot be used, or the model answers too few inputs of all functions but one.
        """
        swept_layers(bench, config)
        functions = _functions(bench, config)
        require_compositions(config, [function.name for function in functions])
        materials, left_out = gather(bench, config, functions)
        require_compositions(config, [material.function.name for material in materials], left_out)
        words = list(
            dict.fromkeys(material.function.table[word] for material in materials for word in material.known.answers)
        )
        subjects = extract(bench, config, materials, words)
        shared = mean_effect_ranking(bench, subjects, config.corruptions[0])[: config.heads]
        reports = []
        for subject in subjects:
            others = [other for other in subjects if other is not subject]
            choice = choose(bench, config, subject)
            asked = contexts(bench, config, subject.material, words)
            added = additions(bench, subject, others, shared, choice.place, choice.average_place, config.random_draws)
            zero_shot = asked[ZERO_SHOT]
            reports.append(
                Report(
                    subject,
                    choice,
                    answered(bench, subject.material, asked, added, natural="natural_text" in config.contexts),
                    carried(bench, subject, others, choice.place, zero_shot),
                    Transfer.measure(bench, subject, subjects, choice, zero_shot),
                    decoded(bench.model, subject.vector, config.decoded),
                )
            )
        data = dataset(bench, config, reports, shared).merge(composed(bench, config, reports))
        return FunctionVectorsResult(
            data.assign_attrs(left_out=json.dumps(left_out)),
            _baselines(bench, reports),
            CONTROLS,
            bench.provenance(self.name, self.version, config.model_dump(mode="json")),
        )


def _functions(bench: Bench, config: FunctionVectorsConfig) -> list[Function]:
    if config.functions is None:
        return family(bench.task)
    found = [find(name) for name in config.functions]
    if len({function.name for function in found}) < len(found):
        raise ConfigError(f"two of the functions {', '.join(config.functions)} have one name; rename a file")
    return found


def _baselines(bench: Bench, reports: Sequence[Report]) -> dict[str, Estimate]:
    """The share of held-out inputs that are answered without and with the vector, over all functions."""
    return {
        f"{ZERO_SHOT}, {kind}": Estimate.of_mean(
            np.concatenate([report.answered[ZERO_SHOT][kind] for report in reports]),
            "share of inputs", bench.rng(f"baseline/{kind}"),
        )
        for kind in (NONE, VECTOR)
    }  # fmt: skip
