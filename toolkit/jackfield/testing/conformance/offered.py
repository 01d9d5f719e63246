"""What is examined of a plugin as a whole: its record, and what it offers beside analyses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jackfield.plugin_record import PluginRecord
    from jackfield.registry import Registry

__all__ = ["Offered"]


class Offered:
    """A plugin in its registry.

    Parameters
    ----------
    registry
        Where the plugin is.
    record
        What the registry says of it.
    """

    def __init__(self, registry: Registry, record: PluginRecord) -> None:
        self.registry, self.record = registry, record
        self.name = record.name

    def all(self, noun: str, known: Mapping[str, Any]) -> dict[str, Any]:
        """Those of some things of a kind that this plugin provides."""
        return {name: value for name, value in known.items() if self.registry.provider(noun, name) == self.name}
