"""Activation patching: which places carry what tells a clean prompt from its corrupted twin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jackfield.analysis import Analysis
from jackfield.bench import Bench
from jackfield.comparison import LEVEL, compared
from jackfield.statistics import mean_share
from jackfield_plugins.activation_patching.config import ActivationPatchingConfig, Corruption
from jackfield_plugins.activation_patching.ground import Ground
from jackfield_plugins.activation_patching.noise import noise
from jackfield_plugins.activation_patching.places import Place, coordinates, places
from jackfield_plugins.activation_patching.result import CONTROL, ActivationPatchingResult
from jackfield_plugins.activation_patching.together import Singly, interactions, moved, strongest

__all__ = ["ActivationPatching"]

Floats = NDArray[np.float64]


class ActivationPatching(Analysis[ActivationPatchingConfig]):
    """Replace one activation at a time and see how far the answer moves.

    Every place is patched on every pair, exactly. Its effect is the share of the difference between the two prompts'
    mean metrics that the patch carries over, with a bootstrap interval over pairs. The control writes the activation of
    an unrelated prompt of the same template to the same place; what it moves is disturbance, not information.

    Sources: Zhang and Nanda (arXiv 2309.16042) for the choice of corruption and metric.
    """

    name: ClassVar[str] = "activation_patching"
    version: ClassVar[str] = "3"
    summary: ClassVar[str] = "effect of replacing one activation at a time, by layer and position and by head"
    Config = ActivationPatchingConfig
    Result = ActivationPatchingResult

    def run(self, bench: Bench, config: ActivationPatchingConfig) -> ActivationPatchingResult:
        """Sweep all places that ``config`` names.

        Raises
        ------
        ConfigError
            If a layer or a position does not exist.
        AlignmentError
            If a template occurs only once, so that no unrelated prompt can serve as control.
        UndefinedMetricError
            If clean and corrupted prompts score the same on average.
        """
        cells = places(bench, config, config.components, config.window)
        gaussian = config.corruption is Corruption.GAUSSIAN
        noisy = noise(bench, config.noise_positions, config.noise_level) if gaussian else None
        sites = {site.all_heads for cell in cells for site in cell.sites}
        ground = Ground.prepare(bench, config.direction, config.replacement, sites, noisy)
        mean_share(ground.whole, ground.whole)
        patched = moved(bench, ground, [[cell] for cell in cells], ground.values, "patching")
        control = moved(bench, ground, [[cell] for cell in cells], ground.unrelated, "control")
        data = _by_place(bench, ground, cells, patched, control)
        if heads := [index for index, cell in enumerate(cells) if cell.site.head is not None]:
            singly = Singly([cells[index] for index in heads], patched[heads])
            data = data.merge(strongest(bench, config, ground, singly))
            if config.interactions:
                data = data.merge(interactions(bench, config, ground, singly))
        return ActivationPatchingResult(
            data.assign_attrs(level=LEVEL),
            ground.baselines(bench),
            {
                CONTROL: "the same place receives the activation of another prompt of the same template",
                "random heads": "as many heads as the strongest, drawn at random",
            },
            bench.provenance(self.name, self.version, config.model_dump(mode="json")),
        )


def _by_place(bench: Bench, ground: Ground, cells: Sequence[Place], patched: Floats, control: Floats) -> xr.Dataset:
    found = compared(bench, "place", patched, control, ground.whole)
    raw = {"unit": bench.metric.unit}
    found["metric"] = (("place", "pair"), patched + ground.base_metric, raw)
    found["control_metric"] = (("place", "pair"), control + ground.base_metric, raw)
    found["base_metric"] = ("pair", ground.base_metric, raw)
    found["source_metric"] = ("pair", ground.source_metric, raw)
    return xr.Dataset(found, coordinates(cells) | {"pair": np.arange(len(bench.pairs))})
