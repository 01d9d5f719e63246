"""Every error that jackfield raises on purpose, in one tree.

A message says what was asked, what was found, and what to do. Each class has a page under ``docs/errors/``.
"""

from __future__ import annotations

from jackfield_circuits.errors import CircuitError, CircuitFileError, JackfieldError

__all__ = [
    "AlignmentError",
    "CausalModelError",
    "CircuitError",
    "CircuitFileError",
    "ConfigError",
    "InterventionError",
    "JackfieldError",
    "ModelLoadError",
    "PluginError",
    "PluginWarning",
    "ResultError",
    "SelfCheckError",
    "SiteError",
    "TaskError",
    "UndefinedMetricError",
    "UnknownNameError",
]


class SiteError(JackfieldError):
    """A site's text cannot be parsed, or the model has no such site."""


class InterventionError(JackfieldError):
    """An intervention did not fire, could not fire, or returned a value of the wrong shape."""


class ModelLoadError(JackfieldError):
    """A model cannot be found, read or trusted."""


class SelfCheckError(ModelLoadError):
    """A loaded model breaks one of the promises that every analysis relies on."""


class TaskError(JackfieldError):
    """A task cannot make the prompts that were asked of it."""


class AlignmentError(TaskError):
    """Prompts that must correspond token by token do not."""


class CausalModelError(JackfieldError):
    """A causal model is not an acyclic set of total mechanisms, or cannot answer what it is asked."""


class UndefinedMetricError(JackfieldError):
    """A metric has no value here, such as a share of a difference that is zero."""


class ConfigError(JackfieldError):
    """A study or an analysis was configured with a field or a value that it does not have."""


class UnknownNameError(JackfieldError):
    """No plugin offers a model, task, metric or analysis of this name."""


class PluginError(JackfieldError):
    """A plugin could not be loaded or broke the protocol."""


class ResultError(JackfieldError):
    """A result or a run folder cannot be read, or does not hold what was asked for."""


class PluginWarning(UserWarning):
    """A plugin that was loaded, or refused, is probably not what its author meant it to be."""
