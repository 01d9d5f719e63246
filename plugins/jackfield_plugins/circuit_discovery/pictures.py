"""Pictures of circuit discovery."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from jackfield.plotting import band, new_figure
from jackfield.sites import Kind, Site

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from jackfield_plugins.circuit_discovery.result import CircuitDiscoveryResult

__all__ = ["agreement", "faithfulness", "layers", "stability"]

_HELPS, _HINDERS, _CHANCE, _OTHER = "#1b5e9b", "#b2552a", "#777777", "#c8c8c8"
_MOST_EDGES = 80
_SHOWN = 3
"""The stability plot goes on for so many times the circuit's size."""


def layers(result: CircuitDiscoveryResult) -> Figure:
    """The circuit's strongest edges, from the input below to the logits above."""
    frame = result.to_frame()
    frame = frame[frame["circuit"]].head(_MOST_EDGES)
    ends = [(source, target.partition("<")[0]) for source, target in (name.split("->") for name in frame["edge"])]
    places = _places({node for pair in ends for node in pair})
    height = max(place[1] for place in places.values())
    figure = new_figure(7.0, 2.0 + 0.55 * height)
    axes = figure.subplots()
    widest = frame["effect"].abs().max() or 1.0
    for (source, target), effect in zip(ends, frame["effect"], strict=True):
        strength = abs(effect) / widest
        axes.annotate(
            "", xy=places[target], xytext=places[source],
            arrowprops={
                "arrowstyle": "-", "color": _HELPS if effect > 0 else _HINDERS, "linewidth": 0.4 + 3.2 * strength,
                "alpha": 0.25 + 0.7 * strength, "shrinkA": 0, "shrinkB": 0, "connectionstyle": "arc3,rad=0.08",
            },
        )  # fmt: skip
    for node, (x, y) in places.items():
        axes.text(
            x, y, node, ha="center", va="center", fontsize=7,
            bbox={"boxstyle": "round,pad=0.25", "facecolor": "white", "edgecolor": "black", "linewidth": 0.5},
        )  # fmt: skip
    axes.set_xlim(-0.06, 1.06)
    axes.set_ylim(-0.6, height + 0.6)
    axes.axis("off")
    shown, all_ = len(frame), len(result.edges)
    part = f"the {shown} strongest of {all_} edges" if shown < all_ else f"all {all_} edges"
    figure.supxlabel(f"{part}; blue helps the answer, red hinders it, width is the effect", fontsize=8)
    return figure


def _places(nodes: set[str]) -> dict[str, tuple[float, float]]:
    """Nodes side by side in rows: input, then attention and MLP of each layer, then logits."""
    rows: dict[tuple[int, int], list[Site]] = {}
    for site in sorted(map(Site.parse, nodes)):
        layer = {Kind.INPUT: -1, Kind.LOGITS: 10**6}.get(site.kind, site.layer or 0)
        rows.setdefault((layer, int(site.kind is Kind.MLP_OUT)), []).append(site)
    return {
        str(site): ((index + 0.5) / len(sites), float(height))
        for height, (_, sites) in enumerate(sorted(rows.items()))
        for index, site in enumerate(sites)
    }


def faithfulness(result: CircuitDiscoveryResult) -> Figure:
    """Faithfulness by size beside random circuits of as many edges, with the circuit that was chosen."""
    data, total = result.data, result.data.sizes["edge"]
    figure = new_figure(6.0, 4.0)
    axes = figure.subplots()
    where = np.maximum(data["surviving"].values, 0.5) / total
    axes.axhline(1, color="black", linewidth=0.4, linestyle=":")
    axes.axhline(0, color="black", linewidth=0.4)
    middle, low, high = (data[f"faithfulness{end}"].values for end in ("", "_low", "_high"))
    band(axes, where.tolist(), middle, low, high, "strongest edges", _HELPS)
    chance = data["random_faithfulness"].values
    band(axes, where.tolist(), chance.mean(1), chance.min(1), chance.max(1), "random circuits of that size", _CHANCE)
    if result.edges:
        chosen = data.sel(set="circuit")
        kept, least, most = (float(chosen[f"set_faithfulness{end}"]) for end in ("", "_low", "_high"))
        place = [len(result.edges) / total]
        spread = [[kept - least], [most - kept]]
        axes.errorbar(place, [kept], spread, fmt="*", markersize=12, color=_HINDERS, label="chosen")
    axes.set_xscale("log")
    axes.set_xlabel(f"edges left after pruning, share of {total}")
    axes.set_ylabel("faithfulness on held-out pairs")
    axes.legend(fontsize=8, frameon=False)
    return figure


def stability(result: CircuitDiscoveryResult) -> Figure:
    """How often each edge was chosen again, by rank, and how far whole circuits overlap."""
    data = result.data
    order = np.argsort(-np.abs(data["ranking"].values), kind="stable")
    order = order[: max(20, _SHOWN * int(data["chosen"].sum()))]
    figure = new_figure(7.0, 3.4)
    left, right = figure.subplots(1, 2, width_ratios=(3, 1))
    ranks = np.arange(1, len(order) + 1)
    inside = data["circuit"].values[order]
    low, middle, high = (data[name].values[order] for name in ("inclusion_low", "inclusion", "inclusion_high"))
    for chosen, colour, label in ((inside, _HELPS, "in the circuit"), (~inside, _OTHER, "not in it")):
        left.vlines(ranks[chosen], low[chosen], high[chosen], color=colour, linewidth=0.8)
        left.plot(ranks[chosen], middle[chosen], ".", color=colour, markersize=3, label=label)
    left.set_xlabel("rank of the edge")
    left.set_ylabel("share of resamples that choose it")
    left.set_ylim(-0.03, 1.03)
    left.legend(fontsize=8, frameon=False)
    right.hist(data["jaccard"].values, bins=np.linspace(0, 1, 21), color=_HELPS, orientation="horizontal")
    right.set_ylim(-0.03, 1.03)
    right.set_ylabel("overlap with the circuit (Jaccard)")
    right.set_xlabel("resamples")
    return figure


def agreement(result: CircuitDiscoveryResult) -> Figure:
    """Estimated beside exact effects of all verified edges."""
    data = result.data.isel(edge=np.isfinite(result.data["exact"].values))
    figure = new_figure(4.6, 4.6)
    axes = figure.subplots()
    both = np.concatenate([data["exact"].values, data["effect"].values, [0.0]])
    axes.plot(*[[both.min(), both.max()]] * 2, color="black", linewidth=0.6, linestyle=":")
    for chosen, colour, label in (
        (~data["sampled"].values, _HELPS, "strongest"), (data["sampled"].values, _CHANCE, "drawn at random"),
    ):  # fmt: skip
        part = data.isel(edge=chosen)
        low, high = ((part["exact"] - part["exact_low"]), (part["exact_high"] - part["exact"]))
        axes.errorbar(
            part["exact"], part["effect"], xerr=np.maximum(0, [low, high]), fmt="o", markersize=4, color=colour,
            elinewidth=0.5, alpha=0.8, label=label,
        )  # fmt: skip
    axes.axhline(0, color="black", linewidth=0.4)
    axes.axvline(0, color="black", linewidth=0.4)
    axes.set_xlabel("exact effect (share of the difference)")
    axes.set_ylabel("estimated effect")
    axes.legend(fontsize=8, frameon=False)
    return figure
