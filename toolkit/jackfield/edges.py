"""The edges of the computational graph: what each node writes to the residual stream, as a later node reads it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from jackfield.errors import SiteError
from jackfield.sites import Kind, Site
from jackfield.wiring import ModelShape
from jackfield_circuits import Edge, Evidence

__all__ = ["Wire", "matching", "receiver_name", "receivers", "senders", "wires"]

_HEAD_INPUTS = (Kind.Q_INPUT, Kind.K_INPUT, Kind.V_INPUT)


@dataclass(frozen=True)
class Wire:
    """An edge of a model: a sender, and the input of a later node that reads what it writes.

    Parameters
    ----------
    source
        ``input``, a head or an MLP.
    target
        ``a5.h1<q>``, ``a5.h1<k>``, ``a5.h1<v>``, ``m5<in>`` or ``logits``.

    Examples
    --------
    >>> wire = Wire(Site.parse("a0.h1"), Site.parse("m3<in>"))
    >>> wire.name, wire.edge().target
    ('a0.h1->m3', 'm3')
    """

    source: Site
    target: Site

    @property
    def name(self) -> str:
        """The name of the edge in a circuit, such as ``a0.h1->a5.h1<q>``."""
        return f"{self.source}->{receiver_name(self.target)}"

    def edge(self, evidence: Iterable[Evidence] = ()) -> Edge:
        """The circuit's edge."""
        return Edge.parse(self.name, evidence)


def receiver_name(site: Site) -> str:
    """How the end of an edge is spelled in a circuit: an MLP's only input goes by the name of the MLP."""
    return str(Site(Kind.MLP_OUT, site.layer)) if site.kind is Kind.MLP_IN else str(site)


def senders(shape: ModelShape) -> tuple[Site, ...]:
    """The nodes that write to the residual stream: the input, then each layer's heads and its MLP."""
    heads = range(shape.n_heads)
    layers = (
        (*(Site(Kind.HEAD_OUT, layer, head) for head in heads), Site(Kind.MLP_OUT, layer))
        for layer in range(shape.n_layers)
    )
    return (Site(Kind.INPUT), *(site for layer in layers for site in layer))


def receivers(shape: ModelShape) -> tuple[Site, ...]:
    """The inputs that read the residual stream, in the order of computation and q, k, v of each head together."""
    return tuple(site for block in _receiver_blocks(shape) for site in block)


def wires(shape: ModelShape) -> tuple[Wire, ...]:
    """Every edge, in the canonical order of a circuit.

    Keys and values count key/value heads: with grouped queries the heads of a group share one projection, which reads
    the stream once. Without grouping the edges are those of EAP-IG.

    Examples
    --------
    >>> gpt2_small = ModelShape(12, 12, 12, 768, 64, 50257, 1024)
    >>> len(wires(gpt2_small))
    32491
    """
    sources = senders(shape)
    return tuple(
        Wire(source, target)
        for block in _receiver_blocks(shape)
        for source in sources
        if shape.feeds(source, block[0])
        for target in block
    )


def matching(wanted: Sequence[str], names: Sequence[str], what: str) -> list[int]:
    """The indices of the names that any of some patterns matches, in the order of the names.

    Parameters
    ----------
    wanted
        Names, or patterns in which ``*`` stands for any text.
    names
        What there is.
    what
        What the names are names of, in the plural; for the error.

    Raises
    ------
    SiteError
        If a pattern matches nothing.

    Examples
    --------
    >>> matching(["m*"], ["input", "m0", "m1"], "senders")
    [1, 2]
    """
    found: set[int] = set()
    for pattern in wanted:
        hits = [index for index, name in enumerate(names) if name == pattern or fnmatchcase(name, pattern)]
        if not hits:
            raise SiteError(f"{pattern!r} matches none of the {len(names)} {what}; such are {_some(names)}")
        found.update(hits)
    return sorted(found)


def _receiver_blocks(shape: ModelShape) -> Iterator[tuple[Site, ...]]:
    """Receivers that are fed by the same senders: each layer's heads, each MLP, the logits."""
    for layer in range(shape.n_layers):
        yield tuple(
            Site(kind, layer, head)
            for head in range(shape.n_heads)
            for kind in _HEAD_INPUTS
            if head < shape.heads_of(kind)
        )
        yield (Site(Kind.MLP_IN, layer),)
    yield (Site(Kind.LOGITS),)


def _some(names: Sequence[str]) -> str:
    step = max(1, len(names) // 6)
    return ", ".join(names[::step][:6])
