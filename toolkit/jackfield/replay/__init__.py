"""Replay: many patches of one base run, recomputing only what they change; exact.

``sweep`` does what ``jackfield.sweep.sweep`` does, faster; ``plan`` says beforehand what that takes.
"""

from __future__ import annotations

from jackfield.replay.engine import Answers, Replay, plan
from jackfield.replay.plan import Plan
from jackfield.replay.sweep import sweep

__all__ = ["Answers", "Plan", "Replay", "plan", "sweep"]
