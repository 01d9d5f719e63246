"""What a search is reported as: variables by edge, by size, by node and by rival, each with its control."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jackfield.comparison import LEVEL, shared
from jackfield.statistics import Resamples, false_discovery_rate, mean_share, paired_p_values
from jackfield_plugins.circuit_discovery.controls import RandomEdges, overlap, random_circuit
from jackfield_plugins.circuit_discovery.curve import Axis, area
from jackfield_plugins.circuit_discovery.knockouts import Knockouts
from jackfield_plugins.circuit_discovery.rivals import rivals
from jackfield_plugins.circuit_discovery.search import Search
from jackfield_plugins.circuit_discovery.selection import pruned

__all__ = ["circuits", "edges", "nodes", "rivalry", "sizes"]

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Variables = Mapping[str, Any]

_SHARE = {"unit": "share of the difference"}
_FAITHFUL = {"unit": "share of what the model has beyond the empty circuit"}
_COUNT = {"unit": "edges"}
_PART = {"unit": "share"}
_PROBABILITY = {"unit": "probability"}
_FLAG = {"unit": "true or false"}


def edges(search: Search) -> Variables:
    """What each edge carries on the judging half, beside random edges, and how it fared."""
    half, circuit, verified = search.judging, search.circuit, search.verified
    values, whole, grid = half.scores.T, half.contrast.whole, search.grid
    interval = Resamples.draw(len(whole), search.bench.rng("interval/effect")).interval(values, whole, LEVEL)
    control = RandomEdges.draw(grid, values, whole, circuit, search.bench.rng("random edges"))
    p_values = paired_p_values(values, control.mean)
    stability = search.stability()
    sampled = np.zeros(grid.size, dtype=bool)
    sampled[verified.sampled] = True
    return {
        "effect": ("edge", mean_share(values, whole), _SHARE),
        "effect_low": ("edge", interval.low, _SHARE),
        "effect_high": ("edge", interval.high, _SHARE),
        "control": ("edge", control.share, _SHARE),
        "control_low": ("edge", control.low, _SHARE),
        "control_high": ("edge", control.high, _SHARE),
        "p_value": ("edge", p_values, _PROBABILITY),
        "q_value": ("edge", false_discovery_rate(p_values), _PROBABILITY),
        "ranking": ("edge", search.ranking, _SHARE),
        "chosen": ("edge", search.chosen, _FLAG),
        "circuit": ("edge", circuit, _FLAG),
        "inclusion": ("edge", stability.inclusion, _PROBABILITY),
        "inclusion_low": ("edge", stability.low, _PROBABILITY),
        "inclusion_high": ("edge", stability.high, _PROBABILITY),
        "sampled": ("edge", sampled, _FLAG),
        **_exact(search),
        "jaccard": ("repetition", stability.jaccard, _PART),
        **_missed(search),
    }


def _exact(search: Search) -> Variables:
    """Exact effects of the verified edges, not a number elsewhere, beside those of the edges drawn at random."""
    verified, whole, size = search.verified, search.judging.contrast.whole, search.grid.size
    effects, drawn = verified.effects.T, verified.effects.T[len(verified.contenders) :]
    shares = mean_share(drawn, whole) if len(drawn) else np.zeros(1)
    p_values = paired_p_values(effects, np.broadcast_to(drawn.mean(0) if len(drawn) else 0.0 * whole, effects.shape))
    numbers = {
        **{
            name: values
            for name, (_, values, _) in shared(
                "edge", "exact", effects, whole, search.bench.rng("interval/exact")
            ).items()
        },
        "exact_p_value": p_values,
        "exact_q_value": false_discovery_rate(p_values),
    }
    found: dict[str, Any] = {}
    for name, values in numbers.items():
        everywhere = np.full(size, np.nan)
        everywhere[verified.edges] = values
        found[name] = ("edge", everywhere, _PROBABILITY if name.endswith("value") else _SHARE)
    low, high = np.quantile(shares, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return {
        **found,
        "exact_control": ((), float(shares.mean()), _SHARE),
        "exact_control_low": ((), float(low), _SHARE),
        "exact_control_high": ((), float(high), _SHARE),
    }


def _missed(search: Search) -> Variables:
    """Which share of the unverified edges carries as much as the weakest verified edge of the circuit."""
    verified, whole = search.verified, search.judging.contrast.whole
    contenders = verified.contenders
    effects = np.abs(mean_share(verified.effects[:, : len(contenders)].T, whole)) if len(contenders) else np.empty(0)
    inside = effects[search.circuit[contenders]]
    least = float(inside.min()) if len(inside) else np.inf
    share, upper = verified.missed(least, whole)
    return {
        "least_verified": ((), least, _SHARE),
        "missed": ((), share, _PART),
        "missed_at_most": ((), upper, _PART),
        "unverified": ((), verified.others, _COUNT),
    }


def sizes(search: Search) -> Variables:
    """Faithfulness on the judging half at every size, beside that of random circuits of as many edges."""
    grid, choice, judge = search.grid, search.choice, search.judging.evaluator
    rng, config = search.bench.rng("random circuits"), search.config
    raw = [choice.of(search.ranking, choice.counted(size)) for size in config.sizes]
    found = [pruned(grid, mask) for mask in raw]
    many = [
        [random_circuit(grid, max(1, int(mask.sum())), rng) for _ in range(config.random_circuits)] for mask in found
    ]
    metrics = judge.graded([*found, *(mask for some in many for mask in some)], "circuits of all sizes")
    gained = metrics - judge.empty
    ours, theirs = gained[: len(found)], gained[len(found) :].reshape(len(found), config.random_circuits, -1)
    by_chance = theirs.mean(-1) / judge.whole.mean()
    return {
        **shared("size", "faithfulness", ours, judge.whole, search.bench.rng("interval/faithfulness")),
        "asked": ("size", np.array([int(mask.sum()) for mask in raw]), _COUNT),
        "surviving": ("size", np.array([int(mask.sum()) for mask in found]), _COUNT),
        "random_faithfulness": (("size", "random"), by_chance, _FAITHFUL),
        **_areas(search, ours),
    }


def _areas(search: Search, gained: Floats) -> Variables:
    """CPR and CMD over both axes, with their intervals."""
    whole, where = search.judging.evaluator.whole, search.config.sizes
    drawn = Resamples.draw(len(whole), search.bench.rng("interval/area")).shares(gained, whole)
    point = mean_share(gained, whole)
    numbers = []
    for missed in (False, True):
        for axis in Axis:
            low, high = np.quantile(area(drawn, where, axis, missed=missed), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
            numbers.append((float(area(point, where, axis, missed=missed)), float(low), float(high)))
    table = np.array(numbers).reshape(2, 2, 3)
    return {
        name: (("area", "axis"), table[..., index], {"unit": "mean share over sizes"})
        for index, name in enumerate(("area_value", "area_low", "area_high"))
    }


def circuits(search: Search) -> Variables:
    """The circuit itself on the judging half, all it leaves out, and random circuits of as many edges."""
    judge, circuit, rng = search.judging.evaluator, search.circuit, search.bench.rng("random twins")
    count = max(1, int(circuit.sum()))
    twins = [random_circuit(search.grid, count, rng) for _ in range(search.config.random_circuits)]
    anywhere = [_scattered(search.grid.size, count, rng) for _ in range(search.config.random_circuits)]
    gained = judge.graded([circuit, ~circuit, *twins, *anywhere], "the circuit and its controls") - judge.empty
    means = np.stack([gained[0], gained[1], *(part.mean(0) for part in np.split(gained[2:], 2))])
    return shared("set", "set_faithfulness", means, judge.whole, search.bench.rng("interval/sets"))


def _scattered(size: int, count: int, rng: np.random.Generator) -> Mask:
    found = np.zeros(size, dtype=bool)
    found[rng.choice(size, count, replace=False)] = True
    return found


def nodes(search: Search) -> tuple[Sequence[str], Variables]:
    """The circuit's nodes: what it loses without each, and how it and the model fare without some of them."""
    half, grid, config = search.judging, search.grid, search.config
    if not search.circuit.any():
        empty = np.empty(0)
        names = ("need", "need_low", "need_high", "most_needed")
        return [], {
            **dict.fromkeys(names, ("node", empty, _FAITHFUL)),
            **dict.fromkeys(("without", "model_without", "incompleteness"), ("knockout", empty, _FAITHFUL)),
        }
    found = Knockouts.of(grid, search.circuit, half.evaluator, config.knockouts, search.bench.draw("knockouts"))
    whole, base = half.evaluator.whole, half.evaluator.empty
    without, model_without = (mean_share(part - base, whole) for part in (found.circuit, found.model))
    return [str(grid.senders[row]) for row in found.nodes], {
        **shared("node", "need", found.need, whole, search.bench.rng("interval/need")),
        "most_needed": ("node", found.most_needed(whole), _FAITHFUL),
        "without": ("knockout", without, _FAITHFUL),
        "model_without": ("knockout", model_without, _FAITHFUL),
        "incompleteness": ("knockout", np.abs(without - model_without), _FAITHFUL),
    }


def rivalry(search: Search) -> Variables:
    """Other circuits as faithful on the choosing half: their faithfulness on the judging half, and what is shared."""
    circuit, judge = search.circuit, search.judging.evaluator
    found = (
        list(rivals(search.choice, search.ranking, circuit, search.choosing.evaluator, search.config.rivals))
        if circuit.any()
        else []
    )
    masks = [rival.edges for rival in found]
    gained = judge.graded(masks, "rivals") - judge.empty if masks else np.empty((0, len(judge.whole)))
    core = np.logical_and.reduce([circuit, *masks])
    union = np.logical_or.reduce([circuit, *masks])
    names = ("rival_faithfulness", "rival_faithfulness_low", "rival_faithfulness_high")
    return {
        **(
            shared("rival", names[0], gained, judge.whole, search.bench.rng("interval/rivals"))
            if masks
            else {name: ("rival", np.empty(0), _FAITHFUL) for name in names}
        ),
        "rival_edges": ("rival", np.array([int(mask.sum()) for mask in masks], dtype=np.int64), _COUNT),
        "rival_overlap": ("rival", np.array([overlap(circuit, mask) for mask in masks]), _PART),
        "discount": ("rival", np.array([rival.discount for rival in found]), {"unit": "factor"}),
        "core": ("edge", core, _FLAG),
        "union": ("edge", union, _FLAG),
    }
