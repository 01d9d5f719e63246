"""The core plugin: the tasks, metrics, models, causal models and file formats that jackfield comes with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from jackfield.builtins import models, two_hop
from jackfield.builtins.algorithms import ALGORITHMS
from jackfield.builtins.between import Between
from jackfield.builtins.coloured_objects import ColouredObjects
from jackfield.builtins.equality import Equality, HierarchicalEquality
from jackfield.builtins.greater_than import GreaterThan
from jackfield.builtins.in_context import RIVALS, InContext
from jackfield.builtins.induction import Induction
from jackfield.builtins.ioi import IndirectObject
from jackfield.hookspecs import hookimpl
from jackfield.metrics import BUILT_IN

if TYPE_CHECKING:
    from jackfield.hooked_model import HookedModel
    from jackfield.loading import LoadRequest
    from jackfield.metrics import Metric
    from jackfield.tasks import Task
    from jackfield_circuits import Circuit

__all__ = [
    "list_models",
    "register_causal_models",
    "register_exporters",
    "register_metrics",
    "register_models",
    "register_tasks",
]


@hookimpl
def register_models(request: LoadRequest) -> HookedModel | None:
    """The embedded model, a pulled one, a file, a folder or a Hub name; see ``load``."""
    return models.load(request)


@hookimpl
def list_models() -> Iterable[tuple[str, str]]:
    """The models that have names of their own."""
    return models.DESCRIPTIONS.items()


@hookimpl
def register_tasks() -> Iterable[Task]:
    """Every built-in task."""
    return [
        IndirectObject(), GreaterThan(), Induction(), two_hop.IN_DISTRIBUTION, two_hop.OUT_OF_DISTRIBUTION,
        *map(InContext, RIVALS), Equality(), HierarchicalEquality(), ColouredObjects(), Between(),
    ]  # fmt: skip


@hookimpl
def register_metrics() -> Iterable[Metric]:
    """Every built-in metric."""
    return BUILT_IN


@hookimpl
def register_causal_models() -> Mapping[str, object]:
    """Every built-in causal model."""
    return ALGORITHMS


@hookimpl
def register_exporters() -> Mapping[str, Callable[[Circuit, Path], None]]:
    """Every format of files that circuits are written to."""
    from jackfield_circuits.formats import FORMATS

    return {name: each.write for name, each in FORMATS.items()}
