"""Replay's peak memory against its plan: the plan is to be right within 10 %.

gpt2-small's shape at 15 and at 512 tokens, SmolLM2's at 15 and 128, with a small and with the default budget: the
residual stream at a few layers and positions, and every head of a few layers at the last position.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.benchmarks.memory import peak_bytes
from tests.benchmarks.shapes import random_model, random_prompts

from jackfield.hooked_model import HookedModel
from jackfield.interventions import Intervention, replace
from jackfield.replay import Replay
from jackfield.sites import Kind, Site
from jackfield.token_batch import TokenBatch

MEBIBYTE = 2**20
CASES = {"gpt2_small": [(8, 15), (2, 512)], "smollm2_135m": [(8, 15), (2, 128)]}
BUDGETS = (64 * MEBIBYTE, 1024 * MEBIBYTE)


def run() -> Mapping[str, float | int | str]:
    measured: dict[str, float | int | str] = {}
    worst = 0.0
    for shape, sizes in CASES.items():
        model = random_model(shape)
        for prompts, tokens in sizes:
            base, source = random_prompts(model, prompts, tokens)
            for name, patches in sweeps(model, base, source).items():
                for budget in BUDGETS:
                    planned = Replay(model, base, patches, budget).plan.peak_bytes
                    peak = peak_bytes(lambda: [None for _ in Replay(model, base, patches, budget).answers()])  # noqa: B023
                    case = f"{shape}_{tokens}_tokens_{name}_budget_{budget // MEBIBYTE}"
                    measured[f"{case}_planned_mib"] = planned / MEBIBYTE
                    measured[f"{case}_peak_over_plan"] = peak / planned
                    worst = max(worst, peak / planned)
    return {"largest_peak_over_plan": worst, **measured}


def sweeps(model: HookedModel, base: TokenBatch, source: TokenBatch) -> dict[str, Sequence[Sequence[Intervention]]]:
    """A sweep of the residual stream and one of heads, by name."""
    deep, columns = model.shape.n_layers, base.tokens.shape[1]
    streams = [Site(Kind.RESID_PRE, layer) for layer in (0, deep // 2, deep - 1)]
    heads = [Site(Kind.Z, layer, head) for layer in (0, deep // 2) for head in range(model.shape.n_heads)]
    values = model.run_with_cache(source, {site.all_heads for site in (*streams, *heads)})
    last = base.at([-1] * len(base))
    return {
        "resid_pre": [
            [replace(site, values[site], base.at([column] * len(base)))]
            for site in streams
            for column in (0, columns // 2, columns - 3)
        ],
        "z": [[replace(site, values[site], last)] for site in heads],
    }
