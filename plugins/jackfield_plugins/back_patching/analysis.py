"""Back-patching: whether a fact that is found too late would have been used, had it been found in time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jackfield.analysis import Analysis
from jackfield.bench import Bench
from jackfield.comparison import LEVEL
from jackfield.statistics import Estimate, false_discovery_rate, sign_p_values
from jackfield.trial import Trial
from jackfield_plugins.back_patching.cases import CATEGORIES, Cases
from jackfield_plugins.back_patching.config import BackPatchingConfig
from jackfield_plugins.back_patching.held_out import UNIT, held_out, rates
from jackfield_plugins.back_patching.result import CONTROLS, BackPatchingResult
from jackfield_plugins.back_patching.routes import Cell, cells, coordinates
from jackfield_plugins.back_patching.spoken import continuations, mention, sayings
from jackfield_plugins.back_patching.states import Content, contents
from jackfield_plugins.back_patching.sweeps import ranks

__all__ = ["BackPatching"]

Floats = NDArray[np.float64]


class BackPatching(Analysis[BackPatchingConfig]):
    """Write a hidden state of a later layer to an earlier one, at the same token of the same prompt.

    It is done to questions that rest on two facts, of which the model knows each and yet does not join them. What the
    state holds then passes through layers that could still use it. Two runs: one to take the state, one to write it
    while the prompt is read. The headline is the best pair of layers on cases that it was not chosen on.

    Sources: Biran et al. (arXiv 2406.12775) for the procedure, without its choice of the best pair for each prompt.
    """

    name: ClassVar[str] = "back_patching"
    version: ClassVar[str] = "1"
    summary: ClassVar[str] = "share of failed two-hop questions that a later layer's state repairs in an earlier one"
    Config = BackPatchingConfig
    Result = BackPatchingResult
    trial: ClassVar[Trial] = Trial(
        "fieldmouse", "two_hop.out_of_distribution", pairs=96,
        settings={"positions": ["FIRST"], "sources": [3, 4], "targets": [1], "tokens": 2},
    )  # fmt: skip

    def run(self, bench: Bench, config: BackPatchingConfig) -> BackPatchingResult:
        """Sweep all pairs of layers that ``config`` names.

        Raises
        ------
        ConfigError
            If a layer or a position does not exist, or nothing is written back.
        TaskError
            If the task does not say what its questions rest on, too few of them are left, or the answer does not fit
            into the model's context.
        AlignmentError
            If a template occurs only once, so that no unrelated prompt can serve as control.
        """
        found = cells(bench.model, config)
        cases = Cases.sort(bench, keep_shortcuts=config.keep_shortcuts)
        written = contents(bench, cases.wrong, found)
        ranked = ranks(bench, cases.wrong, found, written, "back-patching")
        data = _by_patch(found, ranked).merge(held_out(bench, config, cases, found, written, ranked))
        data["count"] = ("category", [cases.counts[name] for name in CATEGORIES], {"unit": "pairs"})
        return BackPatchingResult(
            data.assign_coords(category=[*CATEGORIES]).assign_attrs(level=LEVEL),
            _baselines(bench, config, cases),
            CONTROLS,
            bench.provenance(self.name, self.version, config.model_dump(mode="json")),
        )


def _by_patch(found: list[Cell], ranked: Mapping[Content, Floats]) -> xr.Dataset:
    """The share of cases that each patch repairs, beside those of its controls."""
    repaired = {content: (rank == 0).astype(float) for content, rank in ranked.items()}
    variables: dict[str, Any] = {}
    for name, content in (("recovery", Content.OWN), ("unrelated", Content.UNRELATED), ("noise", Content.NOISE)):
        variables |= rates("patch", name, repaired[content])
    against = [sign_p_values(repaired[Content.OWN], repaired[other]) for other in (Content.UNRELATED, Content.NOISE)]
    p_values = np.maximum(*against)
    variables["p_value"] = ("patch", p_values, {"unit": "probability"})
    variables["q_value"] = ("patch", false_discovery_rate(p_values), {"unit": "probability"})
    variables["rank"] = (("content", "patch", "case"), np.stack([*ranked.values()]), {"unit": "places"})
    return xr.Dataset(
        variables,
        coordinates(found)
        | {"content": [str(content) for content in Content], "case": np.arange(len(ranked[Content.OWN][0]))},
    )


def _baselines(bench: Bench, config: BackPatchingConfig, cases: Cases) -> dict[str, Estimate]:
    """What happens without a patch: how often questions fail, and how often the answer comes anyway, only later."""
    composed = np.concatenate([np.ones(len(cases.right)), np.zeros(len(cases.wrong))])
    spoken = continuations(bench.model, cases.wrong, range(len(cases.wrong)), config.tokens, None, {})
    late = mention(spoken, sayings(cases.wrong))
    return {
        "composition right": Estimate.of_successes(composed, UNIT),
        "answer comes later, unpatched": Estimate.of_successes(late, UNIT),
    }
