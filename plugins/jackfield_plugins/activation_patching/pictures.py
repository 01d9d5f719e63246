"""Pictures of activation patching."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from jackfield.plotting import FINDING_MARK, band, heatmap, new_figure

if TYPE_CHECKING:
    from collections.abc import Sequence

    import xarray as xr
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from jackfield_plugins.activation_patching.result import ActivationPatchingResult, SweepResult

__all__ = ["NOTE", "grid", "heads", "interactions", "joint", "largest", "streams"]

HEAD_PARTS = ("z", "q", "k", "v", "pattern")
NOTE = f"{FINDING_MARK} finding: q ≤ 0.05 and beyond the control"


def grid(
    data: xr.Dataset, rows: str, columns: str, values: NDArray[np.generic]
) -> tuple[NDArray[np.generic], list[str], list[str]]:
    """Values by place laid out as ``[row, column]``, with the labels in order of first appearance."""
    row_labels = list(dict.fromkeys(data[rows].values.tolist()))
    column_labels = list(dict.fromkeys(data[columns].values.tolist()))
    table = np.zeros((len(row_labels), len(column_labels)), dtype=values.dtype)
    for value, row, column in zip(values, data[rows].values, data[columns].values, strict=True):
        table[row_labels.index(row), column_labels.index(column)] = value
    return table, [str(label) for label in row_labels], [str(label) for label in column_labels]


def largest(data: xr.Dataset) -> float:
    return max(float(np.abs(data["effect"]).max()), 1e-6)


def streams(result: SweepResult) -> Figure:
    """One heat map per stream: layers upwards, positions to the right."""
    data = result.data.assign(finding=result.findings)
    data = data.isel(place=data["head"].values < 0)
    names = list(dict.fromkeys(data["stream"].values.tolist()))
    limit = largest(data)
    layers = len(set(data["layer"].values.tolist()))
    figure = new_figure(2.2 + 2.6 * len(names), 1.6 + 0.28 * max(layers, 6))
    panels = figure.subplots(1, len(names), squeeze=False, sharey=True)[0]
    image = None
    for axes, name in zip(panels, names, strict=True):
        part = data.isel(place=data["stream"].values == name)
        values, rows, columns = grid(part, "layer", "position", part["effect"].values)
        found, _, _ = grid(part, "layer", "position", part["finding"].values)
        image = heatmap(axes, values.astype(float), found.astype(bool), rows, columns, limit)
        axes.set_title(name, fontsize=10)
        axes.set_xlabel("position")
    panels[0].set_ylabel("layer")
    if image is not None:
        figure.colorbar(image, ax=panels, label="share of the difference", shrink=0.9)
    figure.supxlabel(NOTE, fontsize=8)
    return figure


def heads(result: SweepResult, parts_of_heads: Sequence[str] = HEAD_PARTS) -> Figure:
    """One heat map for each of some parts of the heads and each position: layers upwards, heads to the right."""
    data = result.data.assign(finding=result.findings)
    data = data.isel(place=np.isin(data["stream"].values, parts_of_heads))
    parts = list(dict.fromkeys(zip(data["stream"].values.tolist(), data["position"].values.tolist(), strict=True)))
    wide, deep = int(data["head"].max()) + 1, len(set(data["layer"].values.tolist()))
    figure = new_figure(2.4 + 0.38 * max(wide, 8) * len(parts), 1.6 + 0.28 * max(deep, 6))
    panels = figure.subplots(1, len(parts), squeeze=False, sharey=True)[0]
    image = None
    for axes, (stream, position) in zip(panels, parts, strict=True):
        part = data.isel(place=(data["stream"].values == stream) & (data["position"].values == position))
        values, rows, columns = grid(part, "layer", "head", part["effect"].values)
        found, _, _ = grid(part, "layer", "head", part["finding"].values)
        image = heatmap(axes, values.astype(float), found.astype(bool), rows, columns, largest(data))
        axes.set_title(f"{stream} at {position}" if position else stream, fontsize=10)
        axes.set_xlabel("key/value head" if stream in ("k", "v") else "head")
    panels[0].set_ylabel("layer")
    if image is not None:
        figure.colorbar(image, ax=panels, label="share of the difference", shrink=0.9)
    figure.supxlabel(NOTE, fontsize=8)
    return figure


def joint(result: ActivationPatchingResult) -> Figure:
    """The effect of the strongest heads, one more at a time, beside random heads."""
    data = result.data
    figure = new_figure(6.0, 3.8)
    axes = figure.subplots()
    count = data["count"].values.tolist()
    for name, label, colour in (
        ("joint", "strongest heads, on pairs they were not chosen on", "#1b5e9b"),
        ("joint_control", "the same heads, patched from an unrelated prompt", "#b2552a"),
        ("joint_random", "as many random heads", "#777777"),
    ):
        band(axes, count, data[name].values, data[f"{name}_low"].values, data[f"{name}_high"].values, label, colour)
    axes.axhline(0, color="black", linewidth=0.6)
    axes.axhline(1, color="black", linewidth=0.6, linestyle=":")
    axes.set_xticks(
        count, [f"{n}\n{head}" for n, head in zip(count, data["joint_head"].values, strict=True)], fontsize=7
    )
    axes.set_xlabel("heads patched together (and the one added)")
    axes.set_ylabel("share of the difference")
    figure.legend(loc="outside upper center", fontsize=7, frameon=False)
    return figure


def interactions(result: ActivationPatchingResult) -> Figure:
    """What two heads move together beyond the sum of each alone; a dot marks intervals beyond zero and the control."""
    data = result.data
    heads = list(dict.fromkeys([*data["first_head"].values.tolist(), *data["second_head"].values.tolist()]))
    values, beyond = np.zeros((len(heads), len(heads))), np.zeros((len(heads), len(heads)), dtype=bool)
    low, high = data["interaction_low"].values, data["interaction_high"].values
    clear = (low > np.maximum(0, data["interaction_control_high"].values)) | (
        high < np.minimum(0, data["interaction_control_low"].values)
    )
    for index, (first, second) in enumerate(zip(data["first_head"].values, data["second_head"].values, strict=True)):
        for row, column in ((first, second), (second, first)):
            values[heads.index(row), heads.index(column)] = data["interaction"].values[index]
            beyond[heads.index(row), heads.index(column)] = clear[index]
    figure = new_figure(2.6 + 0.55 * max(len(heads), 5), 1.6 + 0.4 * max(len(heads), 5))
    axes = figure.subplots()
    image = heatmap(axes, values, beyond, heads, heads, max(float(np.abs(values).max()), 1e-6))
    axes.tick_params(axis="x", rotation=45)
    figure.colorbar(image, ax=axes, label="share beyond the sum", shrink=0.9)
    figure.supxlabel(f"{FINDING_MARK} interval beyond zero and beyond the control's", fontsize=8)
    return figure
