"""Metrics: pure functions of the logits at the answer's position, one value per prompt."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jackfield.errors import UndefinedMetricError

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int
    from torch import Tensor

__all__ = ["BUILT_IN", "AnswerKey", "Metric"]


@dataclass(frozen=True, eq=False)
class AnswerKey:
    """What a prediction is graded against.

    Parameters
    ----------
    answers, foils
        True at the token ids that are right and wrong, ``[batch, d_vocab]``.
    clean_logits
        The model's own logits on the clean prompts, ``[batch, d_vocab]``, for metrics that compare distributions.

    Raises
    ------
    UndefinedMetricError
        If a prompt has no answer.
    """

    answers: Bool[Tensor, "batch d_vocab"]
    foils: Bool[Tensor, "batch d_vocab"]
    clean_logits: Float[Tensor, "batch d_vocab"] | None = None

    def __post_init__(self) -> None:
        if not bool(self.answers.any(-1).all()):
            raise UndefinedMetricError("every prompt needs at least one answer to be graded against")

    def select(self, rows: Int[Tensor, " chosen"] | Sequence[int]) -> AnswerKey:
        """The key of some prompts, in the order given."""
        clean = None if self.clean_logits is None else self.clean_logits[rows]
        return AnswerKey(self.answers[rows], self.foils[rows], clean)


@dataclass(frozen=True)
class Metric:
    """A named measure of predictions.

    Parameters
    ----------
    name
        How it is called; unique over all plugins.
    unit
        What it is measured in.
    description
        What it says, in a sentence.
    higher_is_better
        Whether a larger value means a prediction nearer to the answer.
    bounds
        Smallest and largest possible value.
    compute
        ``(logits [batch, d_vocab], key) -> [batch]``.
    """

    name: str
    unit: str
    description: str
    higher_is_better: bool
    bounds: tuple[float, float]
    compute: Callable[[Float[Tensor, "batch d_vocab"], AnswerKey], Float[Tensor, " batch"]]

    def __call__(self, logits: Float[Tensor, "batch d_vocab"], key: AnswerKey) -> Float[Tensor, " batch"]:
        """One value per prompt.

        Raises
        ------
        UndefinedMetricError
            If the key lacks what the metric needs, or a logit or a value is not a number.
        """
        if bool(logits.isnan().any()):
            rows = int(logits.isnan().any(-1).sum())
            raise UndefinedMetricError(f"{self.name}: the logits of {rows} of {len(logits)} prompts are not numbers")
        values = self.compute(logits, key)
        if bool(values.isnan().any()):
            raise UndefinedMetricError(
                f"{self.name} is not a number for {int(values.isnan().sum())} of {len(values)} prompts"
            )
        return values


def _masked_mean(logits: Tensor, mask: Tensor) -> Tensor:
    return (logits * mask).sum(-1) / mask.sum(-1)


def _logit_difference(logits: Tensor, key: AnswerKey) -> Tensor:
    return _masked_mean(logits, key.answers) - _masked_mean(logits, key.foils)


def _probability(logits: Tensor, key: AnswerKey) -> Tensor:
    return (logits.softmax(-1) * key.answers).sum(-1)


def _probability_difference(logits: Tensor, key: AnswerKey) -> Tensor:
    probabilities = logits.softmax(-1)
    return (probabilities * key.answers).sum(-1) - (probabilities * key.foils).sum(-1)


def _log_probability(logits: Tensor, key: AnswerKey) -> Tensor:
    return logits.log_softmax(-1).masked_fill(~key.answers, -math.inf).logsumexp(-1)


def _rank(logits: Tensor, key: AnswerKey) -> Tensor:
    best = logits.masked_fill(~key.answers, -math.inf).amax(-1, keepdim=True)
    return (logits > best).sum(-1).to(logits.dtype)


def _kl_divergence(logits: Tensor, key: AnswerKey) -> Tensor:
    if key.clean_logits is None:
        raise UndefinedMetricError("kl_divergence compares with the clean prediction, and no clean logits were given")
    clean = key.clean_logits.log_softmax(-1)
    return (clean.exp() * (clean - logits.log_softmax(-1))).sum(-1).clamp(min=0.0)


BUILT_IN: tuple[Metric, ...] = (
    Metric(
        "logit_difference", "logits", "mean logit of the answers minus mean logit of the foils",
        True, (-math.inf, math.inf), _logit_difference,
    ),
    Metric("probability", "probability", "total probability of the answers", True, (0.0, 1.0), _probability),
    Metric(
        "probability_difference", "probability", "total probability of the answers minus that of the foils",
        True, (-1.0, 1.0), _probability_difference,
    ),
    Metric(
        "log_probability", "nats", "log of the answers' total probability",
        True, (-math.inf, 0.0), _log_probability,
    ),
    Metric(
        "rank", "places", "tokens more likely than the likeliest answer; 0 is the top",
        False, (0.0, math.inf), _rank,
    ),
    Metric(
        "kl_divergence", "nats", "KL divergence from the clean prediction, summed over the vocabulary",
        False, (0.0, math.inf), _kl_divergence,
    ),
)  # fmt: skip
