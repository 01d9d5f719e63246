"""Pictures of back-patching."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from jackfield.plotting import FINDING_MARK, heatmap, new_figure
from jackfield.sites import Kind, Site
from jackfield_plugins.back_patching.states import Content

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from jackfield_plugins.back_patching.result import BackPatchingResult

__all__ = ["grid", "held_out"]

_PANELS = (("recovery", "own state"), ("unrelated", "unrelated prompt's state"), ("noise", "noise"))
_COLOURS = {Content.OWN: "#1b5e9b", Content.UNRELATED: "#b2552a", Content.NOISE: "#777777"}


def grid(result: BackPatchingResult) -> Figure:
    """Sources upwards, targets to the right; one row of panels for each position, one column for what is written."""
    data = result.data.assign(finding=result.findings)
    positions = list(dict.fromkeys(data["position"].values.tolist()))
    sources, targets = (sorted({*data[name].values.tolist()}, key=Site.parse) for name in ("source", "target"))
    figure = new_figure(
        2.4 + 0.34 * max(len(targets), 7) * len(_PANELS), 1.4 + (0.8 + 0.28 * max(len(sources), 6)) * len(positions)
    )
    panels = figure.subplots(len(positions), len(_PANELS), squeeze=False, sharex=True, sharey=True)
    image = None
    for row, position in enumerate(positions):
        part = data.isel(patch=data["position"].values == position)
        for column, (name, title) in enumerate(_PANELS):
            axes = panels[row, column]
            values, found = np.full((len(sources), len(targets)), np.nan), np.zeros((len(sources), len(targets)), bool)
            for source, target, value, finding in zip(
                *(part[each].values.tolist() for each in ("source", "target", name, "finding")), strict=True
            ):
                place = sources.index(source), targets.index(target)
                values[place], found[place] = value, finding and name == "recovery"
            axes.set_facecolor("#dddddd")
            labels = [_label(target) for target in targets]
            image = heatmap(axes, values, found, [_label(source) for source in sources], labels, 1.0)
            if row == 0:
                axes.set_title(title, fontsize=10)
        panels[row, 0].set_ylabel(f"at {position}\nfrom the output of layer")
    for axes in panels[-1]:
        axes.set_xlabel("to the output of layer")
    if image is not None:
        bar = figure.colorbar(image, ax=panels, label="share of cases repaired", shrink=0.9)
        bar.ax.set_ylim(0, 1)
    figure.supxlabel(f"{FINDING_MARK} finding: q ≤ 0.05 and beyond both controls", fontsize=8)
    return figure


def held_out(result: BackPatchingResult) -> Figure:
    """Bars with intervals: what the best pair of each route repairs on the other half, beside its controls."""
    data = result.data
    routes = data["route"].values.tolist()
    figure = new_figure(2.6 + 2.0 * len(routes), 3.9)
    axes = figure.subplots()
    width = 0.8 / len(Content)
    for index, content in enumerate(Content):
        at = data.sel(content=str(content))
        places = np.arange(len(routes)) + (index - 1) * width
        axes.bar(places, at["held_out"].values, width, color=_COLOURS[content], alpha=0.85, label=str(content))
        axes.vlines(places, at["held_out_low"].values, at["held_out_high"].values, color="black", linewidth=1)
        axes.plot(places, at["oracle"].values, "_", color="black", markersize=11)
    axes.plot([], [], "_", color="black", markersize=11, label="some pair or other (oracle)")
    best = data["best"].sel(content=str(Content.OWN)).values.tolist()
    arrow = "\n→ "
    ticks = [f"{route}\n{name.replace('->', arrow)}" for route, name in zip(routes, best, strict=True)]
    axes.set_xticks(range(len(routes)), ticks, fontsize=8)
    axes.set_ylim(0, 1.02)
    axes.set_ylabel("share of held-out cases repaired")
    figure.legend(loc="outside upper center", ncols=2, fontsize=7, frameon=False)
    return figure


def _label(name: str) -> str:
    """What an axis calls a site: its layer, or ``emb`` for what the first layer reads."""
    site = Site.parse(name)
    return "emb" if site.kind is Kind.RESID_PRE else str(site.layer)
