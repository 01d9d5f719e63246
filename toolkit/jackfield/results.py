"""What an analysis returns: labelled numbers, their baselines and controls, and where they come from."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

from jackfield.errors import ResultError
from jackfield.files import write_atomically
from jackfield.provenance import Provenance
from jackfield.statistics import Estimate

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from matplotlib.figure import Figure

    from jackfield_circuits import Circuit

__all__ = ["AnalysisResult"]

_HEADER = "jackfield"


@dataclass(frozen=True, eq=False)
class AnalysisResult(ABC):
    """A frozen result; each analysis has its own subclass.

    Parameters
    ----------
    data
        Labelled arrays; every variable has a ``unit`` attribute, every dimension a coordinate.
    baselines
        The metric on the clean and on the corrupted prompts, and whatever else effects are measured against.
    controls
        Name of each control -> what it is; its numbers are in ``data``.
    provenance
        What the result was made from.

    Raises
    ------
    ResultError
        If a variable, a unit, a coordinate or every control is missing.
    """

    data: xr.Dataset
    baselines: Mapping[str, Estimate]
    controls: Mapping[str, str]
    provenance: Provenance

    variables: ClassVar[tuple[str, ...]]
    """Variables that ``data`` must hold."""

    def __post_init__(self) -> None:
        if missing := sorted(set(self.variables) - set(map(str, self.data.data_vars))):
            raise ResultError(f"a {self.provenance.analysis} result lacks {', '.join(missing)}")
        if not self.controls:
            raise ResultError(f"a {self.provenance.analysis} result comes without a control")
        for name, variable in self.data.data_vars.items():
            if "unit" not in variable.attrs:
                raise ResultError(f"variable {name} of a {self.provenance.analysis} result has no unit")
        if bare := sorted(set(map(str, self.data.dims)) - set(map(str, self.data.coords))):
            raise ResultError(f"dimension {', '.join(bare)} of a {self.provenance.analysis} result has no coordinate")

    @abstractmethod
    def to_frame(self) -> pd.DataFrame:
        """One row per tested place, strongest first."""

    @abstractmethod
    def plot(self) -> Mapping[str, Figure]:
        """Pictures of the result, title -> figure."""

    @abstractmethod
    def summary(self) -> list[str]:
        """What was found, in a few sentences of plain text that name their numbers."""

    @abstractmethod
    def to_circuit(self) -> Circuit:
        """The result as nodes and edges with evidence."""

    def save(self, path: Path) -> None:
        """Write netCDF; the file appears whole or not at all."""
        header = {
            "analysis": self.provenance.analysis,
            "provenance": self.provenance.as_dict(),
            "baselines": {name: asdict(estimate) for name, estimate in self.baselines.items()},
            "controls": dict(self.controls),
        }
        content = self.data.assign_attrs({_HEADER: json.dumps(header, sort_keys=True)})
        write_atomically(path, lambda temporary: content.to_netcdf(temporary, engine="h5netcdf"))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what ``save`` wrote.

        Raises
        ------
        ResultError
            If the file is missing, damaged, or holds another kind of result.
        """
        import xarray as xr

        header = read_header(path)
        try:
            data = xr.load_dataset(path, engine="h5netcdf")
            data.attrs.pop(_HEADER)
            return cls(
                data,
                {name: Estimate(**fields) for name, fields in header["baselines"].items()},  # type: ignore[attr-defined]
                header["controls"],  # type: ignore[arg-type]
                Provenance.from_dict(header["provenance"]),  # type: ignore[arg-type]
            )
        except (AttributeError, KeyError, TypeError, ValueError, OSError) as error:
            raise ResultError(f"{path} does not hold a {cls.__name__}: {error}") from error


def read_header(path: Path) -> dict[str, object]:
    """The analysis, provenance, baselines and controls of a result file.

    Raises
    ------
    ResultError
        If the file is missing or is not a result.
    """
    import xarray as xr

    try:
        with xr.open_dataset(path, engine="h5netcdf") as data:
            header: dict[str, object] = json.loads(data.attrs[_HEADER])
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise ResultError(f"{path} is not a jackfield result: {type(error).__name__}: {error}") from error
    if not isinstance(header, dict):
        raise ResultError(f"{path} is not a jackfield result: its header is a {type(header).__name__}")
    return header
