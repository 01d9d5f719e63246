"""Replay against TransformerLens's own patching: same network, same prompts, same run, answers compared.

Networks of gpt2-small's and of SmolLM2's shape with random weights, and the embedded model; 8 prompts of 15 tokens, one
thread. The residual sweep writes each layer's ``resid_pre`` at each position, once for prompts that differ from the
first token on and once for prompts that differ from the sixth on; the head sweep writes each head's ``z`` at the last
position. To stay under some minutes, the other side sweeps three layers of the residual stream (first, middle, last)
and one layer of heads, and its time is scaled up: it runs the whole network at every patch, so all its layers cost the
same.

``limit_s`` is what the multiply-adds that the sweep needs would take at the rate of one large matrix product, measured
in the same run. ``products_s`` is the time that replay spends in matrix products. Products of few rows run at a lower
rate than large ones; the rest goes into activation functions, norms and copies.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stderr
from io import StringIO
from time import perf_counter
from typing import Any, TypeVar

import torch
from tests.benchmarks.shapes import SHAPES, random_model, random_prompts
from torch import Tensor

from jackfield.hooked_model import HookedModel
from jackfield.interventions import Intervention, replace
from jackfield.loading import load_model
from jackfield.replay import Replay
from jackfield.sites import Kind, Site
from jackfield.token_batch import TokenBatch

Result = TypeVar("Result")
PROMPTS, TOKENS = 8, 15


def run() -> Mapping[str, float | int | str]:
    """Measure all sweeps of all models, on one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        measured: dict[str, float | int | str] = {"threads": 1, "prompts": PROMPTS, "tokens": TOKENS}
        for name, model in (("fieldmouse", load_model()), *((shape, random_model(shape)) for shape in SHAPES)):
            measured |= _measured(name, model)
        return measured
    finally:
        torch.set_num_threads(threads)


def _measured(name: str, model: HookedModel) -> dict[str, float]:
    measured: dict[str, float] = {}
    deep = model.shape.n_layers
    streams = [Site(Kind.RESID_PRE, layer) for layer in range(deep)]
    some = [streams[layer] for layer in (0, deep // 2, deep - 1)]
    for same in (0, 5):
        batches = random_prompts(model, PROMPTS, TOKENS, same)
        columns = [batches[0].at([position] * PROMPTS) for position in range(TOKENS)]
        measured |= _compared(f"{name}_resid_pre_from_token_{same}", model, batches, (streams, some), columns)
    heads = [Site(Kind.Z, layer, head) for layer in range(deep) for head in range(model.shape.n_heads)]
    some = [site for site in heads if site.layer == deep // 2]
    last = [batches[0].at([-1] * PROMPTS)]
    return measured | _compared(f"{name}_z_at_last_token", model, batches, (heads, some), last)


def _compared(
    name: str,
    model: HookedModel,
    batches: tuple[TokenBatch, TokenBatch],
    sites: tuple[Sequence[Site], Sequence[Site]],
    columns: Sequence[Tensor],
) -> dict[str, float]:
    """Both sides of one sweep; ``sites`` are those that replay sweeps, and those that the other side does."""
    base, source = batches
    values = model.run_with_cache(source, {site.all_heads for site in sites[0]})
    cells = [(site, column) for site in sites[0] for column in range(len(columns))]
    patches = [[replace(site, values[site], columns[column])] for site, column in cells]
    found = torch.empty(len(cells), PROMPTS, model.shape.d_vocab)
    rate = _multiply_adds_per_second()
    replay_s, replay = _timed(lambda: _replayed(model, base, patches, found))
    other_s, wanted = _timed(lambda: _by_transformer_lens(model, base, values.activations, sites[1], columns))
    other_s *= len(sites[0]) / len(sites[1])
    rows = [index for index, (site, _) in enumerate(cells) if site in sites[1]]
    limit_s = replay.plan.least_multiply_adds / rate
    return {
        f"{name}_replay_s": replay_s,
        f"{name}_transformer_lens_s": other_s,
        f"{name}_ratio": other_s / replay_s,
        f"{name}_limit_s": limit_s,
        f"{name}_over_limit": replay_s / limit_s,
        f"{name}_products_s": _product_seconds(lambda: _replayed(model, base, patches, found)),
        f"{name}_largest_difference": (found[rows] - wanted).abs().max().item(),
    }


def _replayed(model: HookedModel, base: TokenBatch, patches: list[list[Intervention]], found: Tensor) -> Replay:
    replay = Replay(model, base, patches)
    for indices, prompts, logits in replay.answers():
        found[indices, prompts] = logits
    return replay


def _by_transformer_lens(
    model: HookedModel,
    base: TokenBatch,
    values: Mapping[Site, Tensor],
    sites: Sequence[Site],
    columns: Sequence[Tensor],
) -> Tensor:
    """Answers of ``patching``'s generic function, which its functions for single kinds of sites are made of."""
    from pandas import DataFrame
    from transformer_lens import patching

    answers: list[Tensor] = []

    def keep(logits: Tensor) -> Tensor:
        answers.append(logits[:, -1].float())
        return logits.new_zeros(())

    def write(activation: Tensor, index: Sequence[int], clean: Tensor) -> Tensor:
        place = (slice(None), index[1], index[2]) if len(index) == 3 else (slice(None), index[1])
        activation[place] = clean[place]
        return activation

    cache: dict[str, Tensor] = {site.hook_name: value for site, value in values.items()}
    positions = [int(column[0].nonzero()) for column in columns]
    rows: list[dict[str, Any]] = [
        {"layer": site.layer, "pos": position} | ({} if site.head is None else {"head": site.head})
        for site in sites
        for position in positions
    ]
    name = "z" if sites[0].kind is Kind.Z else "resid_pre"
    bridge: Any = model.bridge
    with torch.no_grad(), redirect_stderr(StringIO()):
        patching.generic_activation_patch(
            bridge, base.tokens, cache, keep, write, name, index_df=DataFrame(rows)  # type: ignore[arg-type]
        )  # fmt: skip
    return torch.stack(answers)


def _timed(work: Callable[[], Result]) -> tuple[float, Result]:
    start = perf_counter()
    result = work()
    return perf_counter() - start, result


def _multiply_adds_per_second() -> float:
    """The best of some products of the size of gpt2-small's MLP on many tokens."""
    left, right = torch.randn(960, 768), torch.randn(768, 3072)
    best = min(_timed(lambda: left @ right)[0] for _ in range(8))
    return 960 * 768 * 3072 / best


def _product_seconds(work: Callable[[], object]) -> float:
    """Time that ``work`` spends in matrix products."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profiler:
        work()
    products = {"aten::addmm", "aten::mm", "aten::bmm", "aten::baddbmm"}
    return sum(event.self_cpu_time_total for event in profiler.key_averages() if event.key in products) / 1e6
