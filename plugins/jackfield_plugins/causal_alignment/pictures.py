"""Pictures of causal alignment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from jackfield.plotting import FINDING_MARK, heatmap, new_figure
from jackfield_plugins.causal_alignment.attempts import Subject
from jackfield_plugins.causal_alignment.lessons import Split

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from jackfield_plugins.causal_alignment.result import CausalAlignmentResult

__all__ = ["controls", "curve", "places"]

_TRAINED, _CONTROL, _BRACKET = "#1b5e9b", "#b2552a", "#999999"


def controls(result: CausalAlignmentResult) -> Figure:
    """Bars with intervals on held-out values, a panel for each variable; dashes show labels that change."""
    data = result.data.sel(split=str(Split.VALUES))
    subjects, kinds = data["subject"].values.tolist(), data["kind"].values.tolist()
    figure = new_figure(3.2 + 3.0 * data.sizes["variable"], 1.3 + 0.27 * len(subjects))
    panels = figure.subplots(1, data.sizes["variable"], squeeze=False, sharey=True, sharex=True)[0]
    places = np.arange(len(subjects))[::-1]
    for axes, name in zip(panels, result.names, strict=True):
        at = data.sel(variable=name)
        colours = [
            _TRAINED if kind == Subject.TRAINED else _BRACKET if kind == Subject.FULL else _CONTROL for kind in kinds
        ]
        axes.barh(places, at["iia"].values, 0.7, color=colours, alpha=0.85)
        axes.hlines(places, at["iia_low"].values, at["iia_high"].values, color="black", linewidth=1)
        axes.plot(at["iia_changed"].values, places, "|", color="black", markersize=9)
        axes.axvline(1 - float(at["changed"].mean()), color="#555555", linewidth=0.8, linestyle=":")
        axes.set_yticks(places, subjects, fontsize=8)
        axes.set_xlim(0, 1.02)
        axes.set_title(f"{name} at {at['site'].item()}, {at['position'].item()}", fontsize=9)
    figure.supxlabel(
        "share of interchanges that give the algorithm's answer, held-out values\n"
        "| where the label changes   ⋮ doing nothing", fontsize=8,
    )  # fmt: skip
    return figure


def places(result: CausalAlignmentResult) -> Figure:
    """Sites upwards, positions to the right: by how much interchanges do better than nothing, on validation."""
    data = result.data
    sites, positions = (list(dict.fromkeys(data[f"place_{name}"].values.tolist())) for name in ("site", "position"))
    figure = new_figure(
        2.2 + (0.6 + 0.55 * max(3, len(positions))) * data.sizes["variable"], 1.4 + 0.34 * max(3, len(sites))
    )
    panels = figure.subplots(1, data.sizes["variable"], squeeze=False, sharey=True)[0]
    image = None
    for axes, name in zip(panels, result.names, strict=True):
        at = data.sel(variable=name)
        nothing = 1 - float(at["changed"].mean())
        values, chosen = np.full((len(sites), len(positions)), np.nan), np.zeros((len(sites), len(positions)), bool)
        for site, position, value in zip(
            *(at[each].values.tolist() for each in ("place_site", "place_position", "searched")), strict=True
        ):
            place = sites.index(site), positions.index(position)
            values[place] = value - nothing
            chosen[place] = (site, position) == (at["site"].item(), at["position"].item())
        axes.set_facecolor("#dddddd")
        image = heatmap(axes, values, chosen, sites, positions, max(nothing, 1 - nothing))
        axes.set_title(name, fontsize=10)
    if image is not None:
        figure.colorbar(image, ax=panels, label="share of interchanges,\nmore than by doing nothing")
    figure.supxlabel(f"{FINDING_MARK} chosen   grey: cannot hold the variable, or was not asked for", fontsize=8)
    return figure


def curve(result: CausalAlignmentResult) -> Figure:
    """Every map on the model and on random weights; where the two meet, the map's power is all that is seen."""
    data = result.data
    maps = data["map"].values.tolist()
    figure = new_figure(2.4 + 2.6 * data.sizes["variable"], 2.0 + 0.36 * len(maps))
    panels = figure.subplots(1, data.sizes["variable"], squeeze=False, sharey=True, sharex=True)[0]
    rows = np.arange(len(maps))[::-1]
    for axes, name in zip(panels, result.names, strict=True):
        for on, colour in (("model", _TRAINED), (str(Subject.WEIGHTS), _CONTROL)):
            for split, filled, shift in ((Split.VALUES, True, 0.12), (Split.PAIRS, False, -0.12)):
                at = data.sel(variable=name, on=on, split=str(split))
                axes.hlines(rows + shift, at["curve_low"], at["curve_high"], color=colour, linewidth=1)
                axes.plot(
                    at["curve"], rows + shift, "o", color=colour, markersize=5,
                    markerfacecolor=colour if filled else "white",
                    label=f"{on}, {'held-out values' if filled else 'words trained on'}",
                )  # fmt: skip
        axes.axvline(
            1 - float(data["changed"].sel(variable=name).mean()), color="#555555", linewidth=0.8, linestyle=":"
        )
        vacuous = result.vacuous(name)
        ticks = [
            f"{each}{'' if linear else ' (not linear)'}"
            for each, linear in zip(maps, data["linear"].values, strict=True)
        ]
        axes.set_yticks(rows, ticks, fontsize=8)
        for row, each in zip(rows, maps, strict=True):
            if each in vacuous:
                axes.axhspan(row - 0.4, row + 0.4, color=_CONTROL, alpha=0.12, linewidth=0)
        axes.set_xlim(0, 1.03)
        axes.set_title(name, fontsize=10)
    figure.legend(
        *panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=2, fontsize=7, frameon=False
    )
    figure.supxlabel(
        "share of interchanges that give the algorithm's answer\nshaded: vacuous, moves random weights too", fontsize=8
    )
    return figure
