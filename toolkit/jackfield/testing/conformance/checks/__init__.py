"""Every check of the conformance kit, in the order in which reports give them."""

from __future__ import annotations

from jackfield.testing.conformance.check import Check
from jackfield.testing.conformance.checks import manners, null, numbers, offers, results, settings

__all__ = ["CHECKS"]

CHECKS: tuple[Check, ...] = (
    *offers.CHECKS, *settings.CHECKS, *results.CHECKS, *manners.CHECKS, *numbers.CHECKS, *null.CHECKS,
)  # fmt: skip
