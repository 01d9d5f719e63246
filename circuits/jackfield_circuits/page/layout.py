"""Where nodes are drawn: the input at the bottom, layer above layer, the logits on top; heads side by side."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from jackfield_circuits.node import Node

__all__ = ["Band", "Layout"]

_HEAD = 68.0
_LOOSE = 108.0
_LINE = 52.0
_GAP = 40.0
_PER_LINE = 8
_CHARACTER = 8.5
_MOST_CHARACTERS = 20
"""What the page shows of an id at most."""
_STREAMS = frozenset({"resid_pre", "resid_mid", "resid_post", "attn_out"})


@dataclass(frozen=True)
class Band:
    """The strip that one layer takes, in the page's pixels; ``top`` is the smaller."""

    name: str
    top: float
    bottom: float


@dataclass(frozen=True)
class Layout:
    """Places for nodes, in pixels at the scale at which text is readable; y grows downward, as on a screen.

    The parts of a layer stand in the order of computation, the first lowest. Head 3 of every layer stands in one
    column; what has no head stands beside the heads: streams to the left, MLPs and what is read of them to the right.

    Attributes
    ----------
    places
        Horizontal and vertical centre of each node, by its id. No two nodes share one.
    bands
        The layers, from the bottom up.

    Examples
    --------
    >>> layout = Layout.of([Node(id="input"), Node(id="a0.h0"), Node(id="a0.h1"), Node(id="m0")])
    >>> [layout.places[name] for name in ("input", "a0.h0", "a0.h1", "m0")]
    [(34.0, 0.0), (0.0, -92.0), (68.0, -92.0), (176.0, -144.0)]
    >>> layout.bands
    (Band(name='layer 0', top=-170.0, bottom=-66.0),)
    """

    places: dict[str, tuple[float, float]]
    bands: tuple[Band, ...]

    @classmethod
    def of(cls, nodes: Iterable[Node]) -> Layout:
        """Place nodes that come in any order."""
        ordered = sorted(nodes, key=lambda node: node.sort_key)
        heads = [node.head for node in ordered if node.head is not None]
        right = max(heads, default=0) * _HEAD
        places: dict[str, tuple[float, float]] = {}
        bands = []
        y = 0.0
        for (_, layer, known), group in groupby(ordered, key=_floor):
            bottom = y
            for _, row in groupby(group, key=lambda node: node.place.block):
                cells = _row(list(row), right)
                for node_id, x, line in cells:
                    places[node_id] = (x, y - line * _LINE)
                y -= _LINE * (1 + max(line for _, _, line in cells))
            if known:
                bands.append(Band(f"layer {layer}", y + _LINE / 2, bottom + _LINE / 2))
            y -= _GAP
        return cls(places, tuple(bands))


def _floor(node: Node) -> tuple[int, int, bool]:
    """What is drawn without a gap: the input, a layer, what has no layer, the logits."""
    return node.place.block[0], node.layer or 0, node.layer is not None


def _row(nodes: Sequence[Node], right: float) -> list[tuple[str, float, int]]:
    """Id, horizontal centre and line, counted upward, of nodes that are computed side by side."""
    cells: list[tuple[str, float, int]] = []
    stacked: dict[int, int] = defaultdict(int)
    loose: dict[str, list[Node]] = defaultdict(list)
    for node in nodes:
        if node.head is None:
            loose[_side(node)].append(node)
        else:
            cells.append((node.id, node.head * _HEAD, stacked[node.head]))
            stacked[node.head] += 1
    for side, beside in loose.items():
        longest = max(min(len(node.id), _MOST_CHARACTERS) for node in beside)
        pitch = max(_LOOSE, _CHARACTER * longest)
        for rank, node in enumerate(beside):
            line, column = divmod(rank, _PER_LINE)
            if side == "left":
                x = -pitch * (1 + column)
            elif side == "right":
                x = right + pitch * (1 + column)
            else:
                x = right / 2 + pitch * (column - (min(len(beside), _PER_LINE) - 1) / 2)
            cells.append((node.id, x, line))
    return cells


def _side(node: Node) -> str:
    if node.layer is None:
        return "middle"
    return "left" if node.kind in _STREAMS else "right"
