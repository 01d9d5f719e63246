"""Places in the network: how they are spelled, what order they come in, and which TransformerLens hook each one is.

Nothing else in jackfield spells a hook name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cached_property, total_ordering
from typing import TYPE_CHECKING, NamedTuple

from jackfield.errors import SiteError

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Gate", "Kind", "Site"]


class Gate(Enum):
    """A switch that a hooked model must turn on before some hooks fire; the value is the bridge's own flag."""

    HEAD_RESULT = "use_attn_result"
    SPLIT_INPUT = "use_split_qkv_input"
    MLP_INPUT = "use_hook_mlp_in"


class _Spec(NamedTuple):
    stage: int
    text: str
    hook: str
    axes: tuple[str, ...]
    gate: Gate | None = None


_STREAM = ("batch", "position", "d_model")
_HEAD = ("batch", "position", "head", "d_head")
_HEAD_STREAM = ("batch", "position", "head", "d_model")
_BEFORE, _AFTER = -1, 99


class Kind(Enum):
    """What a site holds, with its place in the order of computation, its spelling, its hook and its axes."""

    INPUT = _Spec(_BEFORE, "input", "hook_embed", _STREAM)
    RESID_PRE = _Spec(0, "resid_pre.{layer}", "blocks.{layer}.hook_resid_pre", _STREAM)
    Q_INPUT = _Spec(1, "a{layer}.h{head}<q>", "blocks.{layer}.attn.hook_q_input", _HEAD_STREAM, Gate.SPLIT_INPUT)
    K_INPUT = _Spec(1, "a{layer}.h{head}<k>", "blocks.{layer}.attn.hook_k_input", _HEAD_STREAM, Gate.SPLIT_INPUT)
    V_INPUT = _Spec(1, "a{layer}.h{head}<v>", "blocks.{layer}.attn.hook_v_input", _HEAD_STREAM, Gate.SPLIT_INPUT)
    Q = _Spec(2, "a{layer}.h{head}.q", "blocks.{layer}.attn.hook_q", _HEAD)
    K = _Spec(2, "a{layer}.h{head}.k", "blocks.{layer}.attn.hook_k", _HEAD)
    V = _Spec(2, "a{layer}.h{head}.v", "blocks.{layer}.attn.hook_v", _HEAD)
    PATTERN = _Spec(
        3, "a{layer}.h{head}.pattern", "blocks.{layer}.attn.hook_pattern", ("batch", "head", "position", "key")
    )
    Z = _Spec(4, "a{layer}.h{head}.z", "blocks.{layer}.attn.hook_z", _HEAD)
    HEAD_OUT = _Spec(5, "a{layer}.h{head}", "blocks.{layer}.attn.hook_result", _HEAD_STREAM, Gate.HEAD_RESULT)
    ATTN_OUT = _Spec(6, "attn_out.{layer}", "blocks.{layer}.hook_attn_out", _STREAM)
    RESID_MID = _Spec(7, "resid_mid.{layer}", "blocks.{layer}.hook_resid_mid", _STREAM)
    MLP_IN = _Spec(8, "m{layer}<in>", "blocks.{layer}.hook_mlp_in", _STREAM, Gate.MLP_INPUT)
    MLP_OUT = _Spec(9, "m{layer}", "blocks.{layer}.hook_mlp_out", _STREAM)
    RESID_POST = _Spec(10, "resid_post.{layer}", "blocks.{layer}.hook_resid_post", _STREAM)
    LOGITS = _Spec(_AFTER, "logits", "unembed.hook_out", ("batch", "position", "d_vocab"))

    @property
    def stage(self) -> int:
        """Rank in the order of computation within a layer; siblings share a rank."""
        return self.value.stage

    @property
    def axes(self) -> tuple[str, ...]:
        """Names of the axes of the whole activation, all heads included."""
        return self.value.axes

    @property
    def gate(self) -> Gate | None:
        return self.value.gate

    @property
    def has_layer(self) -> bool:
        return "{layer}" in self.value.text

    @property
    def has_heads(self) -> bool:
        return "head" in self.axes

    @property
    def counts_key_value_heads(self) -> bool:
        """Whether heads are counted over key/value heads, of which grouped-query attention has fewer."""
        return self in (Kind.K, Kind.V, Kind.K_INPUT, Kind.V_INPUT)

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Matches this kind's spelling, with groups ``layer`` and ``head``."""
        text = re.escape(self.value.text).replace(r"\{layer\}", r"(?P<layer>0|[1-9]\d*)")
        return re.compile(text.replace(r"\{head\}", r"(?P<head>0|[1-9]\d*|\*)"))


@total_ordering
@dataclass(frozen=True)
class Site:
    """A typed place in a transformer.

    Sites are spelled ``input``, ``resid_pre.4``, ``resid_mid.4``, ``resid_post.4``, ``attn_out.4``, ``m4`` (MLP
    output), ``m4<in>`` (MLP input), ``a4.h1`` (what head 1 writes to the residual stream), ``a4.h1<q>`` (what it reads
    for its queries), ``a4.h1.q``, ``.k``, ``.v``, ``.z``, ``.pattern``, and ``logits`` (before any soft cap). ``h*``
    means all heads of the layer. Heads of ``k`` and ``v`` count key/value heads.

    Sites compare in the order of computation; equal texts are equal sites.

    Parameters
    ----------
    kind
        What the site holds.
    layer
        Layer counted from 0; ``None`` exactly for ``input`` and ``logits``.
    head
        Head counted from 0, or ``None`` for all heads and for kinds without heads.

    Raises
    ------
    SiteError
        If a layer or head is missing, superfluous or negative.

    Examples
    --------
    >>> Site.parse("a5.h1<q>")
    Site('a5.h1<q>')
    >>> Site.parse("resid_pre.4") < Site.parse("a4.h0.z") < Site.parse("m4") < Site.parse("logits")
    True
    """

    kind: Kind
    layer: int | None = None
    head: int | None = None

    def __post_init__(self) -> None:
        name = self.kind.name.lower()
        if self.kind.has_layer != (self.layer is not None) or (self.layer is not None and self.layer < 0):
            need = "a layer of 0 or more" if self.kind.has_layer else "no layer"
            raise SiteError(f"a {name} site takes {need}, got layer={self.layer}")
        if self.head is not None and (not self.kind.has_heads or self.head < 0):
            need = "a head of 0 or more" if self.kind.has_heads else "no head"
            raise SiteError(f"a {name} site takes {need}, got head={self.head}")

    @classmethod
    def parse(cls, text: str) -> Site:
        """Read a site from its spelling; the inverse of ``str``.

        Raises
        ------
        SiteError
            If ``text`` spells no site.
        """
        for kind in Kind:
            if match := kind.pattern.fullmatch(text):
                found: Mapping[str, str] = match.groupdict()
                layer = int(found["layer"]) if "layer" in found else None
                head = int(found["head"]) if found.get("head", "*") != "*" else None
                return cls(kind, layer, head)
        raise SiteError(
            f"{text!r} is not a site; sites are spelled like input, resid_pre.4, attn_out.4, m4, m4<in>, "
            "a4.h1, a4.h1<q>, a4.h1.z, a4.h*.pattern, logits"
        )

    def __str__(self) -> str:
        text: str = self.kind.value.text
        return text.format(layer=self.layer, head="*" if self.head is None else self.head)

    def __repr__(self) -> str:
        return f"Site({str(self)!r})"

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, Site):
            return NotImplemented
        return self._rank < other._rank

    @property
    def _rank(self) -> tuple[int, int, str, int]:
        stage = self.kind.stage
        layer = stage if self.layer is None else self.layer
        if self.kind is Kind.LOGITS:
            layer = 10**9
        return layer, stage, self.kind.name, -1 if self.head is None else self.head

    @property
    def all_heads(self) -> Site:
        """The site of the same kind and layer that covers every head."""
        return Site(self.kind, self.layer)

    @property
    def axes(self) -> tuple[str, ...]:
        """Names of the axes of this site's activation; a single head has no head axis."""
        if self.head is None:
            return self.kind.axes
        return tuple(axis for axis in self.kind.axes if axis != "head")

    def part_of(self, activation: Tensor) -> Tensor:
        """This site's view of the activation of ``all_heads``."""
        if self.head is None:
            return activation
        return activation.select(self.kind.axes.index("head"), self.head)

    @property
    def hook_name(self) -> str:
        """The bridge's name of the hook that holds this site (for a single head, of all its layer's heads).

        The hook of ``resid_mid`` may only be read: what is written there reaches the MLP, and not the residual stream.
        """
        text: str = self.kind.value.hook
        return text.format(layer=self.layer)
