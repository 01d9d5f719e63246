"""The performance page of the documentation, made from what the benchmarks measured last."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

__all__ = ["performance_page"]

_HEAD = """# Performance

Made by `make bench` from what was measured last; every figure is of one machine, so read the ratios. A ratio compares
with another package or a plain loop on the same weights and prompts, one after the other on the same machine. No test is
timed.
"""


def performance_page(measured: Path, benchmarks: Path) -> str:
    """Markdown with a table for each benchmark that has been run.

    Parameters
    ----------
    measured
        The folder of the benchmarks' JSON files.
    benchmarks
        The folder of the benchmarks, whose docstrings say what they compare.
    """
    parts = [_HEAD]
    for path in sorted(measured.glob("*.json")):
        source = benchmarks / f"bench_{path.stem}.py"
        if source.exists():
            parts.append(_section(json.loads(path.read_text(encoding="utf-8")), source))
    return "\n".join(parts)


def _section(found: dict[str, Any], source: Path) -> str:
    text = ast.get_docstring(ast.parse(source.read_text(encoding="utf-8"))) or ""
    where = found["environment"]
    rows = [f"| {name.replace('_', ' ')} | {_spelled(value)} |" for name, value in found["measured"].items()]
    return "\n".join(
        [
            f"## {found['benchmark'].replace('_', ' ').capitalize()}\n",
            f"{text}\n",
            f"`python -m tests.benchmarks {found['benchmark']}`, {found['at'][:10]}, {where['machine']}, "
            f"{where['cores']} cores, Python {where['python']}, torch {where['torch']}.\n",
            "| measure | value |",
            "|---|---|",
            *rows,
            "",
        ]
    )


def _spelled(value: float | int | str) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value).replace("|", "\\|")
