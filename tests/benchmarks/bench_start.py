"""How long the command line takes to answer, beside an interpreter that imports nothing."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from statistics import median

REPEATS = 5


def _seconds(command: Sequence[str]) -> float:
    """The median time of a command whose files are already in the system's cache."""
    times = []
    for _ in range(REPEATS + 1):
        started = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        times.append(time.perf_counter() - started)
    return median(times[1:])


def run() -> dict[str, float]:
    bare = _seconds([sys.executable, "-c", ""])
    imported = _seconds([sys.executable, "-c", "import jackfield"])
    helped = _seconds([sys.executable, "-c", "from jackfield.cli import main; main()", "--help"])
    return {
        "python_seconds": bare,
        "import_jackfield_seconds": imported,
        "help_seconds": helped,
        "help_to_python": helped / bare,
    }
