"""Pictures of function vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from jackfield.plotting import FINDING_MARK, heatmap, new_figure
from jackfield.sites import Site
from jackfield_plugins.function_vectors.kinds import (
    LAYER_AVERAGE,
    NONE,
    NULLS,
    OTHER_HEADS,
    OTHER_VECTORS,
    OWN_PLACE,
    RANDOM_HEADS,
    RANDOM_VECTOR,
    SHARED,
    VECTOR,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from jackfield_plugins.function_vectors.result import FunctionVectorsResult

__all__ = ["answers", "contexts", "effects", "layers", "transfers"]

_COLOURS = {
    NONE: "#222222", VECTOR: "#1b5e9b", SHARED: "#62a5d9", RANDOM_HEADS: "#8c8c8c", OTHER_HEADS: "#c98a2b",
    OTHER_VECTORS: "#b2552a", RANDOM_VECTOR: "#bdbdbd", LAYER_AVERAGE: "#5b8c5a", OWN_PLACE: "#a3cf9f",
}  # fmt: skip


def answers(result: FunctionVectorsResult, context: str) -> Figure:
    """Shares answered by function, one mark with its interval for each kind of vector."""
    data = result.data.sel(context=context)
    labels = data["label"].values.tolist()
    figure = new_figure(2.0 + 1.0 * max(len(labels), 4), 4.4)
    axes = figure.subplots()
    kinds = data["vector_kind"].values.tolist()
    for place, kind in enumerate(kinds):
        part = data.sel(vector_kind=kind)
        x = np.arange(len(labels)) + (place - (len(kinds) - 1) / 2) * 0.09
        value, low, high = (part[f"answered{end}"].values for end in ("", "_low", "_high"))
        spread = np.clip([value - low, high - value], 0, None)
        axes.errorbar(
            x, value, yerr=spread, fmt="D" if kind == VECTOR else "o", markersize=5 if kind == VECTOR else 3.5,
            elinewidth=1, color=_COLOURS[kind], label=kind,
        )  # fmt: skip
    found = set(result.served())
    marked = [f"{FINDING_MARK} {label}" if label in found else label for label in labels]
    axes.set_xticks(range(len(labels)), marked, rotation=25, ha="right")
    axes.set_ylim(-0.04, 1.04)
    axes.set_ylabel("held-out inputs answered")
    figure.legend(loc="outside upper center", ncols=3, fontsize=7, frameon=False)
    figure.supxlabel(
        f"{FINDING_MARK} finding without examples: q ≤ 0.05 and beyond every control but the layer average", fontsize=8
    )
    return figure


def effects(result: FunctionVectorsResult) -> Figure:
    """Average indirect effects of heads: layers upwards, heads to the right; a panel for each corruption.

    Means over functions; a dot marks heads whose effect is a finding for half of the functions or more.
    """
    data = result.data
    heads = [Site.parse(name) for name in data["head"].values]
    deep, wide = max(head.layer or 0 for head in heads) + 1, max(head.head or 0 for head in heads) + 1
    clear = (data["q_value_aie"] <= 0.05) & (data["aie_low"] > data["aie_control_high"].clip(min=0))
    names = data["corruption"].values.tolist()
    figure = new_figure(2.0 + 0.4 * max(wide, 8) * len(names), 1.6 + 0.28 * max(deep, 6))
    panels = figure.subplots(1, len(names), squeeze=False, sharey=True)[0]
    averages = data["aie"].mean("function")
    limit = max(float(abs(averages).max()), 1e-6)
    image = None
    for axes, name in zip(panels, names, strict=True):
        values = averages.sel(corruption=name).values.reshape(deep, wide)
        found = (clear.sel(corruption=name).mean("function") >= 0.5).values.reshape(deep, wide)
        image = heatmap(axes, values, found, [str(n) for n in range(deep)], [str(n) for n in range(wide)], limit)
        axes.set_title(name.replace("_", " "), fontsize=10)
        axes.set_xlabel("head")
    panels[0].set_ylabel("layer")
    if image is not None:
        figure.colorbar(image, ax=panels, label="probability, mean over functions", shrink=0.9)
    figure.supxlabel(f"{FINDING_MARK} finding for half of the functions or more", fontsize=8)
    return figure


def layers(result: FunctionVectorsResult) -> Figure:
    """The share answered without examples, by function and by the layer after which the vector is added."""
    data = result.data
    labels, columns = data["label"].values.tolist(), [str(layer) for layer in data["layer"].values]
    figure = new_figure(2.4 + 0.36 * max(len(columns), 6), 1.6 + 0.28 * max(len(labels), 5))
    axes = figure.subplots()
    _table(axes, data["by_layer"].values, labels, columns, 1.0)
    axes.set_xlabel("vector added after layer")
    axes.set_title("held-out inputs answered", fontsize=10)
    return figure


def transfers(result: FunctionVectorsResult) -> Figure:
    """Shares answered without examples with other functions' heads, and with their vectors; and common heads."""
    data = result.data
    labels = data["label"].values.tolist()
    size = 0.32 * max(len(labels), 5)
    figure = new_figure(2.4 + 3 * size, 1.8 + size)
    panels = figure.subplots(1, 3, sharey=True)
    tables = {
        "own outputs of its heads": (data["transfer_heads"].values, 1.0),
        "its vector": (data["transfer_vectors"].values, 1.0),
        "common heads": (data["common_heads"].values, float(result.provenance.config["heads"])),
    }
    for axes, (title, (values, limit)) in zip(panels, tables.items(), strict=True):
        _table(axes, values, labels, labels, limit)
        axes.tick_params(axis="x", labelrotation=60)
        axes.set_title(title, fontsize=10)
        axes.set_xlabel("of this function")
    panels[0].set_ylabel("inputs of this function")
    return figure


def _table(axes: Axes, values: NDArray[np.generic], rows: list[str], columns: list[str], limit: float) -> None:
    """Values from 0 to a limit as shades of blue with their numbers; row 0 is at the bottom."""
    axes.imshow(values, cmap="Blues", vmin=0, vmax=limit, origin="lower", aspect="auto")
    for row, column in np.ndindex(values.shape):
        value = float(values[row, column])
        colour = "white" if value > 0.6 * limit else "black"
        axes.text(column, row, f"{value:.2g}", ha="center", va="center", fontsize=5, color=colour)
    axes.set_xticks(range(len(columns)), columns, fontsize=7)
    axes.set_yticks(range(len(rows)), rows, fontsize=7)
    axes.tick_params(length=0)


def contexts(result: FunctionVectorsResult) -> Figure:
    """Mean shares over functions in every context: nothing added, the vector, and the control that does best there."""
    data = result.data
    names = data["context"].values.tolist()
    figure = new_figure(7.0, 1.6 + 0.32 * max(len(names), 4))
    axes = figure.subplots()
    means = data["answered"].mean("function")
    best = means.sel(vector_kind=list(NULLS[1:])).max("vector_kind")
    for values, low, high, label, colour in (
        *((means.sel(vector_kind=kind), data["answered_low"].sel(vector_kind=kind).mean("function"),
           data["answered_high"].sel(vector_kind=kind).mean("function"), kind, _COLOURS[kind])
          for kind in (NONE, VECTOR)),
        (best, best, best, "best control", "#b2552a"),
    ):  # fmt: skip
        spread = np.clip([values.values - low.values, high.values - values.values], 0, None)
        axes.errorbar(values.values, range(len(names)), xerr=spread, fmt="o", markersize=4, color=colour, label=label)
    axes.set_yticks(range(len(names)), [name.replace("\n", " / ").replace("$", r"\$") for name in names], fontsize=7)
    axes.invert_yaxis()
    axes.set_xlim(-0.04, 1.04)
    axes.set_xlabel("held-out inputs answered, mean over functions")
    figure.legend(loc="outside upper center", ncols=3, fontsize=7, frameon=False)
    return figure
