"""Whether settings that make no sense are refused as they should be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jackfield.analysis import AnalysisConfig
from jackfield.errors import ConfigError, JackfieldError
from jackfield.plugin_record import describe
from jackfield.testing.conformance.check import BrokenPromise, Check
from jackfield.testing.conformance.rehearsal import rehearse

if TYPE_CHECKING:
    from jackfield.testing.conformance.subject import Subject

__all__ = ["CHECKS"]

_NONSENSE = "no such thing"
_ABSURD: tuple[Any, ...] = ((_NONSENSE,), (9999,), {_NONSENSE: _NONSENSE})


def _settings(subject: Subject) -> str:
    kind = subject.analysis.Config
    if not (isinstance(kind, type) and issubclass(kind, AnalysisConfig)):
        raise BrokenPromise("Config is no subclass of jackfield.AnalysisConfig")
    if not kind.model_config.get("frozen"):
        raise BrokenPromise("Config can be changed once it is made: it is not frozen")
    if _parsed(kind, {"no_such_field": 1}) is not None:
        raise BrokenPromise("a field that Config does not have is accepted")
    accepted = 0
    for name in kind.model_fields:
        for value in _ABSURD:
            config = _parsed(kind, {**subject.stage.trial.settings, name: value})
            if config is None:
                continue
            accepted += 1
            failure = rehearse(subject.analysis, subject.stage.bench, config).raised
            if failure is not None and not isinstance(failure, JackfieldError):
                raise BrokenPromise(f"{name}={value!r} ends in {describe(failure)}")
    return f"{len(kind.model_fields)} fields given {len(_ABSURD)} absurd values each: {accepted} were left to the run"


def _parsed(kind: type[AnalysisConfig], fields: dict[str, Any]) -> AnalysisConfig | None:
    """The settings, or ``None`` where they are refused; ``BrokenPromise`` where they are refused by another error."""
    try:
        return kind.parse(fields)
    except ConfigError:
        return None
    except Exception as error:
        raise BrokenPromise(f"Config.parse raises {describe(error)}, which is no ConfigError") from error


CHECKS = (
    Check(
        "settings",
        "Settings that do not exist or make no sense are refused with a JackfieldError.",
        "Derive Config from AnalysisConfig and give every field a type and bounds; where only the run can tell, raise "
        "ConfigError with what was asked and what there is.",
        _settings,
    ),
)
