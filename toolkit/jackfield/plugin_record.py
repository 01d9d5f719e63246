"""What is known about one plugin: where it comes from, whether it loaded, and what went wrong."""

from __future__ import annotations

import traceback
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Literal, NamedTuple

__all__ = ["Complaint", "PluginRecord", "describe", "format_traceback"]


class Complaint(NamedTuple):
    """Something that a loaded plugin did wrong, in one line, with the traceback where there was an exception."""

    plugin: str
    text: str
    traceback: str | None = None


@dataclass(frozen=True)
class PluginRecord:
    """The state of one plugin.

    Parameters
    ----------
    name
        Name of the entry point, or the name that the plugin was registered under.
    distribution, version
        The installed distribution that it comes from; ``None`` for a plugin registered by hand.
    module
        Module that holds it.
    status
        ``loaded``; ``broken``, with ``error`` saying why; or ``disabled``: left out by the caller or the environment.
    hooks
        Names of the hooks that it implements, sorted.
    error
        Why it is broken.
    traceback
        Where the exceptions behind ``error`` and ``warnings`` were raised, for those that were.
    warnings
        What is wrong with a plugin that is loaded all the same, a line each.

    Examples
    --------
    >>> PluginRecord("lens", status="loaded", hooks=("register_tasks",)).as_dict()["hooks"]
    ['register_tasks']
    """

    name: str
    distribution: str | None = None
    version: str | None = None
    module: str | None = None
    status: Literal["loaded", "broken", "disabled"] = "loaded"
    hooks: tuple[str, ...] = ()
    error: str | None = None
    traceback: str | None = None
    warnings: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, str | list[str] | None]:
        """The record with lists for tuples, ready for JSON."""
        return asdict(self) | {"hooks": list(self.hooks), "warnings": list(self.warnings)}

    def broken_by(self, failure: BaseException) -> PluginRecord:
        """This plugin, kept from loading by an exception."""
        return replace(self, status="broken", error=describe(failure), traceback=format_traceback(failure))

    def with_complaints(self, complaints: Iterable[Complaint]) -> PluginRecord:
        """This plugin with the complaints about it as warnings; only a loaded plugin is complained about."""
        own = [complaint for complaint in complaints if complaint.plugin == self.name and self.status == "loaded"]
        tracebacks = [complaint.traceback for complaint in own if complaint.traceback is not None]
        texts = (*self.warnings, *(complaint.text for complaint in own))
        return replace(self, warnings=texts, traceback="\n".join(tracebacks) or self.traceback)

    @property
    def origin(self) -> str:
        """Where it comes from, in words."""
        if self.distribution is None:
            return f"module {self.module}"
        return f"distribution {self.distribution} {self.version}"


def describe(failure: BaseException) -> str:
    """The kind of an exception and its message, in one line."""
    return " ".join(f"{type(failure).__name__}: {failure}".split()).removesuffix(":")


def format_traceback(failure: BaseException) -> str:
    return "".join(traceback.format_exception(failure))
