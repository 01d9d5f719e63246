"""Functions to be inferred from examples: france : paris , japan : tokyo , kenya :"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from jackfield.builtins import english
from jackfield.builtins.template import Template
from jackfield.errors import TaskError
from jackfield.organism import sentences as say
from jackfield.organism import world
from jackfield.tasks import PairMaker, Task, Words

if TYPE_CHECKING:
    from jackfield.pairs import PromptPair

__all__ = ["EXAMPLES", "RIVALS", "InContext"]

EXAMPLES = 4
"""Examples before the query."""

RIVALS: Mapping[str, str] = {
    "capital": "language", "language": "continent", "continent": "capital", "plural": "colour", "colour": "category",
    "category": "plural", "past": "gerund", "gerund": "past", "antonym": "comparative", "comparative": "antonym",
    "next": "previous", "previous": "next", "copy": "plural",
}  # fmt: skip
"""For each function another one of the same inputs, whose examples the corrupted prompt shows."""

_LEAST_INPUTS = 8


class InContext(Task):
    """Examples of a function and a query; the corrupted prompt shows the same inputs under a rival function.

    Parameters
    ----------
    function
        A name in ``functions``.
    """

    positions = ("QUERY",)

    def __init__(self, function: str) -> None:
        self.function, self.rival = function, RIVALS[function]
        self.name = f"in_context.{function}"
        self.description = f"whether the model infers the function {function!r} from {EXAMPLES} examples in the prompt"

    def pair_maker(self, words: Words) -> PairMaker:
        table, rival = max(
            (self._tables(spell) for spell in (str, str.capitalize)),
            key=lambda tables: english.share_known(words, [*tables[0], *tables[0].values()]),
        )
        spoken = set(words.single(dict.fromkeys([*table, *table.values(), *rival.values()])))
        inputs = [word for word in table if spoken.issuperset((word, table[word], rival[word]))]
        if len(inputs) < _LEAST_INPUTS:
            raise TaskError(
                f"task {self.name!r} needs {_LEAST_INPUTS} words that are single tokens, as are their {self.function} "
                f"and their {self.rival}; the model's tokenizer has {len(inputs)}"
            )
        blanks = [(f"{{x{index}}}", f"{{y{index}}}") for index in range(EXAMPLES)]
        template = Template.of([*english.opening(words), *say.in_context(blanks, "{QUERY}")])

        def make(draw: random.Random) -> PromptPair:
            query, *shown = draw.sample(inputs, EXAMPLES + 1)
            given = {f"x{index}": word for index, word in enumerate(shown)}
            right = {f"y{index}": table[word] for index, word in enumerate(shown)}
            wrong = {f"y{index}": rival[word] for index, word in enumerate(shown)}
            return template.pair(
                {"QUERY": query, **given, **right}, wrong, answers=[table[query]], foils=[rival[query]]
            )

        return make

    def _tables(self, spell: Callable[[str], str]) -> tuple[dict[str, str], dict[str, str]]:
        """The function and its rival on the inputs that tell them apart."""
        table, rival = world.functions()[self.function], world.functions()[self.rival]
        inputs = [word for word in table if word in rival and table[word] != rival[word]]
        return {spell(w): spell(table[w]) for w in inputs}, {spell(w): spell(rival[w]) for w in inputs}
