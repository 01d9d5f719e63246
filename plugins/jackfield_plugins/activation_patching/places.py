"""The places that a sweep patches: a site, the positions, and how results call it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jaxtyping import Bool
from torch import Tensor

from jackfield.bench import Bench
from jackfield.errors import AlignmentError, ConfigError
from jackfield.interventions import Intervention, replace
from jackfield.sites import Kind, Site
from jackfield_plugins.activation_patching.config import SweepConfig
from jackfield_plugins.activation_patching.result import STREAM_KINDS

__all__ = ["Place", "coordinates", "places", "swept_layers", "swept_positions"]


@dataclass(frozen=True, eq=False)
class Place:
    """One cell of a sweep.

    ``site`` is what is written to, ``node`` the circuit node that it belongs to (a head's ``z`` belongs to the head),
    ``position`` its label (empty: all positions), ``where [pair, column]`` the tokens written.
    """

    site: Site
    node: Site
    stream: str
    position: str
    where: Bool[Tensor, "pair column"]

    @property
    def label(self) -> str:
        return f"{self.node}@{self.position}" if self.position else str(self.node)

    def write(self, values: Mapping[Site, Tensor]) -> Intervention:
        """The intervention that puts here what ``values`` (site, all heads -> activation) holds for this place."""
        return replace(self.site, self.site.part_of(values[self.site.all_heads]), self.where)


def places(bench: Bench, config: SweepConfig) -> list[Place]:
    """All places that a configuration names, streams first.

    Raises
    ------
    ConfigError
        If a layer or position does not exist.
    AlignmentError
        If every token is asked for and the pairs have different templates.
    """
    layers = swept_layers(bench, config)
    columns = swept_positions(bench, config)
    found = [
        Place(site := Site(STREAM_KINDS[stream], layer), site, stream, label, where)
        for stream in config.streams
        for layer in layers
        for label, where in columns.items()
    ]
    if config.heads:
        position = config.head_position or ""
        where = _named(bench, [position])[position] if position else bench.pairs.clean.mask
        found += [
            Place(Site(Kind.Z, layer, head), Site(Kind.HEAD_OUT, layer, head), "z", position, where)
            for layer in layers
            for head in range(bench.model.shape.n_heads)
        ]
    return found


def coordinates(cells: Sequence[Place]) -> dict[str, Any]:
    """What a data set says of the places along its dimension ``place``."""
    return {
        "place": [cell.label for cell in cells],
        "site": ("place", [str(cell.node) for cell in cells]),
        "stream": ("place", [cell.stream for cell in cells]),
        "position": ("place", [cell.position for cell in cells]),
        "layer": ("place", [-1 if cell.site.layer is None else cell.site.layer for cell in cells]),
        "head": ("place", [-1 if cell.site.head is None else cell.site.head for cell in cells]),
    }


def swept_layers(bench: Bench, config: SweepConfig) -> Sequence[int]:
    """The layers that a configuration names; ``ConfigError`` if one does not exist."""
    deep = bench.model.shape.n_layers
    layers = range(deep) if config.layers is None else config.layers
    if outside := [layer for layer in layers if not 0 <= layer < deep]:
        raise ConfigError(f"layers {outside} do not exist: {bench.model.name} has {deep} layers, counted from 0")
    return layers


def swept_positions(bench: Bench, config: SweepConfig) -> dict[str, Bool[Tensor, "pair column"]]:
    """The tokens of each position that a configuration names, by its label.

    Raises
    ------
    ConfigError
        If the task names no such position.
    AlignmentError
        If every token is asked for and the pairs have different templates.
    """
    if config.positions == "named":
        return _named(bench, list(bench.pairs.positions))
    if config.positions == "every":
        return _every(bench)
    return _named(bench, config.positions)


def _named(bench: Bench, names: Sequence[str]) -> dict[str, Bool[Tensor, "pair column"]]:
    known = bench.pairs.positions
    if unknown := [name for name in names if name not in known]:
        raise ConfigError(f"task {bench.task!r} names no position {', '.join(unknown)}; it names {', '.join(known)}")
    return {name: bench.pairs.clean.at(known[name]) for name in names}


def _every(bench: Bench) -> dict[str, Bool[Tensor, "pair column"]]:
    lengths = set(bench.pairs.clean.lengths.tolist())
    templates = {pair.template for pair in bench.pairs.pairs}
    if len(lengths) > 1 or len(templates) > 1:
        raise AlignmentError(
            f"positions 'every' needs pairs of one template and length; these have {len(templates)} templates and "
            f"lengths {sorted(lengths)}; use the named positions"
        )
    rows = len(bench.pairs)
    return {str(index): bench.pairs.clean.at([index] * rows) for index in range(lengths.pop())}
