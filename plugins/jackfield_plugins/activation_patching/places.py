"""The places that a sweep patches: a site, the positions, and how results call it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool
from torch import Tensor

from jackfield.bench import Bench
from jackfield.errors import AlignmentError, ConfigError
from jackfield.interventions import Intervention, replace
from jackfield.sites import Kind, Site
from jackfield_plugins.activation_patching.config import Component, SweepConfig
from jackfield_plugins.activation_patching.result import COMPONENT_KINDS, STREAM_KINDS

__all__ = ["Place", "coordinates", "places", "swept_layers", "swept_positions", "tokens_at"]


@dataclass(frozen=True, eq=False)
class Place:
    """One cell of a sweep.

    ``site`` is what is written to, ``node`` the circuit node that it belongs to (a head's ``z`` belongs to the head),
    ``position`` its label (empty: all positions), ``where [pair, column]`` the tokens written. ``beside`` are the sites
    of the same kind in neighbouring layers that are written together with it.
    """

    site: Site
    node: Site
    stream: str
    position: str
    where: Bool[Tensor, "pair column"]
    beside: tuple[Site, ...] = ()

    @property
    def sites(self) -> tuple[Site, ...]:
        """All sites that are written to."""
        return self.site, *self.beside

    @property
    def label(self) -> str:
        return f"{self.node}@{self.position}" if self.position else str(self.node)

    def writes(self, values: Mapping[Site, Tensor]) -> list[Intervention]:
        """The interventions that put here what ``values`` (site, all heads -> activation) holds for this place."""
        return [replace(site, site.part_of(values[site.all_heads]), self.where) for site in self.sites]


def places(bench: Bench, config: SweepConfig, components: Sequence[Component] = ("z",), window: int = 1) -> list[Place]:
    """All places that a configuration names, streams first.

    Parameters
    ----------
    bench, config
        The model and the pairs, and what is swept.
    components
        What is swept of each head, if heads are.
    window
        How many layers are written together.

    Raises
    ------
    ConfigError
        If a layer or position does not exist.
    AlignmentError
        If every token is asked for and the pairs have different templates.
    """
    layers, shape = swept_layers(bench, config), bench.model.shape
    found = [
        Place(site := Site(STREAM_KINDS[stream], layer), site, stream, label, where, _beside(bench, site, window))
        for stream in config.streams
        for layer in layers
        for label, where in swept_positions(bench, config).items()
    ]
    if config.heads:
        at = _named(bench, config.head_positions) if config.head_positions else {"": bench.pairs.clean.mask}
        found += [
            Place(site, _node(site), component, label, where, _beside(bench, site, window))
            for component in components
            for layer in layers
            for head in range(shape.heads_of(COMPONENT_KINDS[component]))
            for site in [Site(COMPONENT_KINDS[component], layer, head)]
            for label, where in at.items()
        ]
    return found


def _node(site: Site) -> Site:
    """The circuit node of a head's component: the head itself for its output."""
    return Site(Kind.HEAD_OUT, site.layer, site.head) if site.kind is Kind.Z else site


def _beside(bench: Bench, site: Site, window: int) -> tuple[Site, ...]:
    """The sites of the same kind in the other layers of a window that is centred on ``site``."""
    layer = site.layer or 0
    first = layer - (window - 1) // 2
    layers = range(max(0, first), min(bench.model.shape.n_layers, first + window))
    return tuple(Site(site.kind, other, site.head) for other in layers if other != layer)


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


def tokens_at(bench: Bench, names: Sequence[str]) -> Bool[Tensor, "pair column"]:
    """The tokens at any of some named positions; ``ConfigError`` if the task names no such position."""
    known = bench.pairs.positions
    if unknown := [name for name in names if name not in known]:
        raise ConfigError(f"task {bench.task!r} names no position {', '.join(unknown)}; it names {', '.join(known)}")
    return torch.stack([bench.pairs.clean.at(known[name]) for name in names]).any(0)


def _named(bench: Bench, labels: Sequence[str]) -> dict[str, Bool[Tensor, "pair column"]]:
    return {label: tokens_at(bench, label.split("+")) for label in labels}


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
