"""Questions beside a pair's own: the facts that its answer rests on, and the shortcuts that lead there without them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jackfield.errors import TaskError

if TYPE_CHECKING:
    from jackfield.hooked_model import HookedModel

__all__ = ["SideQuestion", "are_answered"]

_BATCH = 64


@dataclass(frozen=True)
class SideQuestion:
    """A prompt of its own that says something about how a pair's clean prompt is answered.

    Parameters
    ----------
    name
        What it is to the pair, such as ``first hop``.
    prompt
        The prompt, which stops just before the answer.
    answers
        Its right continuations, each a single token.
    glue
        What stands between prompt and continuation.
    """

    name: str
    prompt: str
    answers: tuple[str, ...]
    glue: str = " "


def are_answered(model: HookedModel, questions: Sequence[SideQuestion]) -> list[bool]:
    """Whether the model's likeliest next token after each question is one of its answers.

    Raises
    ------
    TaskError
        If no answer of a question is a single token of the model.

    Examples
    --------
    >>> from jackfield import load_model
    >>> right = SideQuestion("first hop", "alma 's boss", ("yann",))
    >>> wrong = SideQuestion("first hop", "alma 's boss", ("otto",))
    >>> are_answered(load_model("fieldmouse"), [right, wrong])
    [True, False]
    """
    distinct = list(dict.fromkeys(questions))
    known: dict[SideQuestion, bool] = {}
    for start in range(0, len(distinct), _BATCH):
        part = distinct[start : start + _BATCH]
        batch = model.tokenize([question.prompt for question in part])
        guesses: list[int] = model.answer_logits(model.run(batch), batch).argmax(-1).tolist()
        known |= {question: guess in _tokens(model, question) for question, guess in zip(part, guesses, strict=True)}
    return [known[question] for question in questions]


def _tokens(model: HookedModel, question: SideQuestion) -> set[int]:
    spelled = (model.single_token(answer, question.prompt, question.glue) for answer in question.answers)
    tokens = {token for token in spelled if token is not None}
    if not tokens:
        raise TaskError(
            f"none of {', '.join(map(repr, question.answers)) or 'no answers'} after {question.prompt!r} is a single "
            f"token of {model.name}"
        )
    return tokens
