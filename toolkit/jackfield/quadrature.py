"""Where on a way slopes are taken, to integrate them."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Rule"]


class Rule(StrEnum):
    """At which points of the way slopes are taken; of ``n`` equal pieces, at each one's ..."""

    LEFT = "left"
    MIDPOINT = "midpoint"
    RIGHT = "right"

    def points(self, steps: int) -> tuple[float, ...]:
        """The points between 0 and 1.

        Examples
        --------
        >>> Rule.LEFT.points(4), Rule.MIDPOINT.points(2), Rule.RIGHT.points(2)
        ((0.0, 0.25, 0.5, 0.75), (0.25, 0.75), (0.5, 1.0))
        """
        offset = {"left": 0.0, "midpoint": 0.5, "right": 1.0}[self.value]
        return tuple((step + offset) / steps for step in range(steps))
