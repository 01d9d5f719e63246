"""A page to look at a circuit: drawn by layer, filtered by its evidence, without a network."""

from __future__ import annotations

from jackfield_circuits.page.document import render_page, write_page

__all__ = ["render_page", "write_page"]
