"""Word pairs as a task for every analysis: examples of a function, and the same examples with their outputs moved."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from jackfield.errors import TaskError
from jackfield.tasks import PairMaker, Task, Words
from jackfield_plugins.function_vectors.functions import Function

if TYPE_CHECKING:
    from jackfield.pairs import PromptPair

__all__ = ["EXAMPLES", "WordPairs"]

EXAMPLES = 5
"""Examples before the query."""


class WordPairs(Task):
    """Examples of a function and a query; in the corrupted prompt each example has the output of the one before.

    Only words that are single tokens are used, so that all prompts have the same length. The foil is an output that
    the examples show.

    Parameters
    ----------
    function
        The function that is to be inferred.
    """

    positions = ()

    def __init__(self, function: Function) -> None:
        self.function, self.name = function, function.name
        what = function.description or f"the function {function.label!r}"
        self.description = f"whether the model infers {what} from {EXAMPLES} examples in the prompt"

    def pair_maker(self, words: Words) -> PairMaker:
        from jackfield.pairs import PromptPair

        table, layout = self.function.table, self.function.layout
        asked = next(iter(table))
        answers_fit = [word for word in table if words.knows([table[word]], layout.asked(word), layout.glue)]
        inputs = [word for word in answers_fit if words.knows([word], "Q:")]
        words.dropped += [word for word in table if word not in inputs]
        if len(inputs) < EXAMPLES + 2:
            raise TaskError(
                f"task {self.name!r} needs {EXAMPLES + 2} inputs that are single tokens, as are their outputs; of "
                f"{len(table)}, such as {asked!r}, this model has {len(inputs)}"
            )

        def make(draw: random.Random) -> PromptPair:
            query, *shown = draw.sample(inputs, EXAMPLES + 1)
            right = [table[word] for word in shown]
            moved = [right[-1], *right[:-1]]
            foils = sorted({output for output in right if output != table[query]}) or right
            return PromptPair(
                layout.prompt(list(zip(shown, right, strict=True)), query),
                layout.prompt(list(zip(shown, moved, strict=True)), query),
                (table[query],), (draw.choice(foils),), {}, layout.query, layout.glue,
            )  # fmt: skip

        return make
