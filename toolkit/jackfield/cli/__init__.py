"""The command line: ``jackfield``."""

from __future__ import annotations

from jackfield.cli.app import app, main

__all__ = ["app", "main"]
