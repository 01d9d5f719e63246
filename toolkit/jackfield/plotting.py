"""Pictures that results share: a signed heat map with its findings marked, and curves with their intervals."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage
    from numpy.typing import NDArray

__all__ = ["FINDING_MARK", "band", "heatmap", "new_figure"]

FINDING_MARK = "•"
_MOST_LABELS = 16


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of a size in inches, tied to no window and no global state; notebooks show it."""
    return _shown_in_notebooks()(figsize=(width, height), layout="constrained", dpi=150)


@cache
def _shown_in_notebooks() -> type[Figure]:
    from matplotlib.figure import Figure

    class Picture(Figure):
        """A figure that notebooks show without an interactive backend."""

        def _repr_png_(self) -> bytes:
            content = BytesIO()
            self.savefig(content, format="png", dpi=100)
            return content.getvalue()

    return Picture


def heatmap(
    axes: Axes,
    values: NDArray[np.float64],
    findings: NDArray[np.bool_],
    rows: Sequence[str],
    columns: Sequence[str],
    limit: float,
) -> AxesImage:
    """Draw signed values, white at zero, with a dot on each finding.

    Parameters
    ----------
    axes
        Where to draw.
    values, findings
        ``[row, column]``; row 0 is drawn at the bottom.
    rows, columns
        Labels of the axes; thinned out when there are many. Text is shown as it is, never as markup.
    limit
        The value at which colours saturate, in both directions.
    """
    image = axes.imshow(values, cmap="RdBu", vmin=-limit, vmax=limit, origin="lower", aspect="auto")
    for ticks, labels in ((axes.set_xticks, columns), (axes.set_yticks, rows)):
        step = -(-len(labels) // _MOST_LABELS)
        ticks(range(0, len(labels), step), [_plain(label) for label in labels[::step]])
    if max(map(len, columns), default=0) > 3:
        axes.tick_params(axis="x", labelrotation=35)
    for row, column in zip(*findings.nonzero(), strict=True):
        dark = abs(values[row, column]) > 0.6 * limit
        axes.text(column, row, FINDING_MARK, ha="center", va="center", color="white" if dark else "black", fontsize=9)
    axes.tick_params(length=0)
    return image


def band(
    axes: Axes,
    x: Sequence[float],
    value: NDArray[np.float64],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    label: str,
    colour: str,
) -> None:
    """Draw a curve with its interval as a band."""
    axes.plot(x, value, marker="o", markersize=4, color=colour, label=_plain(label))
    axes.fill_between(x, low, high, color=colour, alpha=0.2, linewidth=0)


def _plain(label: str) -> str:
    """Escape what matplotlib would read as mathematics."""
    return label.replace("$", r"\$")
