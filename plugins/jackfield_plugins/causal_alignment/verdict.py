"""What may be said of an alignment, and why no more."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from jackfield_plugins.causal_alignment.attempts import Subject
from jackfield_plugins.causal_alignment.config import MapChoice
from jackfield_plugins.causal_alignment.lessons import Split

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["ENOUGH", "beyond_doing_nothing", "objections", "told"]

ENOUGH = 0.9
"""The least share of interchanges, and of those that should leave the answer alone, at which a variable is realised."""

_REQUIRED = (Subject.WEIGHTS, Subject.PERMUTED, Subject.SUBSPACE, Subject.NOTHING)
"""The controls without which no variable is called realised."""

_ALPHA = 0.05


def objections(data: xr.Dataset, variable: str, choice: MapChoice) -> list[str]:
    """Why a variable may not be called realised; empty if it may.

    Parameters
    ----------
    data
        What was measured.
    variable
        Which variable.
    choice
        The map that is reported.
    """
    return [*_objections(data.sel(variable=variable), choice)]


def beyond_doing_nothing(data: xr.Dataset, variable: str) -> list[str]:
    """Maps that move a variable of a network with random weights; the alignments that they find are vacuous."""
    q_values = data["vacuous_q_value"].sel(variable=variable)
    return [str(name) for name in data["map"].values[(q_values <= _ALPHA).any("split").values]]


def told(data: xr.Dataset, name: str) -> str:
    """A share with its interval, as text."""
    value, low, high = (float(data[f"{name}{end}"]) for end in ("", "_low", "_high"))
    return f"{value:.0%} [{low:.0%}, {high:.0%}]"


def _objections(data: xr.Dataset, choice: MapChoice) -> Iterator[str]:
    if not choice.kind.is_linear:
        yield f"{choice} is not linear, and such maps align networks that compute nothing of the kind"
    kinds = data["kind"].values.tolist()
    for kind in _REQUIRED:
        if str(kind) not in kinds:
            why = data.attrs["no_copies"] if kind is Subject.WEIGHTS else "none was asked for"
            yield f"the control with {kind} is missing ({why})"
    found = data.sel(subject=str(Subject.TRAINED))
    values = found.sel(split=str(Split.VALUES))
    for name, kind in zip(data["subject"].values.tolist(), kinds, strict=True):
        control = data.sel(subject=name, split=str(Split.VALUES))
        if Subject(kind).is_control and not float(values["iia_low"]) > float(control["iia_high"]):
            yield f"it is not clear of {name}, {told(control, 'iia')}"
    if float(data["q_value"]) > _ALPHA:
        yield f"it is not significant (q = {float(data['q_value']):.2g})"
    if float(values["iia"]) < ENOUGH:
        yield f"less than {ENOUGH:.0%} of the interchanges on held-out values succeed"
    isolated = found.sel(split=str(Split.ISOLATION))
    if float(isolated["iia"]) < ENOUGH:
        yield f"it moves more than the variable: of answers that should stay, {told(isolated, 'iia')} do"
