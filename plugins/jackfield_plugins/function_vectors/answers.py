"""How often each vector makes the model give a function's output, in every context, on held-out inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from jackfield.bench import Bench
from jackfield_plugins.function_vectors.config import FunctionVectorsConfig
from jackfield_plugins.function_vectors.evaluation import Addition, graded
from jackfield_plugins.function_vectors.kinds import Injection
from jackfield_plugins.function_vectors.material import Material
from jackfield_plugins.function_vectors.natural import NATURAL, natural_text
from jackfield_plugins.function_vectors.prompts import Prompts
from jackfield_plugins.function_vectors.subject import Subject

__all__ = ["ZERO_SHOT", "answered", "carried", "contexts"]

Floats = NDArray[np.float64]

ZERO_SHOT = "zero-shot"


def contexts(
    bench: Bench, config: FunctionVectorsConfig, material: Material, words: Sequence[str]
) -> dict[str, Prompts]:
    """The prompts that ask about held-out inputs: alone, after spoilt examples, and in ways no example shows.

    Parameters
    ----------
    bench, config
        The model, and which contexts are wanted.
    material
        The function's inputs.
    words
        What random words are drawn from.
    """
    inputs, name = material.held_out, material.function.name
    found = {ZERO_SHOT: material.bare(bench, inputs)}
    for corruption in config.corruptions if "spoilt_examples" in config.contexts else ():
        draw = bench.draw(f"reported {corruption} of {name}")
        found[corruption.replace("_", " ")] = material.shot(bench, inputs, draw, corruption, words)
    for query in material.function.layout.other_queries if "other_queries" in config.contexts else ():
        found[f"asked as {query!r}"] = material.bare(bench, inputs, query)
    return found


def answered(
    bench: Bench,
    material: Material,
    prompts: Mapping[str, Prompts],
    additions: Mapping[str, Sequence[Addition]],
    *,
    natural: bool,
) -> dict[str, dict[str, Floats]]:
    """Context -> kind of vector -> whether each held-out input is answered, ``[input]``.

    Where several vectors are of one kind, it is the share of them.

    Parameters
    ----------
    bench
        Gives the model and the progress reporter.
    material
        The function's inputs.
    prompts
        By context.
    additions
        By kind; none where nothing is added.
    natural
        Whether to continue the function's natural text too, if it has any.
    """
    label = material.function.label
    flat = [addition for some in additions.values() for addition in some]
    found: dict[str, dict[str, Floats]] = {}
    for context, asked in prompts.items():
        right = graded(bench, asked, flat, f"{label}: {context}") < 1
        plain, start = asked.answered(bench).astype(float), 0
        found[context] = {}
        for kind, some in additions.items():
            found[context][kind] = right[start : start + len(some)].mean(0) if some else plain
            start += len(some)
    if natural and material.function.natural:
        found[NATURAL] = natural_text(bench, material, additions)
    return found


def carried(
    bench: Bench, subject: Subject, others: Sequence[Subject], place: Injection, prompts: Prompts
) -> tuple[Floats, Floats]:
    """What each of the vector's heads adds alone to the probability of the answer, ``[head, prompt]``.

    And, as a control, what the same heads add with their mean outputs over the other functions' prompts.

    Parameters
    ----------
    bench, subject, others
        The model, the function, and the others.
    place
        Where the vector is added.
    prompts
        What is asked.
    """
    foreign = torch.stack([other.written for other in others]).mean(0)
    added = [place.of(source[head.layer, head.head]) for source in (subject.written, foreign) for head in subject.own]
    nothing = place.of(0 * subject.vector)
    description = f"{subject.material.function.label}: single heads"
    values = graded(bench, prompts, [nothing, *added], description, "probability")
    moved = values[1:] - values[0]
    return moved[: len(subject.own)], moved[len(subject.own) :]
