"""What a vector says when it is read out as if it were the stream behind the last layer."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from jackfield.hooked_model import HookedModel
from jackfield.interventions import replace
from jackfield.sites import Kind, Site

__all__ = ["decoded"]


def decoded(model: HookedModel, vector: Float[Tensor, " d_model"], most: int) -> list[tuple[str, float]]:
    """The likeliest tokens of a vector, with their probabilities: through the last norm and the unembedding.

    Parameters
    ----------
    model
        The model.
    vector
        What is read out.
    most
        How many tokens are wanted.
    """
    batch = model.tokenize(["."])
    last = Site(Kind.RESID_POST, model.shape.n_layers - 1)
    logits = model.answer_logits(model.run_with_interventions(batch, [replace(last, vector)]), batch)[0]
    found = logits.softmax(-1).topk(min(most, len(logits)))
    tokens = zip(found.indices.tolist(), found.values.tolist(), strict=True)
    return [(model.token_text(token), probability) for token, probability in tokens]
