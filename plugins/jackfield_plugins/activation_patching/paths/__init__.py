"""Path patching and exact edge effects: which node hands what to which."""

from __future__ import annotations

__all__: list[str] = []
