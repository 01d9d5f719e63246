"""Functions from words to words, how their examples are written, and those that can be named."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from jackfield.builtins.in_context import RIVALS
from jackfield.errors import ConfigError, UnknownNameError
from jackfield.organism import world

__all__ = ["FIELDMOUSE", "Function", "Layout", "family", "fill", "find", "word_pairs"]


@dataclass(frozen=True)
class Layout:
    """How a prompt is written: examples one after the other, then the query.

    Parameters
    ----------
    example
        An example, with the blanks ``{input}`` and ``{output}``.
    query
        What is asked after the examples, or without any, with the blank ``{input}``.
    glue
        What stands between the query and its answer.
    other_queries
        Other ways to ask, which the examples never show.
    """

    example: str = "Q: {input}\nA: {output}\n\n"
    query: str = "Q: {input}\nA:"
    glue: str = " "
    other_queries: tuple[str, ...] = (
        "Input: {input}\nOutput:", "{input} ->", "Word: {input}\nAnswer:", "{input} =>", "{input} :",
    )  # fmt: skip

    def prompt(self, examples: Sequence[tuple[str, str]], asked: str) -> str:
        """Examples, ``(input, output)``, and a query.

        Examples
        --------
        >>> Layout("{input} : {output} , ", "{input} :").prompt([("cat", "cats")], "dog")
        'cat : cats , dog :'
        """
        shown = (fill(self.example, input=given, output=wanted) for given, wanted in examples)
        return "".join(shown) + self.asked(asked)

    def asked(self, word: str) -> str:
        """The query alone."""
        return fill(self.query, input=word)


FIELDMOUSE = Layout(
    "{input} : {output} , ", "{input} :", other_queries=("{input} =", "{input} is", "the {input} :", "{input} , :")
)
"""How *fieldmouse* has learned to read examples."""


def fill(template: str, **words: str) -> str:
    """A template with its blanks filled; braces in the words are left alone."""
    return re.sub(r"\{(input|output)\}", lambda blank: words.get(blank[1], blank[0]), template)


@dataclass(frozen=True)
class Function:
    """A function that a model may infer from examples.

    Parameters
    ----------
    name
        How studies and results call it.
    table
        Each input and its output.
    description
        What it does, in a few words.
    layout
        How its prompts are written.
    shots
        Examples in a prompt, unless told otherwise.
    natural
        Sentences that the output continues, with the blank ``{input}``; most functions of *fieldmouse* have none.
    natural_tokens
        Within how many tokens the output must come in natural text.
    """

    name: str
    table: Mapping[str, str]
    description: str = ""
    layout: Layout = Layout()
    shots: int = 10
    natural: tuple[str, ...] = ()
    natural_tokens: int = 5

    @property
    def label(self) -> str:
        """The name without the family that it belongs to."""
        return self.name.rpartition(".")[2]


@cache
def fieldmouse_functions() -> Mapping[str, Function]:
    """The functions that *fieldmouse* was trained on, under the names of their tasks."""
    tables = world.functions()
    return {
        name: Function(
            name, tables[short], f"the function {short!r} of the embedded model's world", FIELDMOUSE, shots=5
        )
        for short, name in ((short, f"in_context.{short}") for short in RIVALS)
    }


@cache
def word_pairs() -> Mapping[str, Function]:
    """The functions in the files that come with the plugin, under the names of their tasks."""
    from jackfield_plugins.function_vectors.task_file import read_function

    folder = Path(str(files("jackfield_plugins.function_vectors"))) / "word_pairs"
    found = (read_function(path, f"word_pairs.{path.stem}") for path in sorted(folder.glob("*.json")))
    return {function.name: function for function in found}


def find(name: str) -> Function:
    """The function of a name, or in the file of a path that ends in ``.json``.

    Raises
    ------
    TaskError
        If the file cannot be read or does not hold pairs.
    UnknownNameError
        If there is no function of this name.
    """
    from jackfield_plugins.function_vectors.task_file import read_function

    if name.endswith(".json"):
        path = Path(name).expanduser()
        return read_function(path, path.stem)
    known = {**fieldmouse_functions(), **word_pairs()}
    if name not in known:
        raise UnknownNameError(
            f"there is no function {name!r}; known are {', '.join(known)}, and files whose names end in .json"
        )
    return known[name]


def family(task: str) -> list[Function]:
    """All functions that come with the one that a task is about.

    Raises
    ------
    ConfigError
        If the task is about no function.
    """
    for functions in (fieldmouse_functions(), word_pairs()):
        if task in functions:
            return list(functions.values())
    raise ConfigError(
        f"task {task!r} is about no function from words to words; name two functions or more in 'functions', such as "
        "in_context.capital, word_pairs.plural, or files of your own that end in .json"
    )
