"""The folder that a study leaves behind: its layout, and how it is read back."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from jackfield.checkpoint import FolderCheckpoint
from jackfield.errors import ConfigError, ResultError
from jackfield.files import write_atomically, write_text
from jackfield.manifest import AnalysisRecord, Manifest
from jackfield.study_config import StudyConfig

if TYPE_CHECKING:
    from jackfield.registry import Registry
    from jackfield.results import AnalysisResult
    from jackfield_circuits import Circuit

__all__ = ["RunFolder", "file_stems"]


class RunFolder:
    """A run on disk.

    Every file appears whole or not at all. What is computed is written at once, so that an interrupted run can be
    resumed by running the same study into the same folder.

    Parameters
    ----------
    path
        The folder; it need not exist yet. Everything that reads raises ``ResultError`` where there is no run.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)

    def __repr__(self) -> str:
        return f"RunFolder({str(self.path)!r})"

    @property
    def manifest_file(self) -> Path:
        return self.path / "manifest.json"

    @property
    def study_file(self) -> Path:
        return self.path / "study.yaml"

    @property
    def graphml_file(self) -> Path:
        return self.path / "circuit.graphml"

    @property
    def json_file(self) -> Path:
        return self.path / "circuit.json"

    @property
    def report_file(self) -> Path:
        return self.path / "report.html"

    @property
    def page_file(self) -> Path:
        return self.path / "circuit.html"

    @property
    def pictures_folder(self) -> Path:
        return self.path / "pictures"

    def checkpoint(self, label: str, digest: str) -> FolderCheckpoint:
        """Where the sweeps of an analysis keep what they have computed, until its result is written."""
        return FolderCheckpoint(self._checkpoint_folder(label), digest)

    def _checkpoint_folder(self, label: str) -> Path:
        return self.path / "results" / f"{label}.partial"

    def result_file(self, label: str) -> Path:
        return self.path / "results" / f"{label}.nc"

    @property
    def manifest(self) -> Manifest:
        """What was asked and how far the run came, read anew.

        Raises
        ------
        ResultError
            If the folder holds no run, or its manifest cannot be read.
        """
        try:
            return Manifest.from_json(self.manifest_file.read_text(encoding="utf-8"))
        except OSError as error:
            raise ResultError(
                f"{self.path} is not a run: it holds no {self.manifest_file.name} that can be read ({error.strerror}); "
                "give a folder that `jackfield run` wrote"
            ) from error
        except (ResultError, UnicodeDecodeError) as error:
            raise ResultError(f"{self.manifest_file} cannot be read: {error}") from error

    def results(self, registry: Registry | None = None) -> dict[str, AnalysisResult]:
        """The results of all analyses that came to their end, by label.

        Parameters
        ----------
        registry
            The plugins that know how to read them; all installed ones if omitted.

        Raises
        ------
        ResultError
            If a file is missing, damaged, or not the one that the run wrote.
        UnknownNameError
            If no plugin offers an analysis any more.
        """
        from jackfield.registry import Registry

        registry = registry or Registry.discover()
        done = [record for record in self.manifest.analyses if record.status == "complete"]
        return {record.label: self.load_result(record, registry.analysis(record.analysis).Result) for record in done}

    def load_result(self, record: AnalysisRecord, kind: type[AnalysisResult]) -> AnalysisResult:
        """The result of one analysis, if its file is the one that the run wrote.

        Raises
        ------
        ResultError
            If it is missing, changed or damaged.
        """
        path = self.result_file(record.label)
        if not path.is_file():
            raise ResultError(f"{path} is missing")
        if (found := _digest(path)) != record.sha256:
            raise ResultError(f"{path} is not the file that the run wrote: its sha256 is {found}, not {record.sha256}")
        result = kind.load(path)
        if result.provenance.digest != record.digest:
            raise ResultError(f"{path} is the result of another run, {result.provenance.digest}, not {record.digest}")
        return result

    def circuit(self) -> Circuit:
        """The circuit that the run ended with.

        Raises
        ------
        ResultError
            If the run has not come to its end.
        CircuitFileError
            If the file is damaged.
        """
        from jackfield_circuits import read_graphml

        if self.manifest.circuit is None:
            raise ResultError(
                f"{self.path} has no circuit yet: its run is unfinished; run the study again to resume it"
            )
        return read_graphml(self.graphml_file)

    def earlier_run(self, config: StudyConfig) -> Manifest | None:
        """The run of the same study that this folder already holds, whole or in part; ``None`` if it is empty.

        Raises
        ------
        ConfigError
            If it holds something else than a run, or a run of another study.
        ResultError
            If its manifest cannot be read.
        """
        if not self.manifest_file.exists():
            self.require_ownable()
            return None
        manifest = self.manifest
        if others := StudyConfig.parse(manifest.study, str(self.manifest_file)).differences(config):
            raise ConfigError(
                f"{self.path} holds a run of another study: it has another {' and another '.join(others)}; "
                "choose another folder (--out), or give that run up (--fresh)"
            )
        return manifest

    def require_ownable(self) -> None:
        """Raise ``ConfigError`` where writing a run would mix it with files that are not a run's."""
        if self.path.exists() and not self.path.is_dir():
            raise ConfigError(f"{self.path} is a file; a run needs a folder")
        if self.path.is_dir() and not self.manifest_file.exists():
            others = [entry.name for entry in self.path.iterdir() if not entry.name.startswith(".")]
            if others:
                raise ConfigError(
                    f"{self.path} is no run and holds other files, such as {min(others)}; choose another folder (--out)"
                )

    def clear(self) -> None:
        """Delete what a run writes here, and nothing else."""
        told = (self.report_file, self.page_file, self.json_file, self.graphml_file)
        single = (*told, self.study_file, self.manifest_file)
        for file in (*self.path.glob("results/*.nc"), *self.pictures_folder.glob("*.png"), *single):
            file.unlink(missing_ok=True)
        self._clear_checkpoints(*self.path.glob("results/*.partial"))

    def _clear_checkpoints(self, *folders: Path) -> None:
        for folder in folders:
            for file in folder.glob("sweep-*.safetensors"):
                file.unlink()
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()

    def write_manifest(self, manifest: Manifest) -> None:
        write_text(self.manifest_file, manifest.to_json())

    def write_result(self, label: str, result: AnalysisResult) -> str:
        """Write a result and return the SHA-256 of its file."""
        path = self.result_file(label)
        result.save(path)
        self._clear_checkpoints(self._checkpoint_folder(label))
        return _digest(path)

    def write_page(self, manifest: Manifest, circuit: Circuit, alpha: float = 0.05) -> None:
        """Write the page to look at the circuit, in which every run leads to its chapter of the report."""
        from jackfield_circuits import write_page

        report = self.report_file.name
        links = {record.digest: f"{report}#{record.label}" for record in manifest.analyses}
        write_page(circuit, self.page_file, manifest.title, alpha, links, report)

    def write_pictures(self, pictures: Mapping[str, bytes]) -> None:
        """Write PNG files by stem, and delete those of an earlier run."""
        for stem, content in pictures.items():
            write_atomically(self.pictures_folder / f"{stem}.png", partial(_write_bytes, content))
        for file in self.pictures_folder.glob("*.png"):
            if file.stem not in pictures:
                file.unlink()


def file_stems(names: Iterable[str]) -> list[str]:
    """Different file names, without suffix, for some names; a name that recurs is numbered.

    Examples
    --------
    >>> file_stems(["patching", "patching", "a/b c"])
    ['patching', 'patching-2', 'a_b_c']
    """
    stems: list[str] = []
    for name in names:
        stem = re.sub(r"[^\w.-]+", "_", name, flags=re.ASCII).strip("._-") or "unnamed"
        number, candidate = 1, stem
        while candidate.casefold() in {taken.casefold() for taken in stems}:
            number += 1
            candidate = f"{stem}-{number}"
        stems.append(candidate)
    return stems


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _write_bytes(content: bytes, path: Path) -> None:
    path.write_bytes(content)
