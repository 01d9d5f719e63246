"""Repair: heads made to attend where the heads of another task's circuit do, and what the model then answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

from jackfield.bench import Bench
from jackfield.errors import ConfigError
from jackfield.interventions import Intervention
from jackfield.metrics import AnswerKey
from jackfield.pairs import END, PairBatch
from jackfield.sites import Kind, Site
from jackfield.statistics import Estimate, false_discovery_rate, paired_p_values

__all__ = ["Attention", "Outcome", "Repair", "attention_to", "repair"]

Floats = NDArray[np.float64]

Attention = Mapping[Site, Mapping[str, float]]
"""For each head the share of its attention that goes to each of some named positions."""


@dataclass(frozen=True)
class Outcome:
    """How a model does.

    Parameters
    ----------
    right
        Share of prompts after which the answers' best logit is above the foils'.
    metric
        The mean of the bench's metric.
    """

    right: Estimate
    metric: Estimate


@dataclass(frozen=True)
class Repair:
    """What forced attention does to a task.

    Parameters
    ----------
    heads
        The heads that were made to attend.
    before, after
        The model as it is, and with the attention of these heads forced.
    random_heads
        With that of as many other heads of the same layers forced alike, mean of several draws.
    elsewhere
        With these heads attending as much to other tokens of the prompt, drawn at random, mean of several draws.
    q_values
        Of paired tests of the metric after against before, random heads and elsewhere, corrected together.
    """

    heads: tuple[Site, ...]
    before: Outcome
    after: Outcome
    random_heads: Outcome
    elsewhere: Outcome
    q_values: tuple[float, float, float]

    @property
    def is_finding(self) -> bool:
        """Whether these heads, attending there, get more prompts right than without, and than either control."""
        others = max(each.right.high for each in (self.before, self.random_heads, self.elsewhere))
        return max(self.q_values) <= 0.05 and self.after.right.low > others

    def summary(self) -> list[str]:
        """What happened, in a sentence."""
        told = (
            f"{name} {found.right.value:.0%} [{found.right.low:.0%}, {found.right.high:.0%}]"
            for name, found in (
                ("as it is", self.before), ("repaired", self.after), ("random heads", self.random_heads),
                ("other tokens", self.elsewhere),
            )
        )  # fmt: skip
        verdict = "a repair" if self.is_finding else "no repair: not clear of all controls"
        return [f"With {', '.join(map(str, self.heads))} forced, right answers: {', '.join(told)}; {verdict}."]


def attention_to(bench: Bench, heads: Sequence[Site], query: str = END) -> Attention:
    """Where heads attend on a task, on average over its pairs.

    Parameters
    ----------
    bench
        The task.
    heads
        Heads such as ``a3.h1``.
    query
        The named position that they attend from.

    Returns
    -------
    mapping
        For each head the mean share of its attention to each named position but the last one.

    Raises
    ------
    ConfigError
        If there are no heads or no such position.
    """
    pairs = bench.pairs
    _require(bench, heads, [query])
    rows = torch.arange(len(pairs))
    places = {name: pairs.clean.columns(where) for name, where in pairs.positions.items()}
    run = bench.model.run_with_cache(pairs.clean, {Site(Kind.PATTERN, head.layer) for head in heads})
    found = {}
    for head in heads:
        row = run[Site(Kind.PATTERN, head.layer, head.head)][rows, places[query]]
        found[head] = {name: float(row[rows, place].mean()) for name, place in places.items() if name != END}
    return found


def repair(bench: Bench, attention: Attention, query: str = END, draws: int = 10) -> Repair:
    """Force the attention of some heads, and count what the model then answers.

    "Circuit Component Reuse" (arXiv 2310.08744) found heads that two tasks share, made some of them attend in one task
    as they do in the other, and so repaired it. All pairs that were drawn count, also those that the model gets wrong.

    Parameters
    ----------
    bench
        The task to repair.
    attention
        For each head how much it is to attend to which named positions, at most 1 in all; what is left is shared out as
        the head shares it out itself. ``attention_to`` measures it on another task, whose positions may
        have other names.
    query
        The named position that the heads attend from.
    draws
        How often other heads, and other tokens, are drawn.

    Raises
    ------
    ConfigError
        If there are no heads, no such positions, shares that are negative or above 1 in all, fewer than 2 draws, or a
        layer without other heads to draw.
    """
    heads = tuple(sorted(attention))
    _require(bench, heads, [query, *(name for shares in attention.values() for name in shares)])
    if draws < 2:
        raise ConfigError(f"controls need 2 draws or more, got {draws}")
    for head, shares in attention.items():
        if not shares or min(shares.values()) < 0 or not 0 < sum(shares.values()) <= 1 + 1e-6:
            raise ConfigError(f"{head} is given shares of attention that are not from 0 to 1 in all: {dict(shares)}")
    subject = _Subject(bench, bench.pairs if bench.set_aside is None else bench.pairs.joined(bench.set_aside), query)
    places = {name: subject.pairs.clean.columns(where) for name, where in subject.pairs.positions.items()}
    draw = bench.rng("repair")
    before = subject.answers({}, places)
    after = subject.answers(attention, places)
    others = [subject.answers(_other_heads(bench, attention, draw), places) for _ in range(draws)]
    moved = [subject.answers(attention, subject.other_places(attention, places, draw)) for _ in range(draws)]
    random_heads, elsewhere = (np.mean(found, axis=0) for found in (others, moved))
    p_values = np.array([float(paired_p_values(after[1], other[1])) for other in (before, random_heads, elsewhere)])
    first, second, third = map(float, false_discovery_rate(p_values))
    return Repair(
        heads,
        subject.outcome(before, "before"),
        subject.outcome(after, "after"),
        subject.outcome(random_heads, "random heads"),
        subject.outcome(elsewhere, "elsewhere"),
        (first, second, third),
    )


@dataclass(frozen=True, eq=False)
class _Subject:
    """The pairs of a task, to be answered with attention forced."""

    bench: Bench
    pairs: PairBatch
    query: str

    def answers(self, attention: Attention, places: Mapping[str, Tensor]) -> Floats:
        """Which prompts are right, and the metric of each, ``[2, prompt]``."""
        batch, model = self.pairs.clean, self.bench.model
        where = batch.at(self.pairs.positions[self.query])
        edits = [
            Intervention(Site(Kind.PATTERN, head.layer, head.head), _forced(self._target(shares, places)), where)
            for head, shares in attention.items()
        ]
        found = model.run_with_interventions(batch, edits) if edits else model.run(batch)
        logits = model.answer_logits(found, batch)
        best = [logits.masked_fill(~mask, -float("inf")).amax(-1) for mask in (self.pairs.answers, self.pairs.foils)]
        right = (best[0] > best[1]).double().cpu().numpy()
        return np.stack([right, self.bench.graded(logits, self._key)])

    @cached_property
    def _key(self) -> AnswerKey:
        model, batch = self.bench.model, self.pairs.clean
        return AnswerKey(self.pairs.answers, self.pairs.foils, model.answer_logits(model.run(batch), batch))

    def _target(self, shares: Mapping[str, float], places: Mapping[str, Tensor]) -> Float[Tensor, "batch key"]:
        target = torch.zeros(self.pairs.clean.tokens.shape, device=self.bench.model.device)
        rows = torch.arange(len(target), device=target.device)
        for name, share in shares.items():
            target[rows, places[name]] += share
        return target

    def other_places(
        self, attention: Attention, places: Mapping[str, Tensor], draw: np.random.Generator
    ) -> dict[str, Int[Tensor, " batch"]]:
        """For each position that is attended to, another token of each prompt, up to where it is attended from."""
        named = {name for shares in attention.values() for name in shares}
        columns = torch.arange(self.pairs.clean.tokens.shape[1], device=self.pairs.clean.tokens.device)
        free = self.pairs.clean.mask & (columns <= places[self.query][:, None])
        for name in named:
            free[torch.arange(len(free)), places[name]] = False
        if not bool(free.any(-1).all()):
            raise ConfigError("a prompt has no other token to attend to, so the repair has no control")
        chance = torch.from_numpy(draw.random(free.shape)).to(free.device).masked_fill(~free, -1.0)
        order = chance.argsort(dim=-1, descending=True)
        count = free.sum(-1)
        return {name: order[torch.arange(len(order)), index % count] for index, name in enumerate(sorted(named))}

    def outcome(self, found: Floats, name: str) -> Outcome:
        right, metric = found
        exact = bool(np.isin(right, (0, 1)).all())
        mean = Estimate.of_mean(right, "share", self.bench.rng(f"repair/right/{name}"))
        return Outcome(
            Estimate.of_successes(right, "share") if exact else mean,
            Estimate.of_mean(metric, self.bench.metric.unit, self.bench.rng(f"repair/metric/{name}")),
        )


def _forced(target: Float[Tensor, "batch key"]) -> Callable[[Tensor], Tensor]:
    """The edit that gives a pattern ``[batch, position, key]`` its target, and scales what it had to what is left."""
    left = 1 - target.sum(-1)[:, None, None]

    def edit(pattern: Tensor) -> Tensor:
        return pattern * left.to(pattern) + target[:, None].to(pattern)

    return edit


def _other_heads(bench: Bench, attention: Attention, draw: np.random.Generator) -> dict[Site, Mapping[str, float]]:
    found: dict[Site, Mapping[str, float]] = {}
    for head, shares in attention.items():
        free = [
            other
            for other in (Site(Kind.HEAD_OUT, head.layer, index) for index in range(bench.model.shape.n_heads))
            if other not in attention and other not in found
        ]
        if not free:
            raise ConfigError(f"layer {head.layer} has no other heads to draw, so the repair has no control")
        found[free[int(draw.integers(len(free)))]] = shares
    return found


def _require(bench: Bench, heads: Sequence[Site], positions: Sequence[str]) -> None:
    if not heads:
        raise ConfigError("no heads were given; name heads such as a3.h1")
    for head in heads:
        if head.kind is not Kind.HEAD_OUT or head.head is None:
            raise ConfigError(f"{head} is no single head; heads are spelled like a3.h1")
        bench.model.require(head)
    known = bench.pairs.positions
    if missing := sorted(set(positions) - set(known)):
        raise ConfigError(f"the task {bench.task!r} has no position {missing[0]!r}; it has {', '.join(known)}")
