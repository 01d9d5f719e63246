"""What was measured of each function, and all of it as one labelled data set with its intervals and tests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jackfield.bench import Bench
from jackfield.comparison import LEVEL, compared
from jackfield.sites import Site
from jackfield.statistics import bootstrap_mean, false_discovery_rate, paired_p_values
from jackfield_plugins.function_vectors.config import FunctionVectorsConfig
from jackfield_plugins.function_vectors.effects import every_head
from jackfield_plugins.function_vectors.kinds import KINDS, NONE, NULLS, RIVALS, VECTOR
from jackfield_plugins.function_vectors.natural import NATURAL
from jackfield_plugins.function_vectors.places import Choice
from jackfield_plugins.function_vectors.subject import Subject
from jackfield_plugins.function_vectors.transfer import Transfer

__all__ = ["Report", "dataset"]

Floats = NDArray[np.float64]
Variables = dict[str, Any]

_SHARE = {"unit": "share of inputs"}
_PROBABILITY = {"unit": "probability"}


@dataclass(frozen=True, eq=False)
class Report:
    """What was measured of one function, on held-out inputs but for the choice.

    Parameters
    ----------
    subject
        What was extracted.
    choice
        Where the vector is added.
    answered
        Context -> kind of vector -> share of its vectors with which each input is answered, ``[input]``.
    carried
        What each of the vector's heads adds alone, and its control, ``[head, input]``.
    transfer
        Whether inputs are answered with the vector at other layers, and with other functions' heads and vectors.
    decoded
        The likeliest tokens of the vector with their probabilities.
    """

    subject: Subject
    choice: Choice
    answered: Mapping[str, Mapping[str, Floats]]
    carried: tuple[Floats, Floats]
    transfer: Transfer
    decoded: Sequence[tuple[str, float]]


def dataset(
    bench: Bench, config: FunctionVectorsConfig, reports: Sequence[Report], shared: Sequence[Site]
) -> xr.Dataset:
    """All reports as one data set; ``FunctionVectorsResult`` says what it holds."""
    heads = every_head(bench)
    first = reports[0]
    found = {
        **_extraction(reports),
        **_effects(bench, config, reports),
        **_answers(bench, reports),
        **_heads_alone(bench, reports, heads),
        **_layers(bench, reports),
    }
    for name in ("heads", "vectors"):
        values = np.stack([getattr(report.transfer, name).mean(-1) for report in reports])
        found[f"transfer_{name}"] = (("function", "source"), values, _SHARE)
    own = [set(report.subject.own) for report in reports]
    found["common_heads"] = (
        ("function", "source"), [[len(one & other) for other in own] for one in own], {"unit": "heads"},
    )  # fmt: skip
    names = [report.subject.name for report in reports]
    return xr.Dataset(
        found,
        {
            "function": names,
            "label": ("function", [report.subject.material.function.label for report in reports]),
            "source": names,
            "corruption": [str(corruption) for corruption in config.corruptions],
            "head": [str(head) for head in heads],
            "shared_head": ("head", [head in shared for head in heads]),
            "context": _contexts(reports),
            "vector_kind": list(KINDS),
            "control_kind": [*NULLS, *RIVALS],
            "layer": list(first.choice.layers),
            "strength": list(first.choice.strengths),
            "dimension": np.arange(len(first.subject.vector)),
            "rank": np.arange(len(first.decoded)),
        },
        {"level": LEVEL},
    )


def _contexts(reports: Iterable[Report]) -> list[str]:
    names = list(dict.fromkeys(context for report in reports for context in report.answered))
    return [name for name in names if name != NATURAL] + [NATURAL] * (NATURAL in names)


def _extraction(reports: Sequence[Report]) -> Variables:
    """What the vectors are, what they were made from, and where they are added."""
    subjects = [report.subject for report in reports]
    materials = [subject.material for subject in subjects]
    counts = {
        "pairs": [len(material.function.table) for material in materials],
        "usable": [len(material.known.answers) for material in materials],
        "extraction": [len(material.extraction) for material in materials],
        "held_out": [len(material.held_out) for material in materials],
        "unanswered": [sum(material.unanswered) for material in materials],
    }
    vectors = [subject.vector.double().cpu().numpy() for subject in subjects]
    ranks = [[subject.ranking.index(head) for head in sorted(subject.ranking)] for subject in subjects]
    return {
        **{f"{name}_inputs": ("function", values, {"unit": "inputs"}) for name, values in counts.items()},
        "few_shot": ("function", [material.answered for material in materials], _SHARE),
        "best_layer": ("function", [report.choice.place.layer for report in reports], {"unit": "layer"}),
        "best_strength": ("function", [report.choice.place.strength for report in reports], {"unit": "times"}),
        "vector": (("function", "dimension"), np.stack(vectors), {"unit": "residual stream"}),
        "head_rank": (("function", "head"), np.array(ranks), {"unit": "rank"}),
        "decoded": (("function", "rank"), [[t for t, _ in report.decoded] for report in reports], {"unit": "token"}),
        "decoded_probability": (
            ("function", "rank"), [[p for _, p in report.decoded] for report in reports], _PROBABILITY,
        ),
        "tried": (
            ("function", "layer", "strength"), np.stack([report.choice.vector for report in reports]), _PROBABILITY,
        ),
        "tried_average": (
            ("function", "layer", "strength"), np.stack([report.choice.average for report in reports]), _PROBABILITY,
        ),
    }  # fmt: skip


def _effects(bench: Bench, config: FunctionVectorsConfig, reports: Sequence[Report]) -> Variables:
    """Average indirect effects of all heads by function and corruption, corrected over all of them."""
    effects = [report.subject.effects[corruption] for report in reports for corruption in config.corruptions]
    shape = (len(reports), len(config.corruptions), -1)
    own, other = (np.concatenate([getattr(effect, name) for effect in effects]) for name in ("own", "other"))
    found = compared(bench, "cell", own, other, np.ones(own.shape[-1]))
    dims = ("function", "corruption", "head")
    base = np.array([effect.base.mean() for effect in effects]).reshape(shape[:2])
    return {
        "spoilt_probability": (dims[:2], base, _PROBABILITY),
        **{
            name.replace("effect", "aie").replace("control", "aie_control").replace("_value", "_value_aie"):
            (dims, np.reshape(values, shape), _PROBABILITY)
            for name, (_, values, _) in found.items()
        },
    }  # fmt: skip


def _answers(bench: Bench, reports: Sequence[Report]) -> Variables:
    """Shares of inputs answered by function, context and kind of vector, and tests of the vector against controls."""
    names = _contexts(reports)
    full = np.full((len(reports), len(names), len(KINDS)), np.nan)
    found = {f"{name}{end}": full.copy() for name in ("answered", "gain") for end in ("", "_low", "_high")}
    p_values = np.full((len(reports), len(names), len(NULLS + RIVALS)), np.nan)
    for row, report in enumerate(reports):
        for column, context in enumerate(names):
            if context not in report.answered:
                continue
            shares = report.answered[context]
            whole = np.stack([shares[kind] for kind in KINDS])
            for name, values in (("answered", whole), ("gain", whole - shares[NONE])):
                interval = bootstrap_mean(values, bench.rng(f"interval/{name}/{report.subject.name}/{context}"), LEVEL)
                for end, part in (("", values.mean(-1)), ("_low", interval.low), ("_high", interval.high)):
                    found[name + end][row, column] = part
            controls = np.stack([shares[kind] for kind in NULLS + RIVALS])
            p_values[row, column] = paired_p_values(np.broadcast_to(shares[VECTOR], controls.shape), controls)
    dims = ("function", "context", "vector_kind")
    return {
        **{name: (dims, values, _SHARE) for name, values in found.items()},
        "p_value": ((*dims[:2], "control_kind"), p_values, _PROBABILITY),
        "q_value": (dims[:2], _by_context(p_values[..., : len(NULLS)].max(-1)), _PROBABILITY),
        "q_value_rivals": (dims[:2], _by_context(p_values[..., len(NULLS) :].max(-1)), _PROBABILITY),
    }


def _heads_alone(bench: Bench, reports: Sequence[Report], heads: Sequence[Site]) -> Variables:
    """What each head of a vector adds alone, beside its control; not a number for heads of no vector."""
    found: dict[str, Floats] = {}
    for row, report in enumerate(reports):
        own, other = report.carried
        cells = compared(bench, "head", own, other, np.ones(own.shape[-1]))
        places = [heads.index(head) for head in report.subject.own]
        for name, (_, values, _) in cells.items():
            found.setdefault(name, np.full((len(reports), len(heads)), np.nan))[row, places] = values
    found["q_value"] = _corrected(found["p_value"])
    return {
        name.replace("effect", "alone").replace("control", "alone_control").replace("_value", "_value_alone"):
        (("function", "head"), values, _PROBABILITY)
        for name, values in found.items()
    }  # fmt: skip


def _layers(bench: Bench, reports: Sequence[Report]) -> Variables:
    """Shares of inputs answered with the vector after each layer."""
    rows = []
    for report in reports:
        layers = report.transfer.layers
        interval = bootstrap_mean(layers, bench.rng(f"interval/layers/{report.subject.name}"), LEVEL)
        rows.append((layers.mean(-1), interval.low, interval.high))
    names = ("by_layer", "by_layer_low", "by_layer_high")
    return {
        name: (("function", "layer"), np.stack(values), _SHARE)
        for name, values in zip(names, zip(*rows, strict=True), strict=True)
    }


def _by_context(p_values: Floats) -> Floats:
    """q-values of all functions together, context by context, ``[function, context]``."""
    return np.stack([_corrected(column) for column in p_values.T], axis=1)


def _corrected(p_values: Floats) -> Floats:
    """q-values of those that are numbers, all together."""
    found = np.full(p_values.shape, np.nan)
    known = ~np.isnan(p_values)
    found[known] = false_discovery_rate(p_values[known])
    return found
