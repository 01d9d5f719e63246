"""The check that every model passes when it is loaded: the promises that analyses rely on, on one tiny batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from jackfield.errors import InterventionError, SelfCheckError, SiteError
from jackfield.hooked_model import CachedRun, HookedModel
from jackfield.interventions import Intervention, add, replace
from jackfield.sites import Kind, Site
from jackfield.token_batch import TokenBatch

__all__ = ["Probe", "check_model", "obeys"]

_TOLERANCE = {torch.float64: 1e-6, torch.float32: 1e-4, torch.float16: 2e-2, torch.bfloat16: 1e-1}
_LONG, _SHORT = 6, 4
_MOST_LAYERS_WRITTEN = 12
_PARTS = (Kind.RESID_PRE, Kind.ATTN_OUT, Kind.MLP_OUT, Kind.RESID_POST)


@dataclass(frozen=True, eq=False)
class Probe:
    """A tiny batch and what the network said to it before it was hooked.

    ``reference [batch, d_vocab]`` holds the logits at each prompt's last token, each prompt run alone.
    """

    rows: tuple[tuple[int, ...], ...]
    reference: Float[Tensor, "batch d_vocab"]

    @classmethod
    def of(cls, d_vocab: int, forward: Callable[[Tensor], Tensor], device: torch.device) -> Probe:
        """Ask a network, as a function from token ids to logits, about each prompt alone."""
        rows = cls.token_rows(d_vocab)
        with torch.no_grad():
            return cls(rows, torch.stack([forward(torch.tensor([row], device=device))[0, -1] for row in rows]))

    @staticmethod
    def token_rows(d_vocab: int) -> tuple[tuple[int, ...], ...]:
        """Two prompts of unequal length, spread over the vocabulary."""
        return tuple(
            tuple((d_vocab // 3 + 7 * i + 13 * j) % d_vocab for j in range(n)) for i, n in enumerate((_LONG, _SHORT))
        )


def check_model(model: HookedModel, probe: Probe) -> None:
    """Check a freshly loaded model on a probe.

    Logits equal the unhooked network's; padding on either side changes nothing; every site that the model promises can
    be read; writing back what was read changes nothing; writing something else changes the output; the parts of a
    layer add up to its residual stream, and still do after the stream was written to.

    Parameters
    ----------
    model
        The model, which is run some ten times on a few tokens.
    probe
        Prompts, and the answers of the network before it was hooked.

    Raises
    ------
    SelfCheckError
        Naming the promise that is broken and the site that breaks it.
    """
    try:
        _check_logits(model, probe)
        batch = TokenBatch.from_rows([probe.rows[0]], 0).to(model.device)
        sites = promised_sites(model)
        run = model.run_with_cache(batch, sites)
        _check_sums(model, run)
        writable = [site for site in sites if site.kind not in model.read_only]
        written = {site: run[site] for site in _few_layers(model, writable)}
        for check in (_check_self_patch, _check_writes, _check_stream_writes):
            check(model, batch, written)
    except (SiteError, InterventionError) as error:
        raise SelfCheckError(f"{model.name}: {error}") from error


def promised_sites(model: HookedModel) -> list[Site]:
    """All sites that need no gate, each with all its heads; gated ones are checked when they are first asked for."""
    return [
        site
        for layer in range(model.shape.n_layers)
        for site in dict.fromkeys(site.all_heads for site in model.shape.sites_in_layer(layer))
        if site.kind.gate is None
    ]


def obeys(model: HookedModel, kind: Kind) -> bool:
    """Whether the output changes when something else is written to a kind of site, tried in the first layer."""
    batch = TokenBatch.from_rows([Probe.token_rows(model.shape.d_vocab)[0]], 0).to(model.device)
    site = Site(kind, 0)
    disturbed = [_disturbance(site, model.run_with_cache(batch, [site])[site], batch, row=0)]
    return _gap(model.run_with_interventions(batch, disturbed), model.run(batch)) > 0


def _few_layers(model: HookedModel, sites: Sequence[Site]) -> list[Site]:
    """The sites of every layer of a shallow model; of the first two, some middle and the last of a deep one."""
    layers = model.shape.n_layers
    if layers <= _MOST_LAYERS_WRITTEN:
        return list(sites)
    chosen = {0, 1, layers // 2, layers // 2 + 1, layers - 1}
    return [site for site in sites if site.layer in chosen]


def _tolerance(like: Tensor) -> float:
    return _TOLERANCE[like.dtype] * max(1.0, like.abs().max().item())


def _gap(found: Tensor, wanted: Tensor) -> float:
    return (found.double() - wanted.double()).abs().max().item()


def _require_equal(model: HookedModel, found: Tensor, wanted: Tensor, promise: str, like: Tensor) -> None:
    gap = _gap(found, wanted)
    limit = _tolerance(like)
    if not gap <= limit:
        raise SelfCheckError(
            f"{model.name} ({model.identity.architecture}): {promise}; off by {gap:.3g}, allowed {limit:.3g}"
        )


def _check_logits(model: HookedModel, probe: Probe) -> None:
    for side in ("right", "left"):
        batch = TokenBatch.from_rows(probe.rows, 0, side).to(model.device)
        logits = model.run(batch)
        found = logits[torch.arange(len(batch)), batch.last_columns]
        padded = f"the logits under {side}-padding must equal those of the network before it was hooked"
        _require_equal(model, found, probe.reference.to(found.device), padded, probe.reference)


def _check_sums(model: HookedModel, run: CachedRun) -> None:
    for layer in range(model.shape.n_layers):
        pre, attention, mlp, post = (Site(kind, layer) for kind in _PARTS)
        promise = f"{pre} + {attention} + {mlp} must be {post}"
        _require_equal(model, run[pre] + run[attention] + run[mlp], run[post], promise, run[post])


def _check_self_patch(model: HookedModel, batch: TokenBatch, values: dict[Site, Tensor]) -> None:
    """Write one site's own value back per row: in one row, later sites would hide what earlier ones do."""
    tall = _repeat(batch, len(values))
    still = model.run(tall)
    writes = [replace(site, value, _row(tall, row)) for row, (site, value) in enumerate(values.items())]
    patched = model.run_with_interventions(tall, writes)
    for row, site in enumerate(values):
        if not _gap(patched[row], still[row]) <= _tolerance(still):
            alone = model.run_with_interventions(batch, [replace(site, values[site])])
            promise = f"writing {site}'s own value back must change nothing"
            _require_equal(model, alone, still[:1], promise, still)
    _require_equal(model, patched, still, "writing one site's own value back per prompt must change nothing", still)


def _check_writes(model: HookedModel, batch: TokenBatch, values: dict[Site, Tensor]) -> None:
    """Disturb one site per row; each row must then differ from what it was by more than equal rows differ."""
    tall = _repeat(batch, len(values))
    still = model.run(tall)
    noise_floor = (still - still[:1]).abs().amax().item()
    writes = [_disturbance(site, value, tall, row) for row, (site, value) in enumerate(values.items())]
    moved = (model.run_with_interventions(tall, writes) - still).abs().amax(dim=(1, 2)).tolist()
    deaf = [str(site) for site, change in zip(values, moved, strict=True) if not change > 2 * noise_floor]
    if deaf:
        raise SelfCheckError(
            f"{model.name} ({model.identity.architecture}): writing to {', '.join(deaf)} does not reach the output"
        )


def _check_stream_writes(model: HookedModel, batch: TokenBatch, values: dict[Site, Tensor]) -> None:
    """Disturb the residual stream, at one site per row: what is written there must also pass by the layer's parts."""
    streams = [site for site in values if site.kind in (Kind.RESID_PRE, Kind.RESID_MID)]
    tall = _repeat(batch, len(streams))
    interventions = [_disturbance(site, values[site], tall, row) for row, site in enumerate(streams)]
    parts = {Site(kind, site.layer) for site in streams for kind in _PARTS}
    run = model.run_with_cache(tall, parts.union(streams), interventions)
    for row, site in enumerate(streams):
        _, attention, mlp, post = (Site(kind, site.layer) for kind in _PARTS)
        added = [attention, mlp] if site.kind is Kind.RESID_PRE else [mlp]
        found = sum((run[part][row] for part in added), start=run[site][row])
        promise = f"what is written to {site} must reach {post} beside {' and '.join(map(str, added))}"
        _require_equal(model, found, run[post][row], promise, run[post][row])


def _repeat(batch: TokenBatch, times: int) -> TokenBatch:
    return TokenBatch(batch.tokens.repeat(times, 1), batch.mask.repeat(times, 1))


def _row(batch: TokenBatch, row: int) -> Bool[Tensor, "batch column"]:
    """A mask of all tokens of one row."""
    where = torch.zeros_like(batch.mask)
    where[row] = True
    return where


def _disturbance(site: Site, value: Tensor, batch: TokenBatch, row: int) -> Intervention:
    """Noise of the activation's own size at all tokens of one row."""
    generator = torch.Generator().manual_seed(row)
    noise = torch.randn(value.shape, generator=generator).to(value) * value.abs().mean().clamp(min=1e-3)
    return add(site, noise, _row(batch, row))
