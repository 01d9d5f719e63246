"""How heads read the residual stream and write to it, in the model's own weights and norms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from jackfield.errors import SiteError
from jackfield.hooked_model import HookedModel
from jackfield.sites import Kind, Site
from jackfield.token_batch import TokenBatch

__all__ = ["Projections"]

_READ = {Kind.Q: "Q", Kind.K: "K", Kind.V: "V"}
_TOLERANCE = {torch.float64: 1e-9, torch.float32: 2e-4, torch.float16: 2e-2, torch.bfloat16: 1e-1}
_TRIED_TOKENS = 6
_LARGE = 1e3


@dataclass(frozen=True, eq=False)
class _Heads:
    """One layer's attention: the norm before it, ``[head, d_model, d_head]`` in, ``[head, d_head, d_model]`` out."""

    norm: nn.Module
    weights: Mapping[Kind, Tensor]
    biases: Mapping[Kind, Tensor | None]
    out: Tensor
    norm_after: nn.Module | None


class Projections:
    """What each head makes of a stream of its own, what a slope at its inputs is, and what it adds to the stream.

    The field's other tools give every head a copy of the residual stream and run the whole layer on each copy. Here a
    head's queries, keys and values are computed from its own slice of the weights, so a stream for each head costs no
    more products than one stream for all.

    Get one from ``of``, which tries it on the model.

    Notes
    -----
    Where a norm comes after attention (Gemma 2), a head's part of the attention output is what it writes, scaled as the
    norm scales the whole. So parts add up, and the norm's scale belongs to the run that the heads are from.
    """

    def __init__(self, model: HookedModel) -> None:
        self._model = model
        try:
            self._layers = [_heads(block) for block in model.bridge.blocks]
        except (AttributeError, TypeError) as error:
            raise SiteError(
                f"{model.identity.architecture} does not show its heads' weights ({error}), so what single heads read "
                "and write cannot be told apart"
            ) from error

    @classmethod
    def of(cls, model: HookedModel) -> Projections:
        """The projections of a model, tried on a few of its own tokens.

        Raises
        ------
        SiteError
            If the model does not show its heads' weights, or computes its heads in another way than they say.
        """
        found = cls(model)
        found._try()
        return found

    @torch.no_grad()
    def read(
        self, kind: Kind, layer: int, streams: Float[Tensor, "*batch head d_model"]
    ) -> Float[Tensor, "*batch head d_head"]:
        """Queries, keys or values that each head computes from a stream of its own.

        Parameters
        ----------
        kind
            ``Kind.Q``, ``Kind.K`` or ``Kind.V``.
        layer
            Counted from 0.
        streams
            What each head reads, one for each head that ``kind`` counts.
        """
        heads = self._layers[layer]
        return self._projected(heads, kind, heads.norm(streams))

    @torch.no_grad()
    def read_alike(
        self, kind: Kind, layer: int, stream: Float[Tensor, "*batch d_model"]
    ) -> Float[Tensor, "*batch head d_head"]:
        """What ``read`` gives if all heads read the same stream."""
        heads = self._layers[layer]
        return self._projected(heads, kind, heads.norm(stream)[..., None, :])

    def pulled_back(
        self, layer: int, stream: Float[Tensor, "*batch d_model"], slopes: Mapping[Kind, Tensor]
    ) -> Float[Tensor, "input *batch d_model"]:
        """The slopes by the stream that each head reads, given those by its queries, keys and values.

        Parameters
        ----------
        layer
            Counted from 0.
        stream
            What all heads read in this run.
        slopes
            ``Kind.Q``, ``Kind.K`` and ``Kind.V``, each ``[*batch, head, d_head]``.

        Returns
        -------
        Tensor
            One slope for each head's queries, then keys, then values.
        """
        heads = self._layers[layer]
        inner = torch.cat([_through(slopes[kind], heads.weights[kind]) for kind in _READ])
        with torch.enable_grad():
            copies = stream.detach().expand(inner.shape).requires_grad_()
            normed = heads.norm(copies)
            if normed is copies:
                return inner
            (outer,) = torch.autograd.grad(normed, copies, inner)
        return outer

    @torch.no_grad()
    def written(self, layer: int, z: Float[Tensor, "*batch head d_head"]) -> Float[Tensor, "*batch head d_model"]:
        """What each head adds to the residual stream, without the bias that no head owns, in the dtype of ``z``."""
        heads = self._layers[layer]
        parts = torch.einsum("...hi,hid->...hd", z, heads.out.to(z.dtype))
        if heads.norm_after is None:
            return parts
        whole = parts.sum(-2)
        gain = heads.norm_after(torch.full_like(whole[..., :1], _LARGE).expand_as(whole))
        normed = heads.norm_after(whole)
        scale = normed.norm(dim=-1, keepdim=True) / (gain * whole).norm(dim=-1, keepdim=True).clamp(min=1e-30)
        scaled: Tensor = parts * (gain * scale)[..., None, :]
        return scaled

    @staticmethod
    def _projected(heads: _Heads, kind: Kind, normed: Tensor) -> Tensor:
        weight, bias = heads.weights[kind], heads.biases[kind]
        found = torch.einsum("...hd,hdi->...hi", normed.expand(*normed.shape[:-2], len(weight), -1), weight)
        return found if bias is None else found + bias

    @torch.no_grad()
    def _try(self) -> None:
        """Raise unless heads compute what the weights say."""
        model, shape = self._model, self._model.shape
        count = min(_TRIED_TOKENS, shape.n_ctx)
        tokens = torch.linspace(0, shape.d_vocab - 1, count + 2, device=model.device).long()[1:-1][None]
        batch = TokenBatch(tokens, torch.ones_like(tokens, dtype=torch.bool))
        layers = range(shape.n_layers)
        kinds = (Kind.RESID_PRE, *_READ, Kind.Z, Kind.ATTN_OUT)
        run = model.run_with_cache(batch, [Site(kind, layer) for kind in kinds for layer in layers])
        for layer in layers:
            for kind in _READ:
                site = Site(kind, layer)
                self._require_equal(site, self.read_alike(kind, layer, run[Site(Kind.RESID_PRE, layer)]), run[site])
            output = Site(Kind.ATTN_OUT, layer)
            rest = run[output] - self.written(layer, run[Site(Kind.Z, layer)]).sum(-2)
            self._require_equal(output, rest - rest[:, :1] + run[output], run[output])

    def _require_equal(self, site: Site, found: Tensor, wanted: Tensor) -> None:
        limit = _TOLERANCE[wanted.dtype] * max(1.0, float(wanted.abs().max()))
        if found.shape != wanted.shape:
            raise SiteError(f"{site}: the weights give shape {tuple(found.shape)}, the model {tuple(wanted.shape)}")
        gap = float((found - wanted).abs().max())
        if not gap <= limit:
            raise SiteError(
                f"{self._model.identity.architecture} computes {site} otherwise than its heads' weights say (off by "
                f"{gap:.3g}, allowed {limit:.3g}), so single heads' inputs and outputs cannot be told apart"
            )


def _heads(block: Any) -> _Heads:
    attention = block.attn
    return _Heads(
        _plain(block.ln1),
        {kind: getattr(attention, f"W_{letter}").detach() for kind, letter in _READ.items()},
        {kind: _detached(getattr(attention, f"b_{letter}")) for kind, letter in _READ.items()},
        attention.W_O.detach(),
        _plain(getattr(block, "ln1_post", None)),
    )


def _plain(norm: Any) -> Any:
    """The wrapped model's own norm, which is computed faster than with hooks around every step of it."""
    return getattr(norm, "original_component", norm)


def _detached(bias: Tensor | None) -> Tensor | None:
    return None if bias is None else bias.detach()


def _through(slope: Tensor, weight: Tensor) -> Tensor:
    """``[*batch, head, d_head]`` by ``[head, d_model, d_head]``, heads first: ``[head, *batch, d_model]``."""
    flat = slope.flatten(0, -3).transpose(0, 1)
    found: Tensor = flat @ weight.transpose(-1, -2)
    return found.reshape(len(found), *slope.shape[:-2], -1)
