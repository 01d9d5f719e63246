"""Pictures of attribution patching."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from jackfield.plotting import heatmap, new_figure
from jackfield_plugins.activation_patching.pictures import NOTE, grid, largest

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from jackfield_plugins.activation_patching.attribution.result import AttributionPatchingResult

__all__ = ["agreement", "queries_and_keys"]

_COLOURS = {
    "resid_pre": "#777777",
    "resid_mid": "#aaaaaa",
    "resid_post": "#444444",
    "attn_out": "#1b5e9b",
    "mlp_out": "#b2552a",
    "z": "#2e8b57",
    "q": "#8e44ad",
    "k": "#c0a000",
}


def agreement(result: AttributionPatchingResult) -> Figure:
    """Estimated beside exact effects of all verified places, by what they are."""
    data = result.data.isel(place=np.isfinite(result.data["exact"].values))
    figure = new_figure(4.8, 4.8)
    axes = figure.subplots()
    both = np.concatenate([data["exact"].values, data["effect"].values, [0.0]])
    axes.plot(*[[both.min(), both.max()]] * 2, color="black", linewidth=0.6, linestyle=":")
    for stream, colour in _COLOURS.items():
        part = data.isel(place=data["stream"].values == stream)
        if part.sizes["place"]:
            filled = [(colour, 0.7 if sampled else 0.0) for sampled in part["sampled"].values]
            axes.scatter(part["exact"], part["effect"], s=24, facecolors=filled, edgecolors=colour)
            axes.scatter([], [], s=24, color=colour, label=stream)
    axes.axhline(0, color="black", linewidth=0.4)
    axes.axvline(0, color="black", linewidth=0.4)
    axes.set_xlabel("exact effect (share of the difference)")
    axes.set_ylabel("estimated effect")
    figure.legend(loc="outside upper center", ncols=6, fontsize=7, frameon=False, handletextpad=0.2)
    figure.supxlabel("filled: drawn at random; hollow: only among the strongest", fontsize=8)
    return figure


def queries_and_keys(result: AttributionPatchingResult) -> Figure:
    """Heat maps of single heads' queries and keys: heads upwards, positions to the right."""
    data = result.data.assign(finding=result.findings)
    data = data.isel(place=np.isin(data["stream"].values, ["q", "k"]))
    parts = {name: data.isel(place=data["stream"].values == name) for name in ("q", "k")}
    rows = max(len(set(part["site"].values.tolist())) for part in parts.values())
    figure = new_figure(6.4, min(8.0, 2.0 + 0.14 * rows))
    panels = figure.subplots(1, len(parts), squeeze=False)[0]
    limit = largest(data)
    image = None
    for axes, (name, part) in zip(panels, parts.items(), strict=True):
        values, sites, columns = grid(part, "site", "position", part["effect"].values)
        found, _, _ = grid(part, "site", "position", part["finding"].values)
        image = heatmap(axes, values.astype(float), found.astype(bool), sites, columns, limit)
        axes.set_title({"q": "queries", "k": "keys"}[name], fontsize=10)
        axes.set_xlabel("position")
        axes.tick_params(axis="y", labelsize=7)
    if image is not None:
        figure.colorbar(image, ax=panels, label="share of the difference", shrink=0.9)
    figure.supxlabel(NOTE, fontsize=8)
    return figure
