"""Each metric against values worked out by hand, and never a number for what has none."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from jackfield.errors import UndefinedMetricError
from jackfield.metrics import BUILT_IN, AnswerKey

METRICS = {metric.name: metric for metric in BUILT_IN}
PROBABILITIES = torch.tensor([[0.5, 0.25, 0.125, 0.125], [0.1, 0.2, 0.3, 0.4]])
LOGITS = PROBABILITIES.log() + torch.tensor([[3.0], [-2.0]])
ONE_ANSWER = AnswerKey(
    answers=torch.tensor([[True, False, False, False], [True, False, False, False]]),
    foils=torch.tensor([[False, True, False, False], [False, False, False, True]]),
)
TWO_ANSWERS = AnswerKey(
    answers=torch.tensor([[False, True, True, False], [False, False, True, True]]),
    foils=torch.tensor([[True, False, False, True], [True, True, False, False]]),
)


def mean_log(*probabilities: float) -> float:
    return sum(map(math.log, probabilities)) / len(probabilities)


@pytest.mark.parametrize(
    ("name", "key", "expected"),
    [
        ("logit_difference", ONE_ANSWER, [math.log(2), -math.log(4)]),
        (
            "logit_difference", TWO_ANSWERS,
            [mean_log(0.25, 0.125) - mean_log(0.5, 0.125), mean_log(0.3, 0.4) - mean_log(0.1, 0.2)],
        ),
        ("probability", ONE_ANSWER, [0.5, 0.1]),
        ("probability", TWO_ANSWERS, [0.375, 0.7]),
        ("probability_difference", ONE_ANSWER, [0.25, -0.3]),
        ("probability_difference", TWO_ANSWERS, [-0.25, 0.4]),
        ("log_probability", ONE_ANSWER, [math.log(0.5), math.log(0.1)]),
        ("log_probability", TWO_ANSWERS, [math.log(0.375), math.log(0.7)]),
        ("rank", ONE_ANSWER, [0.0, 3.0]),
        ("rank", TWO_ANSWERS, [1.0, 0.0]),
    ],
)  # fmt: skip
def test_a_metric_gives_the_value_worked_out_by_hand(name: str, key: AnswerKey, expected: list[float]) -> None:
    torch.testing.assert_close(METRICS[name](LOGITS, key), torch.tensor(expected))


def kl(logits: Tensor, clean: Tensor) -> Tensor:
    return METRICS["kl_divergence"](logits, AnswerKey(ONE_ANSWER.answers, ONE_ANSWER.foils, clean))


def test_kl_divergence_by_hand() -> None:
    uniform = torch.zeros(2, 4)
    forward = math.log(4) - 1.75 * math.log(2)
    torch.testing.assert_close(kl(uniform, LOGITS)[0], torch.tensor(forward))
    backward = -mean_log(0.5, 0.25, 0.125, 0.125) - math.log(4)
    torch.testing.assert_close(kl(LOGITS, uniform)[0], torch.tensor(backward))


def test_kl_divergence_is_zero_for_the_same_prediction_and_never_below() -> None:
    generator = torch.Generator().manual_seed(0)
    logits, other = torch.randn(2, 2, 4, generator=generator).unbind()
    torch.testing.assert_close(kl(logits, logits + 5), torch.zeros(2), atol=1e-6, rtol=0)
    assert bool((kl(logits, logits + 1e-4 * other) >= 0).all())
    assert bool((kl(logits, other) > 0).all())


def test_tokens_as_likely_as_the_answer_do_not_worsen_its_rank() -> None:
    tied = torch.tensor([[1.0, 1.0, 2.0, 1.0]])
    assert METRICS["rank"](tied, AnswerKey(ONE_ANSWER.answers[:1], ONE_ANSWER.foils[:1])).tolist() == [1.0]


def test_a_constant_added_to_all_logits_changes_nothing() -> None:
    key = AnswerKey(TWO_ANSWERS.answers, TWO_ANSWERS.foils, LOGITS)
    for metric in BUILT_IN:
        torch.testing.assert_close(metric(LOGITS + 7, key), metric(LOGITS, key), atol=1e-5, rtol=0)


def test_values_lie_within_the_bounds_stated() -> None:
    generator = torch.Generator().manual_seed(1)
    for scale in (0.1, 10.0, 1000.0):
        logits = scale * torch.randn(2, 4, generator=generator)
        for metric in BUILT_IN:
            low, high = metric.bounds
            values = metric(logits, AnswerKey(TWO_ANSWERS.answers, TWO_ANSWERS.foils, LOGITS))
            assert bool(((values >= low - 1e-6) & (values <= high + 1e-6)).all()), metric.name


def test_a_logit_raised_at_the_answer_moves_every_metric_the_better_way() -> None:
    better = LOGITS + 4 * ONE_ANSWER.answers
    for name in ("logit_difference", "probability", "probability_difference", "log_probability", "rank"):
        change = METRICS[name](better, ONE_ANSWER) - METRICS[name](LOGITS, ONE_ANSWER)
        assert bool((change >= 0 if METRICS[name].higher_is_better else change <= 0).all()), name
        assert bool((change != 0).any()), name


@pytest.mark.parametrize("metric", BUILT_IN, ids=lambda metric: metric.name)
def test_logits_that_are_not_numbers_have_no_value(metric: object) -> None:
    logits = LOGITS.clone()
    logits[1, 2] = float("nan")
    with pytest.raises(UndefinedMetricError, match="the logits of 1 of 2 prompts are not numbers"):
        METRICS[metric.name](logits, AnswerKey(ONE_ANSWER.answers, ONE_ANSWER.foils, LOGITS))  # type: ignore[attr-defined]


def test_a_difference_without_foils_has_no_value() -> None:
    key = AnswerKey(ONE_ANSWER.answers, torch.zeros_like(ONE_ANSWER.foils))
    with pytest.raises(UndefinedMetricError, match="logit_difference is not a number for 2 of 2 prompts"):
        METRICS["logit_difference"](LOGITS, key)


def test_a_prompt_without_answer_is_refused() -> None:
    with pytest.raises(UndefinedMetricError, match="every prompt needs at least one answer"):
        AnswerKey(torch.tensor([[True, False], [False, False]]), torch.tensor([[False, True], [True, True]]))


def test_kl_divergence_needs_the_clean_prediction() -> None:
    with pytest.raises(UndefinedMetricError, match="no clean logits were given"):
        METRICS["kl_divergence"](LOGITS, ONE_ANSWER)
