"""Pictures of path patching and edge patching."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from jackfield.plotting import FINDING_MARK, heatmap, new_figure
from jackfield.sites import Site

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from jackfield_plugins.activation_patching.paths.result import EdgePatchingResult, RouteResult

__all__ = ["edges", "senders"]

_NOTE = f"{FINDING_MARK} finding: q ≤ 0.05 and beyond the control"


def senders(result: RouteResult, receivers: Sequence[str]) -> Figure:
    """A heat map of senders: layers upwards; heads, MLPs and the input to the right."""
    nodes = [Site.parse(name) for name in result.data["sender"].values]
    rows = [str(node.layer or 0) for node in nodes]
    columns = [_column(node) for node in nodes]
    heads = sorted({column for column in columns if column.isdigit()}, key=int)
    others = [name for name in ("MLP", "input") if name in columns]
    figure = _grid(result, rows, columns, sorted({*rows}, key=int), [*heads, *others])
    axes = figure.axes[0]
    axes.set_xlabel("head")
    axes.set_ylabel("layer")
    axes.set_title(f"to {_listed(receivers)}", fontsize=10)
    return figure


def edges(result: EdgePatchingResult) -> Figure:
    """A heat map of edges: senders upwards, receivers to the right; grey where nothing was patched.

    Where all edges end in one receiver, their senders are laid out instead.
    """
    rows = result.data["sender"].values.tolist()
    columns = result.data["receiver"].values.tolist()
    if len({*columns}) == 1:
        return senders(result, columns[:1])
    figure = _grid(result, rows, columns, sorted({*rows}, key=Site.parse), list(dict.fromkeys(columns)))
    axes = figure.axes[0]
    axes.set_xlabel("receiver")
    axes.set_ylabel("sender")
    return figure


def _grid(
    result: RouteResult, rows: Sequence[str], columns: Sequence[str], row_labels: list[str], column_labels: list[str]
) -> Figure:
    """Effects laid out as a heat map with its colour bar; ``rows`` and ``columns`` place each route."""
    places = [row_labels.index(row) for row in rows], [column_labels.index(column) for column in columns]
    values = np.full((len(row_labels), len(column_labels)), np.nan)
    found = np.zeros(values.shape, dtype=bool)
    values[places] = result.data["effect"].values
    found[places] = result.findings.values
    width, height = 0.38 * max(len(column_labels), 8), 0.28 * max(len(row_labels), 6)
    figure = new_figure(2.6 + min(width, 12), 1.6 + min(height, 10))
    axes = figure.subplots()
    axes.set_facecolor("#d9d9d9")
    limit = max(float(np.nanmax(np.abs(values))), 1e-6)
    image = heatmap(axes, values, found, row_labels, column_labels, limit)
    figure.colorbar(image, ax=axes, label="share of the difference", shrink=0.9)
    figure.supxlabel(_NOTE, fontsize=8)
    return figure


def _column(node: Site) -> str:
    if node.head is not None:
        return str(node.head)
    return "input" if node.layer is None else "MLP"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= 4 else f"{', '.join(names[:3])} and {len(names) - 3} more"
