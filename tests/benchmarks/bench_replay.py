"""Replay against TransformerLens's own patching: same network, same prompts, same run, answers compared.

A network of gpt2-small's shape with random weights; 8 prompts of 15 tokens. The residual sweep writes each layer's
``resid_pre`` at each position, once for prompts that differ from the first token on and once for prompts that differ
from the sixth on; the head sweep writes each head's ``z`` at the last position. To stay under some minutes, the other
side sweeps three layers of the residual stream (first, middle, last) and one layer of heads, and its time is scaled up:
it runs the whole network at every patch, so all its layers cost the same. ``limit_s`` is what the multiply-adds of the
sweep would take at the rate of one large matrix product, measured in the same run. What replay takes beyond that goes
into products of few rows, which run at a lower rate, and into activation functions, norms and copies.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from time import perf_counter
from typing import Any, TypeVar

import torch
from torch import Tensor

from jackfield.hooked_model import HookedModel
from jackfield.interventions import Intervention, replace
from jackfield.replay import Replay
from jackfield.sites import Kind, Site
from jackfield.token_batch import TokenBatch

Result = TypeVar("Result")
PROMPTS, TOKENS, LAYERS = 8, 15, (0, 6, 11)


def run() -> Mapping[str, float | int | str]:
    """Measure all sweeps, on one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return _measured()
    finally:
        torch.set_num_threads(threads)


def _measured() -> dict[str, float | int | str]:
    model = _gpt2_small()
    measured: dict[str, float | int | str] = {"threads": 1, "prompts": PROMPTS, "tokens": TOKENS}
    rate = _multiply_adds_per_second()
    for first in (0, 5):
        base, source = _prompts(model, first)
        name = f"resid_pre_from_token_{first}"
        sites = [Site(Kind.RESID_PRE, layer) for layer in range(model.shape.n_layers)]
        columns = [base.at([position] * PROMPTS) for position in range(TOKENS)]
        chosen = [sites[layer] for layer in LAYERS]
        scale = len(sites) / len(chosen)
        measured |= _compared(name, model, (base, source), (sites, chosen), columns, rate, scale)
    base, source = _prompts(model, 5)
    heads = [Site(Kind.Z, layer, head) for layer in range(model.shape.n_layers) for head in range(model.shape.n_heads)]
    chosen = [site for site in heads if site.layer == 6]
    measured |= _compared(
        "z_at_last_token", model, (base, source), (heads, chosen), [base.at([-1] * PROMPTS)], rate,
        len(heads) / len(chosen),
    )  # fmt: skip
    return measured


def _compared(
    name: str,
    model: HookedModel,
    batches: tuple[TokenBatch, TokenBatch],
    sites: tuple[Sequence[Site], Sequence[Site]],
    columns: Sequence[Tensor],
    rate: float,
    scale: float,
) -> dict[str, float]:
    """Both sides of one sweep; ``sites`` are those that replay sweeps, and those that the other side does."""
    base, source = batches
    values = model.run_with_cache(source, {site.all_heads for site in sites[0]})
    cells = [(site, column) for site in sites[0] for column in range(len(columns))]
    patches = [[replace(site, values[site], columns[column])] for site, column in cells]
    found = torch.empty(len(cells), PROMPTS, model.shape.d_vocab)
    replay_s, replay = _timed(lambda: _replayed(model, base, patches, found))
    other_s, wanted = _timed(lambda: _by_transformer_lens(model, base, values.activations, sites[1], columns))
    rows = [index for index, (site, _) in enumerate(cells) if site in sites[1]]
    limit_s = replay.plan.multiply_adds / rate
    return {
        f"{name}_replay_s": replay_s,
        f"{name}_transformer_lens_s": other_s * scale,
        f"{name}_ratio": other_s * scale / replay_s,
        f"{name}_limit_s": limit_s,
        f"{name}_over_limit": replay_s / limit_s,
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
    with torch.no_grad():
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


def _prompts(model: HookedModel, first: int) -> tuple[TokenBatch, TokenBatch]:
    """Two batches of random tokens that are the same before token ``first``."""
    draw = torch.Generator().manual_seed(first)
    base, source = torch.randint(1, model.shape.d_vocab, (2, PROMPTS, TOKENS), generator=draw)
    source[:, :first] = base[:, :first]
    mask = torch.ones_like(base, dtype=torch.bool)
    return TokenBatch(base, mask), TokenBatch(source, mask)


def _gpt2_small() -> HookedModel:
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

    from jackfield.loading import hook

    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = AutoModelForCausalLM.from_config(AutoConfig.for_model("gpt2"), attn_implementation="eager")
    words = Tokenizer(WordLevel({"<unk>": 0}, unk_token="<unk>"))  # noqa: S106
    return hook(network.eval(), PreTrainedTokenizerFast(tokenizer_object=words, unk_token="<unk>"), "gpt2-small-shape")  # noqa: S106
