"""Activation patching, path patching and edge patching: a jackfield plugin."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from jackfield.hookspecs import hookimpl

if TYPE_CHECKING:
    from jackfield.analysis import Analysis

__all__ = ["register_analyses"]


@hookimpl
def register_analyses() -> Iterable[type[Analysis[Any]]]:
    from jackfield_plugins.activation_patching.analysis import ActivationPatching
    from jackfield_plugins.activation_patching.attribution.analysis import AttributionPatching
    from jackfield_plugins.activation_patching.paths.edge_patching import EdgePatching
    from jackfield_plugins.activation_patching.paths.path_patching import PathPatching

    return [ActivationPatching, AttributionPatching, PathPatching, EdgePatching]
