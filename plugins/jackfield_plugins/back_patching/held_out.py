"""The honest figure: for each route and content the best patch, chosen on one half and reported on the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jackfield.bench import Bench
from jackfield.comparison import LEVEL
from jackfield.progress import track
from jackfield.statistics import success_interval
from jackfield_plugins.back_patching.cases import Cases
from jackfield_plugins.back_patching.config import BackPatchingConfig
from jackfield_plugins.back_patching.routes import Cell, Route
from jackfield_plugins.back_patching.spoken import continuations, mention, sayings
from jackfield_plugins.back_patching.states import Content, States, contents
from jackfield_plugins.back_patching.sweeps import ranks

__all__ = ["UNIT", "held_out", "rates"]

Floats = NDArray[np.float64]
Variables = dict[str, Any]

_AXES = ("route", "content")
UNIT = "share of cases"


def rates(axes: str | tuple[str, ...], name: str, successes: Floats) -> Variables:
    """The share of cases that succeed, ``[..., case]``, with its exact interval; no case has neither."""
    if successes.shape[-1]:
        interval = success_interval(successes, LEVEL)
        ends = {"": successes.mean(-1), "_low": interval.low, "_high": interval.high}
    else:
        ends = dict.fromkeys(("", "_low", "_high"), np.full(successes.shape[:-1], np.nan))
    return {f"{name}{end}": (axes, values, {"unit": UNIT}) for end, values in ends.items()}


def held_out(
    bench: Bench,
    config: BackPatchingConfig,
    cases: Cases,
    found: Sequence[Cell],
    written: Mapping[Content, States],
    ranked: Mapping[Content, Floats],
) -> xr.Dataset:
    """What the best patch of each route and content does to cases that it was not chosen on.

    Controls choose too, so that they have the same luck.

    Parameters
    ----------
    bench, config, cases
        Where to look.
    found, written
        The patches, and what they write to the wrong cases.
    ranked
        The rank of the best answer under each patch, ``[patch, case]``.

    Returns
    -------
    dataset
        Along ``route`` and ``content``: the patch that was chosen (``best``), the share of held-out cases that it
        repairs by the next token (``held_out``) and within some greedy tokens (``spoken``), the share in which those
        tokens name another case's answer (``false_match``), the share of right cases that stay right (``preserved``),
        and the share of all wrong cases that some patch or other repairs (``oracle``).
    """
    chosen_on, reported_on = cases.wrong.half_rows(bench.draw("halves"))
    routes = list(dict.fromkeys(cell.route for cell in found))
    best = {
        (route, content): _best(found, route, ranked[content][:, chosen_on]) for route in routes for content in Content
    }
    one = {(route, content): (ranked[content][index] == 0).astype(float) for (route, content), index in best.items()}
    oracle = {
        (route, content): (ranked[content][[cell.route is route for cell in found]] == 0).any(0).astype(float)
        for route, content in best
    }
    spoken, false = _spoken(bench, config, cases, reported_on, {
        place: (found[index], written[place[1]], ranked[place[1]][index]) for place, index in best.items()
    })  # fmt: skip
    kept = _preserved(bench, cases, {place: found[index] for place, index in best.items()})
    parts: Variables = {}
    for name, values, rows in (
        ("held_out", one, reported_on),
        ("oracle", oracle, [*range(len(cases.wrong))]),
        ("spoken", spoken, [*range(len(reported_on))]),
        ("false_match", false, [*range(len(reported_on))]),
        ("preserved", kept, [*range(len(cases.right))]),
    ):
        table = np.stack([np.stack([values[route, content][rows] for content in Content]) for route in routes])
        parts |= rates(_AXES, name, table)
    labels = [[found[best[route, content]].label for content in Content] for route in routes]
    half = np.zeros(len(cases.wrong), dtype=bool)
    half[reported_on] = True
    return xr.Dataset(
        parts,
        {
            "route": [str(route) for route in routes],
            "content": [str(content) for content in Content],
            "best": (_AXES, labels),
            "reported": ("case", half),
        },
    )


def _best(found: Sequence[Cell], route: Route, ranked: Floats) -> int:
    """The patch of a route that repairs most; the first of those that tie."""
    members = [index for index, cell in enumerate(found) if cell.route is route]
    return members[int((ranked[members] == 0).mean(-1).argmax())]


def _spoken(
    bench: Bench,
    config: BackPatchingConfig,
    cases: Cases,
    rows: Sequence[int],
    chosen: Mapping[tuple[Route, Content], tuple[Cell, States, Floats]],
) -> tuple[dict[tuple[Route, Content], Floats], dict[tuple[Route, Content], Floats]]:
    """Whether continuations of some cases name the answer, and whether they name another case's."""
    others = cases.wrong.unrelated_rows(bench.draw("foreign answers"))
    right = sayings(cases.wrong)
    foreign = [tuple({*right[other]} - {*right[row]}) for row, other in enumerate(others)]
    spoken, false = {}, {}
    for place in track([*chosen], "continuations", bench.progress):
        cell, written, ranked = chosen[place]
        likely = [row for row in rows if ranked[row] < config.prefilter]
        text = continuations(bench.model, cases.wrong, likely, config.tokens, cell, written)
        spoken[place], false[place] = (mention(text, answers)[[*rows]] for answers in (right, foreign))
    return spoken, false


def _preserved(
    bench: Bench, cases: Cases, chosen: Mapping[tuple[Route, Content], Cell]
) -> dict[tuple[Route, Content], Floats]:
    """Whether right cases stay right under the patches that were chosen."""
    if not len(cases.right):
        return {place: np.zeros(0) for place in chosen}
    distinct = list(dict.fromkeys(chosen.values()))
    ranked = ranks(bench, cases.right, distinct, contents(bench, cases.right, distinct), "right cases")
    return {
        (route, content): (ranked[content][distinct.index(cell)] == 0).astype(float)
        for (route, content), cell in chosen.items()
    }
