"""Files written whole or not at all: content goes to a temporary sibling, which then takes the name."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from jackfield_circuits.errors import CircuitFileError

__all__ = ["read_text", "write_atomically", "write_text"]


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` fill a temporary file beside ``path``, then rename it to ``path``.

    If ``write`` raises, or the process dies, ``path`` keeps what it held before.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=path.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        write(temporary)
        temporary.chmod(0o644)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8, line ends as they are."""
    write_atomically(path, lambda temporary: temporary.write_bytes(text.encode("utf-8")))


def read_text(path: Path) -> str:
    """Read UTF-8, with or without a byte order mark.

    Raises
    ------
    CircuitFileError
        If the file cannot be opened, or is not UTF-8.
    """
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise CircuitFileError(f"the file cannot be opened: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise CircuitFileError(
            f"the file is not UTF-8 text: byte {error.start} is {error.object[error.start]:#04x}"
        ) from error
