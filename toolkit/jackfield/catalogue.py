"""What plugins offer by name: asking each for it, checking the answers, and settling who owns a name."""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from inspect import isabstract
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

from pluggy import HookImpl

from jackfield.calls import FAILURES, call
from jackfield.plugin_record import Complaint, describe, format_traceback

__all__ = ["OFFERS", "Catalogue", "Offer"]

T = TypeVar("T")


class Offer(NamedTuple):
    """A kind of thing that plugins offer by name.

    ``items`` takes what the hook returned apart; ``entry`` gives the name and the value of one item. Both raise
    ``TypeError`` for what they cannot accept.
    """

    noun: str
    plural: str
    hook: str
    items: Callable[[Any], list[Any]]
    entry: Callable[[Any], tuple[str, object]]


@dataclass(frozen=True)
class Catalogue:
    """Everything of one kind that plugins offer.

    Parameters
    ----------
    values
        What each name stands for, sorted by name.
    providers
        The plugin that each name comes from.
    complaints
        What was wrong with the answers that are left out.
    """

    values: Mapping[str, Any]
    providers: Mapping[str, str]
    complaints: tuple[Complaint, ...]

    @classmethod
    def collect(cls, offer: Offer, implementations: Iterable[HookImpl]) -> Catalogue:
        """Ask each plugin in turn. The first to claim a name owns it; a failing answer is left out with a complaint."""
        values: dict[str, object] = {}
        providers: dict[str, str] = {}
        complaints: list[Complaint] = []
        for implementation in implementations:
            plugin = implementation.plugin_name
            answer, failures = _answer(offer, implementation)
            complaints.extend(failures)
            for name, value in answer:
                if name in providers:
                    claim = f"{offer.hook}: the {offer.noun} {name!r} is left out"
                    complaints.append(Complaint(plugin, f"{claim}: the plugin {providers[name]!r} provides it already"))
                else:
                    values[name], providers[name] = value, plugin
        return cls(_by_name(values), _by_name(providers), tuple(complaints))


def _answer(offer: Offer, implementation: HookImpl) -> tuple[list[tuple[str, object]], list[Complaint]]:
    """Names and values from one implementation, and what had to be left out."""
    plugin = implementation.plugin_name
    try:
        items = offer.items(call(implementation, {}))
    except FAILURES as failure:
        text = f"failed in {offer.hook}: {describe(failure)}"
        return [], [Complaint(plugin, text, format_traceback(failure))]
    entries, complaints = [], []
    for index, item in enumerate(items):
        try:
            entries.append(offer.entry(item))
        except FAILURES as failure:
            text = f"{offer.hook}: item {index} is left out: {describe(failure)}"
            complaints.append(Complaint(plugin, text, format_traceback(failure)))
    return entries, complaints


def _by_name(entries: Mapping[str, T]) -> Mapping[str, T]:
    return MappingProxyType(dict(sorted(entries.items())))


def _type_name(value: object) -> str:
    return type(value).__qualname__


def _listed(answer: object) -> list[object]:
    if not isinstance(answer, Iterable) or isinstance(answer, str | bytes | Mapping):
        raise TypeError(f"expected an iterable of things with names, got {_type_name(answer)}")
    return list(answer)


def _mapped(answer: object) -> list[tuple[object, object]]:
    if not isinstance(answer, Mapping):
        raise TypeError(f"expected a mapping from names, got {_type_name(answer)}")
    return list(answer.items())


def _text(value: object, role: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise TypeError(f"expected a {role} that is a string and not blank, got {reprlib.repr(value)}")
    return value


def _instance(item: object) -> tuple[str, object]:
    if isinstance(item, type):
        raise TypeError(f"expected an instance, got the class {item.__qualname__}")
    return _text(getattr(item, "name", None), f"name of {_type_name(item)}"), item


def _analysis_class(item: object) -> tuple[str, object]:
    if not isinstance(item, type):
        raise TypeError(f"expected a class, got an instance of {_type_name(item)}")
    if isabstract(item):
        raise TypeError(f"expected a class that can be instantiated, got {item.__qualname__}, which is abstract")
    _text(getattr(item, "version", None), f"version of {item.__qualname__}")
    return _text(getattr(item, "name", None), f"name of {item.__qualname__}"), item


def _description(item: object) -> tuple[str, object]:
    if not isinstance(item, tuple) or len(item) != 2:
        raise TypeError(f"expected a pair of a name and a description, got {reprlib.repr(item)}")
    return _text(item[0], "name"), _text(item[1], "description")


def _pair(item: tuple[object, object]) -> tuple[str, object]:
    return _text(item[0], "name"), item[1]


def _maker(item: tuple[object, object]) -> tuple[str, object]:
    name, value = _pair(item)
    if not callable(value):
        raise TypeError(f"expected something to call under the name {name!r}, got {_type_name(value)}")
    return name, value


OFFERS: Mapping[str, Offer] = MappingProxyType(
    {
        offer.noun: offer
        for offer in (
            Offer("model", "models", "list_models", _listed, _description),
            Offer("task", "tasks", "register_tasks", _listed, _instance),
            Offer("metric", "metrics", "register_metrics", _listed, _instance),
            Offer("analysis", "analyses", "register_analyses", _listed, _analysis_class),
            Offer("intervention", "interventions", "register_interventions", _mapped, _maker),
            Offer("causal model", "causal models", "register_causal_models", _mapped, _pair),
            Offer("exporter", "exporters", "register_exporters", _mapped, _maker),
        )
    }
)
"""Every kind of thing that plugins offer by name."""
