"""What a vector says when it is read out as if it were the stream behind the last layer."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from jackfield.hooked_model import HookedModel
from jackfield.logit_lens import unembedded

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
    logits = unembedded(model, vector[None, None])[0, 0]
    found = logits.softmax(-1).topk(min(most, len(logits)))
    tokens = zip(found.indices.tolist(), found.values.tolist(), strict=True)
    return [(model.token_text(token), probability) for token, probability in tokens]
