"""Text from models, files and plugins, made harmless to show."""

from __future__ import annotations

from jackfield_circuits.visible import visible

__all__ = ["visible"]
