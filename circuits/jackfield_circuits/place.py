"""Where a node lies in the network, read from its id as far as the id tells."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

__all__ = ["Place"]

_NUMBER = "0|[1-9][0-9]{0,8}"
_LAYER = f"(?P<layer>{_NUMBER})"
_HEAD = rf"(?P<head>{_NUMBER}|\*)"
_UNIT = f"(?P<unit>{_NUMBER})"

_INPUT, _IN_LAYER, _ELSEWHERE, _LOGITS = range(4)

_LAYERED = tuple(
    (kind, stage, re.compile(pattern))
    for stage, (kind, pattern) in enumerate(
        (
            ("resid_pre", rf"resid_pre\.{_LAYER}"),
            ("head", rf"a{_LAYER}\.h{_HEAD}<[qkv]>"),
            ("head", rf"a{_LAYER}\.h{_HEAD}\.[qkv]"),
            ("head", rf"a{_LAYER}\.h{_HEAD}\.pattern"),
            ("head", rf"a{_LAYER}\.h{_HEAD}\.z"),
            ("head", rf"a{_LAYER}\.h{_HEAD}"),
            ("attn_out", rf"attn_out\.{_LAYER}"),
            ("resid_mid", rf"resid_mid\.{_LAYER}"),
            ("mlp", rf"m{_LAYER}<in>"),
            ("neuron", rf"m{_LAYER}\.n{_UNIT}"),
            ("mlp", rf"m{_LAYER}"),
            ("resid_post", rf"resid_post\.{_LAYER}"),
        )
    )
)
_DERIVED = (
    ("feature", re.compile(rf"sae:(?P<site>.+)\.f{_UNIT}")),
    ("subspace", re.compile(r"das:(?P<site>[^/]+)/.+")),
)


@dataclass(frozen=True)
class Place:
    """What a node's id says about where it lies.

    Attributes
    ----------
    kind
        ``input``, ``resid_pre``, ``head``, ``attn_out``, ``resid_mid``, ``neuron``, ``mlp``, ``resid_post``,
        ``feature``, ``subspace``, ``logits``, or ``other`` for an id that follows no known spelling.
    layer, head
        Counted from 0; ``None`` where there is none.
    block
        Rank of the block of the forward pass the node belongs to: nodes of one block are computed side by side.
    index
        Rank within the block, apart from the id itself.
    """

    kind: str
    layer: int | None
    head: int | None
    block: tuple[int, int, int]
    index: tuple[int, int]

    @classmethod
    @lru_cache(maxsize=65536)
    def of(cls, node_id: str) -> Place:
        """Read the place from an id; every text has one.

        Examples
        --------
        >>> Place.of("a5.h1").kind, Place.of("a5.h1").layer, Place.of("a5.h1").head
        ('head', 5, 1)
        >>> Place.of("sae:resid_post.4.f912").layer
        4
        >>> Place.of("punctuation").kind
        'other'
        """
        if node_id == "input":
            return cls("input", None, None, (_INPUT, 0, 0), (0, 0))
        if node_id == "logits":
            return cls("logits", None, None, (_LOGITS, 0, 0), (0, 0))
        for kind, stage, spelling in _LAYERED:
            if match := spelling.fullmatch(node_id):
                found = match.groupdict()
                layer = int(found["layer"])
                head = int(found["head"]) if found.get("head", "*") != "*" else None
                index = (-1 if head is None else head, int(found.get("unit", -1)))
                return cls(kind, layer, head, (_IN_LAYER, layer, stage), index)
        for kind, spelling in _DERIVED:
            if match := spelling.fullmatch(node_id):
                site = cls.of(match["site"])
                unit = int(match.groupdict().get("unit") or 0)
                return cls(kind, site.layer, site.head, site.block, (site.index[0], unit))
        return cls("other", None, None, (_ELSEWHERE, 0, 0), (0, 0))
