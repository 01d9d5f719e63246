"""Natural text: whether the model goes on with a function's output where a sentence asks for it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from jackfield.bench import Bench
from jackfield.generation import generate
from jackfield.hooked_model import HookedModel
from jackfield.sites import Kind, Site
from jackfield_plugins.function_vectors.evaluation import Addition
from jackfield_plugins.function_vectors.functions import fill
from jackfield_plugins.function_vectors.material import Material
from jackfield_plugins.function_vectors.vector import Steered

__all__ = ["NATURAL", "natural_text"]

Floats = NDArray[np.float64]

NATURAL = "natural text"


def natural_text(bench: Bench, material: Material, additions: Mapping[str, Sequence[Addition]]) -> dict[str, Floats]:
    """Kind of vector -> share of the function's sentences that the model goes on with the output, ``[input]``.

    It does so if the output is a whole word among its likeliest next tokens, of which there are ``natural_tokens``. Of
    several vectors of a kind the first one is used.

    Parameters
    ----------
    bench
        Gives the model and the progress reporter.
    material
        The function's inputs.
    additions
        By kind; none where nothing is added.
    """
    function, inputs, found = material.function, material.held_out, dict[str, Floats]()
    description = f"{function.label}: natural text"
    bench.progress(description, 0, len(additions))
    for kind, some in additions.items():
        steered = Steered(bench.model, Site(Kind.RESID_POST, some[0][0]), some[0][1]) if some else None
        by_sentence = []
        for sentence in function.natural:
            prompts = [fill(sentence, input=word) for word in inputs]
            texts = _continued(bench.model, prompts, function.natural_tokens, steered)
            by_sentence.append([_says(text, function.table[word]) for text, word in zip(texts, inputs, strict=True)])
        found[kind] = np.mean(by_sentence, axis=0)
        bench.progress(description, len(found), len(additions))
    return found


def _continued(model: HookedModel, prompts: Sequence[str], tokens: int, steered: Steered | None) -> list[str]:
    if steered is not None:
        return steered.continued(prompts, tokens)
    return [model.text(row) for row in generate(model, model.tokenize(prompts, "left"), tokens)]


def _says(text: str, word: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text) is not None
