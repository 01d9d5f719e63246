"""What a stretch of code does beside computing: prints, writes, connects, and draws from global generators."""

from __future__ import annotations

import io
import os
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from typing import Any

__all__ = ["SideEffects", "watched"]

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_TRUNC
_CHANGES = {
    "os.mkdir": "made the folder", "os.remove": "removed", "os.rename": "renamed", "os.rmdir": "removed the folder",
    "os.truncate": "cut short", "shutil.rmtree": "removed the folder", "subprocess.Popen": "started",
    "os.system": "started", "socket.connect": "connected to", "socket.getaddrinfo": "asked for the address of",
}  # fmt: skip
_OF_PYTHON = ("__pycache__", os.devnull)

_watchers: list[SideEffects] = []
_state = {"hooked": False}


@dataclass
class SideEffects:
    """What was seen.

    Parameters
    ----------
    printed
        Text on standard output and standard error.
    acts
        Files written, folders made, programs started and connections opened, in words.
    generators
        Global generators of random numbers that were drawn from or seeded; that of ``random`` is left out where
        shapes are checked at run time.
    """

    printed: str = ""
    acts: list[str] = field(default_factory=list)
    generators: list[str] = field(default_factory=list)


@contextmanager
def watched() -> Iterator[SideEffects]:
    """Watch the ``with`` block; what was seen is complete when it ends, also by an exception.

    Global generators are moved on first, so that seeding them again is seen too, and in the end are as they were.
    """
    import numpy as np
    import torch

    _hook_once()
    seen, text = SideEffects(), io.StringIO()
    kept = random.getstate(), np.random.get_state(legacy=False), torch.get_rng_state()
    for draw in (random.random, np.random.random, lambda: torch.rand(1)):
        draw()
    before = _generators()
    _watchers.append(seen)
    try:
        with redirect_stdout(text), redirect_stderr(text):
            yield seen
    finally:
        _watchers.remove(seen)
        seen.printed = text.getvalue()
        seen.generators = [name for name, state in _generators().items() if state != before[name]]
        random.setstate(kept[0])
        np.random.set_state(kept[1])
        torch.set_rng_state(kept[2])


def _generators() -> dict[str, Any]:
    import numpy as np
    import torch

    watched_here = {} if _shapes_are_checked() else {"random": random.getstate()}
    return watched_here | {
        "numpy.random": repr(np.random.get_state(legacy=False)["state"]),
        "torch": torch.get_rng_state().numpy().tobytes(),
    }


def _shapes_are_checked() -> bool:
    """Whether jaxtyping checks shapes at run time: its checkers draw from ``random`` themselves."""
    return any(type(finder).__module__.startswith("jaxtyping") for finder in sys.meta_path)


def _hook_once() -> None:
    """Audit hooks cannot be taken away again; this one sleeps while nobody watches."""
    if not _state["hooked"]:
        sys.addaudithook(_heard)
        _state["hooked"] = True


def _heard(event: str, arguments: tuple[Any, ...]) -> None:
    if not _watchers:
        return
    act = None
    if event == "open":
        path, mode, flags = arguments
        writes = any(letter in mode for letter in "wax+") if isinstance(mode, str) else bool((flags or 0) & _WRITING)
        act = "wrote to" if writes and isinstance(path, str | bytes | os.PathLike) else None
    elif event in _CHANGES:
        act = _CHANGES[event]
    if act is not None:
        target = str(arguments[1] if event == "socket.connect" else arguments[0])
        if not any(part in target for part in _OF_PYTHON):
            _watchers[-1].acts.append(f"{act} {target}")
