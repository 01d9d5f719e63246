"""Path patching: which nodes tell a receiver what, without other heads in between."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from torch import Tensor

from jackfield.analysis import Analysis
from jackfield.bench import Bench
from jackfield.comparison import LEVEL
from jackfield.edges import matching, receiver_name, receivers, senders
from jackfield.errors import ConfigError
from jackfield.interventions import Intervention
from jackfield.paths import Frozen, path_patches
from jackfield.replay import sweep
from jackfield.sites import Site
from jackfield.wiring import ModelShape
from jackfield_plugins.activation_patching.paths.config import PathPatchingConfig
from jackfield_plugins.activation_patching.paths.result import CONTROL, PathPatchingResult
from jackfield_plugins.activation_patching.paths.sent import Sent, chosen_tokens

__all__ = ["PathPatching"]


class PathPatching(Analysis[PathPatchingConfig]):
    """Let receivers read what reaches them of one sender's change, while every attention head stays as it was.

    A sender's effect is the share of the difference between the two prompts' mean metrics that its paths to the
    receivers carry over, with a bootstrap interval over pairs. The control sends along the same paths what the sender
    writes in an unrelated prompt of the same template.

    Sources: Wang et al. (arXiv 2211.00593) for the procedure.
    """

    name: ClassVar[str] = "path_patching"
    version: ClassVar[str] = "1"
    summary: ClassVar[str] = "effect of each head, MLP or the input along its paths to chosen receivers alone"
    Config = PathPatchingConfig
    Result = PathPatchingResult

    def run(self, bench: Bench, config: PathPatchingConfig) -> PathPatchingResult:
        """Patch the paths of every sender that ``config`` names and that feeds a receiver.

        Raises
        ------
        SiteError
            If a pattern matches nothing.
        ConfigError
            If no sender is left, or a position or layer does not exist.
        AlignmentError
            If a template occurs only once, so that no unrelated prompt can serve as control.
        UndefinedMetricError
            If clean and corrupted prompts score the same on average.
        """
        ends = _receivers(bench.model.shape, config)
        nodes = _senders(bench.model.shape, config, ends)
        where = chosen_tokens(bench, config.positions)
        sent = Sent.prepare(bench, config.direction, nodes, where)
        frozen = Frozen.record(bench.model, sent.ground.base, where, ends)

        def swept(changed: Mapping[Site, Tensor], description: str) -> NDArray[np.float64]:
            bench.progress(f"{description}: paths", 0, len(nodes))
            patches: list[list[Intervention]] = []
            for patch in path_patches(frozen, nodes, ends, changed, freeze_mlps=config.freeze_mlps):
                patches.append(patch)
                bench.progress(f"{description}: paths", len(patches), len(nodes))
            return sweep(bench, sent.ground.base, sent.ground.key, range(len(nodes)), patches.__getitem__, description)

        found = sent.compared(bench, "sender", swept(sent.changed, "patching"), swept(sent.unrelated, "control"))
        data = xr.Dataset(
            found,
            {
                "sender": [str(node) for node in nodes],
                "pair": np.arange(len(bench.pairs)),
                "receiver": [receiver_name(end) for end in ends],
            },
            {"level": LEVEL},
        )
        return PathPatchingResult(
            data,
            sent.ground.baselines(bench),
            {CONTROL: "the same paths carry what the sender writes in another prompt of the same template"},
            bench.provenance(self.name, self.version, config.model_dump(mode="json")),
        )


def _receivers(shape: ModelShape, config: PathPatchingConfig) -> list[Site]:
    every = receivers(shape)
    chosen = matching(config.receivers, [receiver_name(end) for end in every], "receivers")
    return [every[index] for index in chosen]


def _senders(shape: ModelShape, config: PathPatchingConfig, ends: Sequence[Site]) -> list[Site]:
    if outside := [layer for layer in config.layers or () if not 0 <= layer < shape.n_layers]:
        raise ConfigError(f"layers {outside} do not exist: the model has {shape.n_layers} layers, counted from 0")
    every = senders(shape)
    chosen = [every[index] for index in matching(config.senders, [str(node) for node in every], "senders")]
    if config.layers is not None:
        chosen = [node for node in chosen if node.layer in config.layers]
    nodes = [node for node in chosen if any(shape.feeds(node, end) for end in ends)]
    if not nodes:
        raise ConfigError(
            f"no sender that matches {', '.join(config.senders)} feeds {', '.join(map(receiver_name, ends))}"
            + ("" if config.layers is None else f" from layers {', '.join(map(str, config.layers))}")
        )
    return nodes
