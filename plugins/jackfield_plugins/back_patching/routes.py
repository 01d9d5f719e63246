"""From where to where a state is written: a source layer, a target, a position, and the route that they make."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from jackfield.errors import ConfigError
from jackfield.hooked_model import HookedModel
from jackfield.sites import Kind, Site
from jackfield_plugins.back_patching.config import BackPatchingConfig

__all__ = ["Cell", "Route", "cells", "coordinates"]


class Route(StrEnum):
    """Kinds of patches, which are compared and reported apart."""

    BLOCKS = "block to block"
    """The output of a layer in place of that of an earlier layer."""
    EMBEDDING = "to the embedding"
    """The output of a layer in place of what the first layer reads."""
    FORWARD = "forward"
    """The output of a layer in place of that of a later layer: a control, for it skips computation and adds none."""


@dataclass(frozen=True)
class Cell:
    """One patch: the ``source`` site's state is written to the ``target`` site, both at a named ``position``."""

    source: Site
    target: Site
    position: str

    @property
    def route(self) -> Route:
        if self.target.kind is Kind.RESID_PRE:
            return Route.EMBEDDING
        return Route.BLOCKS if self.target < self.source else Route.FORWARD

    @property
    def edge(self) -> str:
        """The name of the circuit edge that a claim about this patch is made on."""
        return f"{self.source}->{self.target}"

    @property
    def label(self) -> str:
        return f"{self.edge}@{self.position}"

    def written(self, layers: int) -> Site:
        """Where the state is written in a model of so many layers.

        What one layer puts out is what the next one reads, and there the overwritten layer need not be computed.
        """
        layer = self.target.layer or 0
        if self.target.kind is Kind.RESID_PRE or layer == layers - 1:
            return self.target
        return Site(Kind.RESID_PRE, layer + 1)


def cells(model: HookedModel, config: BackPatchingConfig) -> list[Cell]:
    """All patches that a configuration names: by position, then by target, then by source.

    Raises
    ------
    ConfigError
        If a layer does not exist, or the only patches are of layers into themselves, which change nothing.
    """
    sources = _layers(model, config.sources, "sources")
    targets = [Site(Kind.RESID_POST, layer) for layer in _layers(model, config.targets, "targets")]
    if config.embedding:
        targets.insert(0, Site(Kind.RESID_PRE, 0))
    found = [
        Cell(source, target, position)
        for position in dict.fromkeys(config.positions)
        for target in targets
        for source in (Site(Kind.RESID_POST, layer) for layer in sources)
        if source != target
    ]
    if all(cell.route is Route.FORWARD for cell in found):
        raise ConfigError(
            f"no source of {sources} lies behind a target of {[site.layer for site in targets]}: a layer's output "
            "in its own place changes nothing, and forward patches are only a control"
        )
    return found


def coordinates(found: list[Cell]) -> dict[str, Any]:
    """What a data set says of patches along its dimension ``patch``."""
    return {
        "patch": [cell.label for cell in found],
        "source": ("patch", [str(cell.source) for cell in found]),
        "target": ("patch", [str(cell.target) for cell in found]),
        "position": ("patch", [cell.position for cell in found]),
        "route_of": ("patch", [str(cell.route) for cell in found]),
    }


def _layers(model: HookedModel, asked: tuple[int, ...] | None, what: str) -> list[int]:
    deep = model.shape.n_layers
    if outside := [layer for layer in asked or () if not 0 <= layer < deep]:
        raise ConfigError(f"{what} {outside} do not exist: {model.name} has {deep} layers, counted from 0")
    return sorted({*(range(deep) if asked is None else asked)})
