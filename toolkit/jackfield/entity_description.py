"""Entity description: what a hidden state stands for, as the model itself puts it when asked to describe it."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from jackfield.errors import TaskError
from jackfield.generation import generate
from jackfield.hooked_model import HookedModel
from jackfield.interventions import replace
from jackfield.sites import Site
from jackfield.token_batch import TokenBatch

__all__ = ["described"]


def described(
    model: HookedModel,
    states: Float[Tensor, "state d_model"],
    prompt: str,
    target: Site,
    placeholder: int = -1,
    tokens: int = 10,
) -> list[str]:
    """How the model continues a prompt in which one token has been replaced by a hidden state.

    The prompt shows by example what is wanted and ends with a placeholder, such as ``"Syria: a country, Samsung: a
    company, x"``. Continuations are greedy, so that they are the same every time.

    Parameters
    ----------
    model
        The model.
    states
        What is to be described, taken from any layer and prompt.
    prompt
        The examples and the placeholder.
    target
        Where each state is put: the residual stream at any layer.
    placeholder
        The position at which it is put; negative positions count from the prompt's end.
    tokens
        How many tokens are said about each state.

    Raises
    ------
    TaskError
        If there is no state, or the words do not fit into the model's context.
    InterventionError
        If the states are not as wide as the target.
    AlignmentError
        If the prompt has no such position.

    Examples
    --------
    The boss of anna is clara, who lives in cairo:

    >>> from jackfield import load_model
    >>> model = load_model("fieldmouse")
    >>> asked, late = model.tokenize(["anna 's boss"]), Site.parse("resid_post.5")
    >>> state = model.run_with_cache(asked, [late])[late][:, -1]
    >>> described(model, state, "otto 's city", Site.parse("resid_pre.0"), placeholder=-3, tokens=1)
    ['cairo']
    """
    if not len(states):
        raise TaskError("there is no state to describe")
    one = model.tokenize([prompt])
    batch = TokenBatch(one.tokens.expand(len(states), -1), one.mask.expand(len(states), -1))
    put = replace(target, states[:, None], batch.at([placeholder] * len(states)))
    return [model.text(said) for said in generate(model, batch, tokens, [put])]
