"""Each promise of a loaded model, broken on purpose, is found out, and the message names the site."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from jackfield.errors import SelfCheckError
from jackfield.hooked_model import HookedModel
from jackfield.self_check import Probe, check_model
from jackfield.token_batch import TokenBatch

Faulty = Callable[..., HookedModel]


class Misreporting:
    """Stands in for a hook point: readers see a changed value, and what they return is passed on or dropped."""

    def __init__(self, point: Any, change: Callable[[Tensor], Tensor], writable: bool) -> None:
        self._point, self._change, self._writable = point, change, writable

    def add_hook(self, hook: Callable[..., Tensor | None], **options: Any) -> None:
        def wrapped(value: Tensor, hook: Any, inner: Callable[..., Tensor | None] = hook) -> Tensor | None:
            result = inner(self._change(value), hook=hook)
            return result if self._writable else None

        self._point.add_hook(wrapped, **options)

    def remove_hooks(self, **options: Any) -> None:
        self._point.remove_hooks(**options)


@pytest.fixture
def misreporting(faulty: Faulty, gpt2: HookedModel) -> Callable[..., HookedModel]:
    def make(name: str, change: Callable[[Tensor], Tensor] = lambda value: value, writable: bool = True) -> HookedModel:
        points = dict(gpt2._bridge.hook_dict)
        return faulty(gpt2, hook_dict={**points, name: Misreporting(points[name], change, writable)})

    return make


def probe(model: HookedModel) -> Probe:
    rows = Probe.token_rows(model.shape.d_vocab)
    alone = [model.run(TokenBatch.from_rows([row], 0))[0, -1] for row in rows]
    return Probe(rows, torch.stack(alone))


def test_a_sound_model_passes(tiny_model: HookedModel) -> None:
    check_model(tiny_model, probe(tiny_model))


def test_the_probe_has_prompts_of_unequal_length_within_the_vocabulary() -> None:
    for d_vocab in (20, 427, 50257):
        long, short = Probe.token_rows(d_vocab)
        assert len(long) > len(short)
        assert all(0 <= token < d_vocab for token in long + short)
        assert len(set(long)) == len(long)


@pytest.mark.parametrize("name", ["hook_attn_out", "hook_mlp_out"])
def test_parts_that_do_not_add_up_are_found(misreporting: Faulty, gpt2: HookedModel, name: str) -> None:
    model = misreporting(f"blocks.1.{name}", lambda value: 2 * value, writable=False)
    with pytest.raises(
        SelfCheckError, match=r"tiny-gpt2 .*: resid_pre.1 \+ attn_out.1 \+ m1 must be resid_post.1; off"
    ):
        check_model(model, probe(gpt2))


def test_a_site_whose_own_value_cannot_be_written_back_is_found(misreporting: Faulty, gpt2: HookedModel) -> None:
    model = misreporting("blocks.1.attn.hook_z", lambda value: 2 * value)
    with pytest.raises(SelfCheckError, match=r"writing a1.h\*.z's own value back must change nothing"):
        check_model(model, probe(gpt2))


@pytest.mark.parametrize(
    ("name", "site"),
    [
        ("hook_attn_out", r"resid_mid.0, attn_out.0|attn_out.0, resid_mid.0"),
        ("hook_mlp_out", "m0"),
        ("attn.hook_q", r"a0.h\*.q"),
    ],
)
def test_a_site_that_ignores_writes_is_found(misreporting: Faulty, gpt2: HookedModel, name: str, site: str) -> None:
    with pytest.raises(SelfCheckError, match=rf"writing to ({site}) does not reach the output"):
        check_model(misreporting(f"blocks.0.{name}", writable=False), probe(gpt2))


def test_a_stream_that_is_only_written_on_the_way_into_a_part_is_found(faulty: Faulty, gpt2: HookedModel) -> None:
    """The bridge's own ``hook_resid_mid`` is such a one; here ``resid_pre`` is, which then reaches attention alone."""
    points = dict(gpt2._bridge.hook_dict)
    branch_only = faulty(gpt2, hook_dict={**points, "blocks.1.hook_resid_pre": points["blocks.1.ln1.hook_in"]})
    with pytest.raises(
        SelfCheckError, match=r"what is written to resid_pre.1 must reach resid_post.1 beside attn_out.1"
    ):
        check_model(branch_only, probe(gpt2))


def test_a_hook_that_never_fires_is_found(faulty: Faulty, gpt2: HookedModel) -> None:
    from transformer_lens.hook_points import HookPoint

    model = faulty(gpt2, hook_dict={**gpt2._bridge.hook_dict, "blocks.1.attn.hook_pattern": HookPoint()})
    with pytest.raises(SelfCheckError, match=r"tiny-gpt2: a1.h\*.pattern was to be touched 1 time"):
        check_model(model, probe(gpt2))


def test_a_hook_that_is_missing_is_found(faulty: Faulty, gpt2: HookedModel) -> None:
    points = dict(gpt2._bridge.hook_dict)
    del points["blocks.0.hook_mlp_out"]
    with pytest.raises(SelfCheckError, match=r"tiny-gpt2: m0: GPT2LMHeadModel exposes no hook"):
        check_model(faulty(gpt2, hook_dict=points), probe(gpt2))


def test_logits_that_are_off_are_found(faulty: Faulty, gpt2: HookedModel) -> None:
    model = faulty(gpt2, forward=lambda *arguments, **options: gpt2._bridge(*arguments, **options) + 0.01)
    with pytest.raises(SelfCheckError, match=r"the logits under right-padding must equal .* off by 0.01, allowed"):
        check_model(model, probe(gpt2))


def test_logits_that_are_not_numbers_are_found(faulty: Faulty, gpt2: HookedModel) -> None:
    model = faulty(gpt2, forward=lambda *arguments, **options: gpt2._bridge(*arguments, **options) * float("nan"))
    with pytest.raises(SelfCheckError, match="off by nan"):
        check_model(model, probe(gpt2))


@pytest.mark.parametrize("lost", ["position_ids", "attention_mask"])
def test_left_padding_that_is_not_honoured_is_found(faulty: Faulty, gpt2: HookedModel, lost: str) -> None:
    def careless(tokens: Tensor, **options: Any) -> Any:
        columns = torch.arange(tokens.shape[1]).expand_as(tokens)
        careless_options = {"position_ids": columns, "attention_mask": torch.ones_like(tokens)}
        return gpt2._bridge(tokens, **{**options, lost: careless_options[lost]})

    with pytest.raises(SelfCheckError, match="the logits under left-padding must equal"):
        check_model(faulty(gpt2, forward=careless), probe(gpt2))
