"""What sweeps have computed so far, so that an analysis that is interrupted goes on instead of starting again."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Self, final

from jackfield.files import write_tensors

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["Checkpoint", "FolderCheckpoint", "NoCheckpoint", "PartialSweep"]

_SECONDS = 5.0


@final
class PartialSweep:
    """The values of a sweep as far as they are known; use it as a context manager, so that none is lost.

    Parameters
    ----------
    values
        ``[cell, prompt]``, NaN where nothing is known yet.
    write
        Keeps them; called with all values, not more often than every ``seconds`` seconds, and at the end.
    """

    def __init__(self, values: Floats, write: Callable[[Floats], None], seconds: float = _SECONDS) -> None:
        self.values = values
        self._write, self._seconds = write, seconds
        self._written, self._new = time.monotonic(), False

    @property
    def known(self) -> NDArray[np.bool_]:
        """True where a value is known, ``[cell, prompt]``."""
        import numpy as np

        known: NDArray[np.bool_] = ~np.isnan(self.values)
        return known

    def fill(self, cells: NDArray[np.int64], prompts: NDArray[np.int64], values: Floats) -> None:
        """Add values, ``[row]``, of one cell and prompt each."""
        self.values[cells, prompts] = values
        self._new = True
        if time.monotonic() - self._written >= self._seconds:
            self._keep()

    def _keep(self) -> None:
        if self._new:
            self._write(self.values)
            self._written, self._new = time.monotonic(), False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._keep()


class Checkpoint(ABC):
    """Where the sweeps of one run of an analysis keep what they have computed."""

    @abstractmethod
    def begin(self, description: str, cells: int, prompts: int) -> PartialSweep:
        """What is known already of the sweep that begins.

        Sweeps are told apart by their order, which is the same whenever an analysis runs on the same inputs.

        Parameters
        ----------
        description
            What the sweep is reported as.
        cells, prompts
            How many of each it has.
        """


@final
class NoCheckpoint(Checkpoint):
    """Keeps nothing."""

    def begin(self, description: str, cells: int, prompts: int) -> PartialSweep:  # noqa: ARG002
        return PartialSweep(_unknown(cells, prompts), lambda _: None)


@final
class FolderCheckpoint(Checkpoint):
    """Keeps each sweep in a file of its own, as safetensors.

    What is found there and cannot be read, or was made from something else, is passed over and written anew.

    Parameters
    ----------
    folder
        Where the files are; it need not exist.
    digest
        Stands for everything that the values depend on.
    seconds
        The least time between two writes of a sweep.
    """

    def __init__(self, folder: Path, digest: str, seconds: float = _SECONDS) -> None:
        self._folder, self._digest, self._seconds, self._begun = folder, digest, seconds, 0

    def begin(self, description: str, cells: int, prompts: int) -> PartialSweep:
        path = self._folder / f"sweep-{self._begun}.safetensors"
        self._begun += 1
        label = {"digest": self._digest, "description": description}
        found = _read(path, label)
        if found is None or found.shape != (cells, prompts):
            found = _unknown(cells, prompts)
        return PartialSweep(found, partial(_write, path, label), self._seconds)


def _unknown(cells: int, prompts: int) -> Floats:
    import numpy as np

    return np.full((cells, prompts), np.nan)


def _write(path: Path, label: dict[str, str], values: Floats) -> None:
    import torch

    write_tensors(path, {"values": torch.from_numpy(values)}, label)


def _read(path: Path, label: dict[str, str]) -> Floats | None:
    """The values that a file holds under a label, or ``None``."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            if file.metadata() != label:
                return None
            values: Floats = file.get_tensor("values")
    except (OSError, SafetensorError):
        return None
    return values if values.dtype == "float64" else None
