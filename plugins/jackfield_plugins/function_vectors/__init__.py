"""Function vectors: what of a task, inferred from examples, a few heads carry; a jackfield plugin."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from jackfield.hookspecs import hookimpl

if TYPE_CHECKING:
    from jackfield.analysis import Analysis
    from jackfield.tasks import Task

__all__ = ["register_analyses", "register_tasks"]


@hookimpl
def register_analyses() -> Iterable[type[Analysis[Any]]]:
    from jackfield_plugins.function_vectors.analysis import FunctionVectors

    return [FunctionVectors]


@hookimpl
def register_tasks() -> Iterable[Task]:
    """A task for each of the word-pair files that come with the plugin."""
    from jackfield_plugins.function_vectors.functions import word_pairs
    from jackfield_plugins.function_vectors.task import WordPairs

    return [WordPairs(function) for function in word_pairs().values()]
