"""jackfield opens a transformer, lets plugins probe it, and weaves what they find into one circuit.

Names are loaded when they are first used, so that ``import jackfield`` is light.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from importlib.metadata import version

    from jackfield.analysis import Analysis, AnalysisConfig
    from jackfield.bench import Bench
    from jackfield.errors import JackfieldError
    from jackfield.hooked_model import HookedModel
    from jackfield.hookspecs import hookimpl
    from jackfield.interventions import Intervention, add, replace, zero
    from jackfield.loading import load_model
    from jackfield.metrics import Metric
    from jackfield.pairs import PairBatch, PromptPair
    from jackfield.registry import Registry
    from jackfield.results import AnalysisResult
    from jackfield.run_folder import RunFolder
    from jackfield.sites import Kind, Site
    from jackfield.statistics import Estimate
    from jackfield.study import Study
    from jackfield.study_config import StudyConfig
    from jackfield.tasks import Task
    from jackfield.token_batch import TokenBatch
    from jackfield_circuits import Circuit, Evidence

    __version__ = version("jackfield")

__all__ = [
    "Analysis",
    "AnalysisConfig",
    "AnalysisResult",
    "Bench",
    "Circuit",
    "Estimate",
    "Evidence",
    "HookedModel",
    "Intervention",
    "JackfieldError",
    "Kind",
    "Metric",
    "PairBatch",
    "PromptPair",
    "Registry",
    "RunFolder",
    "Site",
    "Study",
    "StudyConfig",
    "Task",
    "TokenBatch",
    "__version__",
    "add",
    "hookimpl",
    "load_model",
    "replace",
    "zero",
]

_HOMES = {
    "jackfield.analysis": ("Analysis", "AnalysisConfig"),
    "jackfield.bench": ("Bench",),
    "jackfield.errors": ("JackfieldError",),
    "jackfield.hooked_model": ("HookedModel",),
    "jackfield.hookspecs": ("hookimpl",),
    "jackfield.interventions": ("Intervention", "add", "replace", "zero"),
    "jackfield.loading": ("load_model",),
    "jackfield.metrics": ("Metric",),
    "jackfield.pairs": ("PairBatch", "PromptPair"),
    "jackfield.registry": ("Registry",),
    "jackfield.results": ("AnalysisResult",),
    "jackfield.run_folder": ("RunFolder",),
    "jackfield.sites": ("Kind", "Site"),
    "jackfield.statistics": ("Estimate",),
    "jackfield.study": ("Study",),
    "jackfield.study_config": ("StudyConfig",),
    "jackfield.tasks": ("Task",),
    "jackfield.token_batch": ("TokenBatch",),
    "jackfield_circuits": ("Circuit", "Evidence"),
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("jackfield")
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(module), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
