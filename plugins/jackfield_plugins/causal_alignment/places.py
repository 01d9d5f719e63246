"""Where a variable is looked for: sites and named positions that could hold it."""

from __future__ import annotations

from dataclasses import dataclass

import networkx as nx

from jackfield.causal_models import CausalModel
from jackfield.errors import ConfigError
from jackfield.hooked_model import HookedModel
from jackfield.sites import Kind, Site
from jackfield_plugins.causal_alignment.config import CausalAlignmentConfig
from jackfield_plugins.causal_alignment.wording import Wording

__all__ = ["Place", "candidates"]


@dataclass(frozen=True)
class Place:
    """A site at a position.

    Parameters
    ----------
    site
        The site; it holds one vector for each token.
    position
        The task's name for the position.
    column
        The token there, counted from 0.
    """

    site: Site
    position: str
    column: int

    def __str__(self) -> str:
        return f"{self.site} at {self.position}"


def candidates(
    model: HookedModel, wording: Wording, causal: CausalModel, variable: str, config: CausalAlignmentConfig
) -> list[Place]:
    """The places that ``config`` names and that could hold a variable.

    What attends backwards cannot know a variable before the last word that the variable depends on, and the last
    layer's output matters at the answer alone. Such places are left out.

    Raises
    ------
    SiteError
        If the model lacks a site.
    ConfigError
        If the task names no such position, or no place is left.
    """
    if unknown := [name for name in config.positions or () if name not in wording.positions]:
        raise ConfigError(f"the task names no position {', '.join(unknown)}; it names {', '.join(wording.positions)}")
    sites = [*map(Site.parse, config.sites or _residual(model))]
    for site in sites:
        model.require_writable(site)
    needed = [name for name in nx.ancestors(causal.graph(), variable) if causal[name].is_input]
    known, answer = max(wording.positions[name] for name in needed), max(wording.positions.values())
    columns = {
        name: column
        for name, column in wording.positions.items()
        if (config.positions is None or name in config.positions) and column >= known
    }
    last = model.shape.n_layers - 1
    found = [
        Place(site, name, column)
        for site in sites
        for name, column in columns.items()
        if column == answer or not (site.layer == last and site.kind in _ENDS)
    ]
    if not found:
        raise ConfigError(
            f"no place is left that could hold {variable}: it depends on {', '.join(sorted(needed))}, so positions "
            f"before token {known} cannot, and neither can the last layer's output before the answer"
        )
    return found


_ENDS = (Kind.RESID_POST, Kind.MLP_OUT, Kind.ATTN_OUT)


def _residual(model: HookedModel) -> list[str]:
    return [str(Site(Kind.RESID_POST, layer)) for layer in range(model.shape.n_layers)]
