"""The door: whether an object keeps the plugin protocol, and which hooks it implements."""

from __future__ import annotations

import inspect
from difflib import get_close_matches

from pluggy import HookImpl, PluginManager

from jackfield.errors import PluginError
from jackfield.hookspecs import PROJECT

__all__ = ["admit"]

_GIVEN_BY_POSITION = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def admit(manager: PluginManager, name: str, plugin: object) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Register a plugin, or leave the manager as it was.

    Returns
    -------
    hooks, warnings
        Names of the hooks that the plugin implements, sorted, and what its author probably forgot.

    Raises
    ------
    PluginError
        If the plugin is not a module or an instance, is already registered, or implements a hook wrongly.
    pluggy.PluginValidationError
        If an implementation has an argument that its hook does not have.
    """
    _require_candidate(manager, name, plugin)
    manager.register(plugin, name=name)
    try:
        hooks = tuple(sorted(_verified_hooks(manager, plugin)))
    except PluginError:
        manager.unregister(plugin, name=name)
        raise
    return hooks, _suspicions(manager, plugin, hooks)


def _require_candidate(manager: PluginManager, name: str, plugin: object) -> None:
    if not name.strip() or "," in name:
        raise PluginError(f"a plugin's name is not blank and holds no comma, got {name!r}")
    if plugin is None or isinstance(plugin, type):
        found = "None" if plugin is None else f"the class {plugin.__qualname__}"
        raise PluginError(f"a plugin is a module or an instance, got {found}; register an instance of the class")
    for other, registered in manager.list_name_plugin():
        if registered == plugin:
            raise PluginError(f"this object is already registered as the plugin {other!r}")


def _verified_hooks(manager: PluginManager, plugin: object) -> set[str]:
    """Names of the hooks that a registered plugin implements; refuses what pluggy lets through."""
    hooks = set()
    for caller in manager.get_hookcallers(plugin) or ():
        for implementation in caller.get_hookimpls():
            if implementation.plugin is not plugin:
                continue
            if caller.spec is not None:
                _require_plain_function(implementation, caller.name, caller.spec.argnames)
                hooks.add(caller.name)
            elif not implementation.optionalhook:
                advice = _advice(caller.name, _hook_names(manager))
                raise PluginError(f"implements the hook {caller.name}, which does not exist; {advice}")
    return hooks


def _require_plain_function(implementation: HookImpl, hook: str, arguments: tuple[str, ...]) -> None:
    if implementation.wrapper or implementation.hookwrapper:
        raise PluginError(f"implements {hook} as a wrapper; plugins are called one at a time and wrap nothing")
    if inspect.iscoroutinefunction(implementation.function):
        raise PluginError(f"implements {hook} as an async function; hooks are called without an event loop")
    for parameter in inspect.signature(implementation.function).parameters.values():
        needed = parameter.default is parameter.empty or parameter.name in arguments
        if needed and parameter.kind not in _GIVEN_BY_POSITION:
            given = f"it is given, by position: {', '.join(arguments) or 'nothing'}"
            raise PluginError(
                f"implements {hook} with the {parameter.kind.description} parameter {parameter.name}; {given}"
            )


def _suspicions(manager: PluginManager, plugin: object, hooks: tuple[str, ...]) -> tuple[str, ...]:
    forgotten = [name for name in _hook_names(manager) if name not in hooks and _is_unmarked_function(plugin, name)]
    if forgotten:
        return tuple(f"has a function {name} without @hookimpl, so it is never called" for name in forgotten)
    if not hooks:
        return ("implements no hook; mark its functions with @hookimpl",)
    return ()


def _is_unmarked_function(plugin: object, name: str) -> bool:
    """Whether a plugin has a function of this name that is neither marked nor the inherited specification."""
    attribute = inspect.getattr_static(plugin, name, None)
    function = getattr(attribute, "__func__", attribute)
    return callable(function) and not any(hasattr(function, f"{PROJECT}_{mark}") for mark in ("impl", "spec"))


def _hook_names(manager: PluginManager) -> list[str]:
    return sorted(name for name, caller in vars(manager.hook).items() if caller.has_spec())


def _advice(name: str, known: list[str]) -> str:
    close = get_close_matches(name, known, n=1)
    return f"did you mean {close[0]}?" if close else f"the hooks are {', '.join(known)}"
