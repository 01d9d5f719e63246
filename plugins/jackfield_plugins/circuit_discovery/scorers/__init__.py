"""Ways to score every edge of a model."""

from __future__ import annotations

__all__: list[str] = []
