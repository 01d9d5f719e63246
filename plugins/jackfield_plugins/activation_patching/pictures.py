"""Pictures of activation patching."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from jackfield.plotting import FINDING_MARK, band, heatmap, new_figure

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from jackfield_plugins.activation_patching.result import ActivationPatchingResult, SweepResult

__all__ = ["NOTE", "grid", "heads", "joint", "largest", "streams"]

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


def heads(result: SweepResult) -> Figure:
    """A heat map of single heads: layers upwards, heads to the right."""
    data = result.data.assign(finding=result.findings)
    data = data.isel(place=data["stream"].values == "z")
    values, rows, columns = grid(data, "layer", "head", data["effect"].values)
    found, _, _ = grid(data, "layer", "head", data["finding"].values)
    figure = new_figure(2.4 + 0.38 * max(len(columns), 8), 1.6 + 0.28 * max(len(rows), 6))
    axes = figure.subplots()
    image = heatmap(axes, values.astype(float), found.astype(bool), rows, columns, largest(data))
    axes.set_xlabel("head")
    axes.set_ylabel("layer")
    figure.colorbar(image, ax=axes, label="share of the difference", shrink=0.9)
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
