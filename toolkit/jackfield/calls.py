"""Calls to hooks: one plugin at a time, in the order of their names, each failure laid at one plugin's door."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeVar

from pluggy import HookImpl, PluginManager

from jackfield.errors import PluginError
from jackfield.plugin_record import Complaint, describe, format_traceback

__all__ = ["FAILURES", "HookCalls", "call", "call_for"]

FAILURES = (Exception, SystemExit)
"""What a plugin may raise without taking others down; an interrupt from the keyboard is not among them."""

T = TypeVar("T")


def call(implementation: HookImpl, arguments: Mapping[str, object]) -> object:
    """Call one implementation with those of the hook's arguments that it takes."""
    optional = {name: arguments[name] for name in implementation.kwargnames if name in arguments}
    return implementation.function(*(arguments[name] for name in implementation.argnames), **optional)


def call_for(wanted: type[T], implementation: HookImpl, arguments: Mapping[str, object]) -> T | None:
    """Call one implementation for something of a certain class, or ``None``; ``TypeError`` for anything else."""
    answer = call(implementation, arguments)
    if answer is None or isinstance(answer, wanted):
        return answer
    expected = "None" if wanted is type(None) else f"{wanted.__qualname__} or None"
    raise TypeError(f"expected {expected} to be returned, got {type(answer).__qualname__}")


class HookCalls:
    """The hooks of a plugin manager, and the complaints that arose from calling them.

    A failure of a plugin, or an answer of the wrong class, is a ``PluginError`` that names the plugin and the hook.
    """

    def __init__(self, manager: PluginManager) -> None:
        self._manager = manager
        self.complaints: list[Complaint] = []

    def implementations(self, hook: str) -> list[HookImpl]:
        """The plugins' implementations of a hook, by plugin name."""
        found: list[HookImpl] = getattr(self._manager.hook, hook).get_hookimpls()
        return sorted(found, key=lambda implementation: implementation.plugin_name)

    def tell(self, hook: str, **arguments: object) -> None:
        """Call every implementation, in turn; none may answer."""
        for implementation in self.implementations(hook):
            self.answer(type(None), implementation, hook, arguments)

    def answers(self, wanted: type[T], hook: str, **arguments: object) -> Iterator[T]:
        """Yield the answers that are not ``None``; an implementation is called when its answer is asked for."""
        for implementation in self.implementations(hook):
            answer = self.answer(wanted, implementation, hook, arguments)
            if answer is not None:
                yield answer

    def answer(self, wanted: type[T], implementation: HookImpl, hook: str, arguments: Mapping[str, object]) -> T | None:
        """The answer of one implementation."""
        try:
            return call_for(wanted, implementation, arguments)
        except FAILURES as failure:
            raise self.blame(implementation, hook, failure) from failure

    def blame(self, implementation: HookImpl, hook: str, failure: BaseException) -> PluginError:
        """Keep a complaint about a failure, and make the error that names the plugin and the hook."""
        text = f"failed in {hook}: {describe(failure)}"
        complaint = Complaint(implementation.plugin_name, text, format_traceback(failure))
        if complaint not in self.complaints:
            self.complaints.append(complaint)
        return PluginError(f"plugin {complaint.plugin!r} {text}; run `jackfield plugins` for its version and traceback")
