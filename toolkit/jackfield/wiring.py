"""What a model's sizes imply: which sites it has, which of them lie in a layer, and which feed which."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from jackfield.errors import SiteError
from jackfield.sites import Kind, Site

__all__ = ["ModelShape"]

_ATTENTION_STAGES = range(Kind.Q_INPUT.stage, Kind.HEAD_OUT.stage + 1)
_READS = {
    Kind.Q: {Kind.Q_INPUT},
    Kind.K: {Kind.K_INPUT},
    Kind.V: {Kind.V_INPUT},
    Kind.PATTERN: {Kind.Q_INPUT, Kind.K_INPUT, Kind.Q, Kind.K},
}
"""Inside one head, the kinds that a kind depends on, where that is fewer than all earlier ones."""


@dataclass(frozen=True)
class ModelShape:
    """Sizes of a decoder.

    Parameters
    ----------
    n_layers, n_heads, n_key_value_heads, d_model, d_head, d_vocab, n_ctx
        Layers, query heads, key/value heads, widths, vocabulary and longest input in tokens.
    parallel_blocks
        Whether attention and MLP of a layer both read ``resid_pre``, so that no ``resid_mid`` exists.

    Examples
    --------
    >>> shape = ModelShape(2, 4, 2, 32, 8, 100, 64)
    >>> shape.feeds(Site.parse("a0.h3"), Site.parse("a1.h0<q>"))
    True
    >>> shape.feeds(Site.parse("a0.h3.k"), Site.parse("a0.h1.z"))
    Traceback (most recent call last):
    ...
    jackfield.errors.SiteError: a0.h3.k does not exist: layer 0 has 2 key/value heads, counted from 0
    """

    n_layers: int
    n_heads: int
    n_key_value_heads: int
    d_model: int
    d_head: int
    d_vocab: int
    n_ctx: int
    parallel_blocks: bool = False

    def as_dict(self) -> dict[str, int | bool]:
        return asdict(self)

    def heads_of(self, kind: Kind) -> int:
        """How many heads sites of this kind count."""
        return self.n_key_value_heads if kind.counts_key_value_heads else self.n_heads

    def require(self, site: Site) -> None:
        """Raise ``SiteError`` unless a model of this shape has ``site``."""
        if site.layer is not None and site.layer >= self.n_layers:
            raise SiteError(f"{site} does not exist: the model has {self.n_layers} layers, counted from 0")
        if site.head is not None and site.head >= self.heads_of(site.kind):
            what = "key/value heads" if site.kind.counts_key_value_heads else "heads"
            raise SiteError(
                f"{site} does not exist: layer {site.layer} has {self.heads_of(site.kind)} {what}, counted from 0"
            )
        if site.kind is Kind.RESID_MID and self.parallel_blocks:
            raise SiteError(f"{site} does not exist: attention and MLP of this model read the same stream in parallel")

    def sites_in_layer(self, layer: int) -> tuple[Site, ...]:
        """Every site of a layer in the order of computation, one per head where a kind has heads."""
        sites = [
            Site(kind, layer, head)
            for kind in Kind
            if kind.has_layer and not (kind is Kind.RESID_MID and self.parallel_blocks)
            for head in (range(self.heads_of(kind)) if kind.has_heads else (None,))
        ]
        self.require(sites[0])
        return tuple(sorted(sites))

    def sites(self) -> tuple[Site, ...]:
        """Every site of the model in the order of computation."""
        inner = [site for layer in range(self.n_layers) for site in self.sites_in_layer(layer)]
        return (Site(Kind.INPUT), *inner, Site(Kind.LOGITS))

    def feeds(self, source: Site, target: Site) -> bool:
        """Whether changing ``source`` can change ``target`` within one forward pass.

        Raises
        ------
        SiteError
            If the model lacks one of the sites.
        """
        self.require(source)
        self.require(target)
        if source.layer != target.layer:
            return source < target
        if source.kind.stage >= target.kind.stage:
            return False
        attention = [site.kind.stage in _ATTENTION_STAGES for site in (source, target)]
        if all(attention):
            return self._share_a_head(source, target) and source.kind in _READS.get(target.kind, {source.kind})
        if self.parallel_blocks and target.kind in (Kind.MLP_IN, Kind.MLP_OUT):
            return source.kind in (Kind.RESID_PRE, Kind.MLP_IN)
        return True

    def _share_a_head(self, left: Site, right: Site) -> bool:
        if left.head is None or right.head is None:
            return True
        if left.kind.counts_key_value_heads or right.kind.counts_key_value_heads:
            return self._key_value_head(left.kind, left.head) == self._key_value_head(right.kind, right.head)
        return left.head == right.head

    def _key_value_head(self, kind: Kind, head: int) -> int:
        return head if kind.counts_key_value_heads else head * self.n_key_value_heads // self.n_heads
