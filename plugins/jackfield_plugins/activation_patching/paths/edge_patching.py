"""Edge patching: exact effects of single edges of the computational graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from torch import Tensor

from jackfield.analysis import Analysis
from jackfield.bench import Bench
from jackfield.comparison import LEVEL, shared
from jackfield.edges import Wire, matching, receiver_name, receivers, senders, wires
from jackfield.errors import ConfigError
from jackfield.paths import edge_patch
from jackfield.replay import sweep
from jackfield.sites import Site
from jackfield.wiring import ModelShape
from jackfield_plugins.activation_patching.paths.config import EdgePatchingConfig
from jackfield_plugins.activation_patching.paths.result import CONTROL, EdgePatchingResult
from jackfield_plugins.activation_patching.paths.sent import Sent, chosen_tokens

__all__ = ["EdgePatching"]


class EdgePatching(Analysis[EdgePatchingConfig]):
    """Let one input of one node read one earlier node's other output, and see how far the answer moves.

    Every edge is patched on every pair, exactly: the input gets what the sender writes in the pair's other prompt in
    place of what it writes, and everything after that is live. The effect is the share of the difference between the
    two prompts' mean metrics that this carries over, with a bootstrap interval over pairs. The control sends along the
    same edge what the sender writes in an unrelated prompt of the same template.

    Sources: Conmy et al. (arXiv 2304.14997) and Hanna et al. (arXiv 2403.17806) for the graph and its edges.
    """

    name: ClassVar[str] = "edge_patching"
    version: ClassVar[str] = "1"
    summary: ClassVar[str] = "exact effect of single edges, sender by receiver"
    Config = EdgePatchingConfig
    Result = EdgePatchingResult

    def run(self, bench: Bench, config: EdgePatchingConfig) -> EdgePatchingResult:
        """Patch every edge that ``config`` names.

        Raises
        ------
        SiteError
            If a pattern matches nothing.
        ConfigError
            If there are none or more than ``config.most`` such edges, or a position does not exist.
        AlignmentError
            If a template occurs only once, so that no unrelated prompt can serve as control.
        UndefinedMetricError
            If clean and corrupted prompts score the same on average.
        """
        shape = bench.model.shape
        chosen = _wires(shape, config)
        where = chosen_tokens(bench, config.positions)
        sent = Sent.prepare(bench, config.direction, list(dict.fromkeys(wire.source for wire in chosen)), where)
        ground = sent.ground

        def swept(sets: Sequence[Sequence[Wire]], changed: Mapping[Site, Tensor], name: str) -> NDArray[np.float64]:
            return sweep(
                bench, ground.base, ground.key, sets,
                lambda members: [edge_patch(shape, wire, changed, where) for wire in members], name,
            )  # fmt: skip

        single = [[wire] for wire in chosen]
        found = sent.compared(
            bench, "edge", swept(single, sent.changed, "patching"), swept(single, sent.unrelated, "control")
        )
        for name, changed in (("joint", sent.changed), ("joint_control", sent.unrelated)):
            moved = swept([chosen], changed, f"{name.replace('_', ' ')}: all edges") - ground.base_metric
            found |= shared("set", name, moved, ground.whole, bench.rng(f"interval/{name}"))
        data = xr.Dataset(
            found,
            {
                "edge": [wire.name for wire in chosen],
                "pair": np.arange(len(bench.pairs)),
                "set": ["all"],
                "sender": ("edge", [str(wire.source) for wire in chosen]),
                "receiver": ("edge", [receiver_name(wire.target) for wire in chosen]),
            },
            {"level": LEVEL},
        )
        return EdgePatchingResult(
            data,
            ground.baselines(bench),
            {CONTROL: "the same edge carries what the sender writes in another prompt of the same template"},
            bench.provenance(self.name, self.version, config.model_dump(mode="json")),
        )


def _wires(shape: ModelShape, config: EdgePatchingConfig) -> list[Wire]:
    every = wires(shape)
    if config.edges is not None:
        chosen = [every[index] for index in matching(config.edges, [wire.name for wire in every], "edges")]
    else:
        sources = _chosen(config.senders or ("*",), [str(node) for node in senders(shape)], "senders")
        ends = _chosen(config.receivers or ("logits",), [receiver_name(end) for end in receivers(shape)], "receivers")
        chosen = [wire for wire in every if str(wire.source) in sources and receiver_name(wire.target) in ends]
    if not chosen:
        raise ConfigError("none of these senders feeds any of these receivers: there is no edge to patch")
    if len(chosen) > config.most:
        raise ConfigError(
            f"{len(chosen)} edges were asked for, of {len(every)} that the model has, and at most {config.most} are "
            "patched; name fewer, or raise 'most'"
        )
    return chosen


def _chosen(wanted: Sequence[str], names: Sequence[str], what: str) -> set[str]:
    return {names[index] for index in matching(wanted, names, what)}
