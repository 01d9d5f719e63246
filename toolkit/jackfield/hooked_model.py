"""A transformer whose every site can be read and changed, for the length of one call."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float
from torch import Tensor

from jackfield.errors import InterventionError, SiteError, TaskError
from jackfield.forward_pass import ForwardPass, Hook
from jackfield.interventions import Intervention
from jackfield.retention import nothing_retained
from jackfield.sites import Gate, Kind, Site
from jackfield.token_batch import PaddingSide, TokenBatch
from jackfield.wiring import ModelShape

if TYPE_CHECKING:
    from transformer_lens.hook_points import HookPoint
    from transformer_lens.model_bridge import TransformerBridge

    from jackfield.gradients import GradientRun

__all__ = ["CachedRun", "HookedModel", "ModelIdentity"]

_LEVEL = -1
"""Marks the hooks of this module at a hook point that others may use too."""


@dataclass(frozen=True)
class ModelIdentity:
    """What makes two loaded models the same: name, architecture, dtype and digests of weights and tokenizer."""

    name: str
    architecture: str
    dtype: str
    weights: str
    tokenizer: str


@dataclass(frozen=True, eq=False)
class CachedRun:
    """What a forward pass produced: ``logits [batch, column, d_vocab]`` and the activations that were asked for."""

    logits: Float[Tensor, "batch column d_vocab"]
    activations: Mapping[Site, Tensor]

    def __getitem__(self, site: Site | str) -> Tensor:
        """The activation of ``site``, with the axes that ``site.axes`` names."""
        return held(self.activations, site)


def held(values: Mapping[Site, Tensor], site: Site | str) -> Tensor:
    """What is held for a site, or its part of what is held for all heads; ``SiteError`` if there is neither."""
    wanted = Site.parse(site) if isinstance(site, str) else site
    if wanted in values:
        return values[wanted]
    if wanted.head is not None and wanted.all_heads in values:
        return wanted.part_of(values[wanted.all_heads])
    raise SiteError(f"{wanted} was not cached; cached are {', '.join(map(str, values)) or 'no sites'}")


class HookedModel:
    """A decoder behind a small face: run it, read its sites, change its sites.

    Every call is scoped: when it returns or raises, the model carries no hook and its gates are as before.
    Get one from ``load_model``, which also checks that it keeps these promises.

    Parameters
    ----------
    bridge
        The TransformerLens bridge that holds the network.
    tokenizer
        The model's own tokenizer; used exactly as Hugging Face uses it, special tokens included.
    identity
        Name and digests, which travel into every result.
    read_only
        Kinds of sites that can be read, while the network ignores what is written to them.
    """

    def __init__(
        self,
        bridge: TransformerBridge,
        tokenizer: Any,
        identity: ModelIdentity,
        read_only: frozenset[Kind] = frozenset(),
    ) -> None:
        self._bridge, self.read_only = bridge, read_only
        self._points: Mapping[str, HookPoint] = bridge.hook_dict
        self._tokenizer = tokenizer
        self.identity = identity
        config: Any = bridge.cfg
        self.shape = ModelShape(
            n_layers=config.n_layers,
            n_heads=config.n_heads,
            n_key_value_heads=config.n_key_value_heads or config.n_heads,
            d_model=config.d_model,
            d_head=config.d_head,
            d_vocab=config.d_vocab,
            n_ctx=config.n_ctx,
            parallel_blocks=bool(config.parallel_attn_mlp),
        )

    def __repr__(self) -> str:
        shape = self.shape
        return (
            f"HookedModel({self.name!r}, {self.identity.architecture}, {shape.n_layers} layers, {shape.n_heads} heads, "
            f"d_model {shape.d_model}, {self.identity.dtype})"
        )

    @property
    def name(self) -> str:
        return self.identity.name

    @property
    def tokenizer(self) -> Any:
        """The model's own tokenizer."""
        return self._tokenizer

    @property
    def device(self) -> torch.device:
        return next(self._bridge.original_model.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        """Number format of the weights."""
        return next(self._bridge.original_model.parameters()).dtype

    def tokenize(self, prompts: Sequence[str], padding_side: PaddingSide = "right") -> TokenBatch:
        """Turn prompts into a padded batch on the model's device.

        Raises
        ------
        TaskError
            If a prompt has no tokens or more than the model's context holds.
        """
        rows: list[list[int]] = [self._tokenizer(prompt)["input_ids"] for prompt in prompts]
        longest = max(map(len, rows), default=0)
        if longest > self.shape.n_ctx:
            raise TaskError(f"a prompt has {longest} tokens; {self.name} takes at most {self.shape.n_ctx}")
        return TokenBatch.from_rows(rows, self._tokenizer.pad_token_id or 0, padding_side).to(self.device)

    def single_token(self, word: str, after: str = "the", glue: str = " ") -> int | None:
        """The token id of ``word`` where it continues ``after``, or ``None`` if it is not a single known token."""
        before = self._tokenizer.encode(after)
        both = self._tokenizer.encode(f"{after}{glue}{word}")
        if both[:-1] != before or both[-1] == self._tokenizer.unk_token_id:
            return None
        return int(both[-1])

    def spells(self, text: str) -> bool:
        """Whether the tokenizer knows every part of ``text``; one that falls back on bytes knows everything."""
        return self._tokenizer.unk_token_id not in self._tokenizer.encode(text, add_special_tokens=False)

    def token_text(self, token: int) -> str:
        """The text of a token id, leading space kept."""
        return self.text([token])

    def text(self, tokens: Sequence[int]) -> str:
        """The text of some token ids in a row, leading space kept."""
        text: str = self._tokenizer.decode(list(tokens), clean_up_tokenization_spaces=False)
        return text

    @property
    def end_token(self) -> int | None:
        """The token id that ends a text, if the tokenizer has one."""
        end: int | None = self._tokenizer.eos_token_id
        return end

    def require(self, site: Site) -> None:
        """Raise ``SiteError`` unless this model has ``site`` and can expose it."""
        self.shape.require(site)
        if site.hook_name not in self._points:
            raise SiteError(f"{site}: {self.identity.architecture} exposes no hook {site.hook_name}")

    def require_writable(self, site: Site) -> None:
        """Raise ``SiteError`` unless this model has ``site`` and heeds what is written to it."""
        self.require(site)
        if site.kind in self.read_only:
            raise SiteError(f"{site} can only be read: {self.identity.architecture} ignores what is written to it")

    def run(self, batch: TokenBatch) -> Float[Tensor, "batch column d_vocab"]:
        """Logits of a batch, with nothing hooked."""
        with torch.no_grad(), nothing_retained(self._bridge):
            return self._forward(batch)

    def run_with_cache(
        self, batch: TokenBatch, sites: Collection[Site], interventions: Sequence[Intervention] = ()
    ) -> CachedRun:
        """Run a batch and keep the activations of ``sites`` (after ``interventions``, where both touch a site).

        Raises
        ------
        SiteError
            If the model lacks a site.
        InterventionError
            If an intervention or a reading did not fire exactly once.
        """
        with self.hooked(interventions, sites) as work:
            logits = self._forward(batch)
        return CachedRun(logits, work.kept)

    def run_with_interventions(
        self, batch: TokenBatch, interventions: Sequence[Intervention]
    ) -> Float[Tensor, "batch column d_vocab"]:
        """Logits of a batch under interventions; those at one site apply in the order given.

        Raises
        ------
        SiteError
            If the model lacks a site.
        InterventionError
            If there are none, or one did not fire exactly once, or its value does not fit.
        """
        if not interventions:
            raise InterventionError("no intervention was given; use run(batch) for a plain forward pass")
        return self.run_with_cache(batch, (), interventions).logits

    def run_with_gradients(
        self,
        batch: TokenBatch,
        sites: Collection[Site],
        objective: Callable[[Tensor], Tensor],
        interventions: Sequence[Intervention] = (),
        read: Collection[Site] = (),
    ) -> GradientRun:
        """Run a batch, keep the activations of ``sites``, and differentiate an objective by each.

        The same as ``jackfield.gradients.run_with_gradients``, where all is explained.
        """
        from jackfield.gradients import run_with_gradients

        return run_with_gradients(self, batch, sites, objective, interventions, read)

    def run_differentiably(
        self, batch: TokenBatch, sites: Collection[Site], interventions: Sequence[Intervention] = ()
    ) -> CachedRun:
        """Like ``run_with_cache``, but the logits can be differentiated by the tensors that interventions hold.

        The model's weights are constants. What is computed after such a tensor is kept for the backward pass.
        """
        with self.hooked_differentiably(interventions, sites) as work:
            logits = self._forward(batch)
        return CachedRun(logits, work.kept)

    def answer_logits(
        self, logits: Float[Tensor, "batch column d_vocab"], batch: TokenBatch
    ) -> Float[Tensor, "batch d_vocab"]:
        """The logits at each prompt's last real token, in float32."""
        return logits[torch.arange(len(batch)), batch.last_columns].float()

    @property
    def bridge(self) -> TransformerBridge:
        """The bridge itself, for what calls it in a way of its own inside ``hooked``."""
        return self._bridge

    @contextmanager
    def hooked(self, interventions: Sequence[Intervention], sites: Collection[Site]) -> Iterator[ForwardPass]:
        """Hook the model for the one forward pass that the ``with`` block makes.

        Parameters
        ----------
        interventions
            Changes; those at one site apply in the order given.
        sites
            What to keep; found in ``kept`` of what is yielded, once the pass was made.

        Raises
        ------
        SiteError
            If the model lacks a site.
        InterventionError
            On leaving, if an intervention or a reading did not fire exactly once.
        """
        with torch.no_grad(), self._hooked(interventions, sites) as work:
            yield work

    @contextmanager
    def hooked_differentiably(
        self, interventions: Sequence[Intervention], sites: Collection[Site]
    ) -> Iterator[ForwardPass]:
        """Like ``hooked``, for a pass that can be differentiated by the tensors that interventions hold."""
        with torch.enable_grad(), self._constant_weights(), self._hooked(interventions, sites) as work:
            yield work

    @contextmanager
    def _hooked(self, interventions: Sequence[Intervention], sites: Collection[Site]) -> Iterator[ForwardPass]:
        touched = {*(intervention.site for intervention in interventions), *sites}
        for site in sites:
            self.require(site)
        for intervention in interventions:
            self.require_writable(intervention.site)
        work = ForwardPass(interventions, sites)
        gates = {site.kind.gate for site in touched if site.kind.gate is not None}
        with self._open(gates), nothing_retained(self._bridge), self._attached(work.hooks):
            yield work
        work.require_complete()

    def _forward(self, batch: TokenBatch) -> Tensor:
        logits: Tensor = self._bridge(batch.tokens, attention_mask=batch.mask.long(), position_ids=batch.position_ids)
        return logits

    @contextmanager
    def _constant_weights(self) -> Iterator[None]:
        """Let nothing be differentiated by the weights for the length of a ``with`` block."""
        weights = {*self._bridge.parameters(), *self._bridge.original_model.parameters()}
        trained = [weight for weight in weights if weight.requires_grad]
        try:
            for weight in trained:
                weight.requires_grad_(False)
            yield
        finally:
            for weight in trained:
                weight.requires_grad_(True)

    @contextmanager
    def _attached(self, hooks: Mapping[str, Hook]) -> Iterator[None]:
        """Attach hooks for the length of a ``with`` block, at a fraction of the cost of the bridge's own way."""
        try:
            for name, hook in hooks.items():
                self._points[name].add_hook(hook, level=_LEVEL)
            yield
        finally:
            for name in hooks:
                self._points[name].remove_hooks(level=_LEVEL)

    @contextmanager
    def _open(self, gates: Collection[Gate]) -> Iterator[None]:
        """Turn gates on for the length of a ``with`` block, and back to what they were."""
        with ExitStack() as stack:
            for gate in sorted(gates, key=lambda gate: gate.value):
                setter = getattr(self._bridge, f"set_{gate.value}")
                stack.callback(setter, bool(getattr(self._bridge.cfg, gate.value)))
                try:
                    with warnings.catch_warnings():
                        warnings.simplefilter("error")
                        setter(True)
                except (NotImplementedError, ValueError, Warning) as error:
                    raise self._closed(gate, str(error)) from error
                if not getattr(self._bridge.cfg, gate.value):
                    raise self._closed(gate, f"{gate.value} stayed off when it was turned on")
            yield

    def _closed(self, gate: Gate, reason: str) -> SiteError:
        kinds = ", ".join(kind.name.lower() for kind in Kind if kind.gate is gate)
        return SiteError(f"{self.identity.architecture} cannot expose {kinds}: {reason}")
