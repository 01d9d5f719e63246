"""Every call is scoped, every touch is counted, and what cannot be done is refused."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import Any, NoReturn

import pytest
import torch
from torch import Tensor

from jackfield.errors import InterventionError, SiteError, TaskError
from jackfield.hooked_model import HookedModel
from jackfield.interventions import Intervention, add, replace, zero
from jackfield.sites import Gate, Kind, Site
from jackfield.token_batch import TokenBatch

GATED = [Site.parse(text) for text in ("a1.h0<q>", "a1.h*", "m1<in>")]
BATCH = TokenBatch.from_rows([[1, 9, 34, 11, 36], [1, 22, 57]], 0)
Faulty = Callable[..., HookedModel]


def hooks_left(model: HookedModel) -> list[str]:
    points: dict[str, Any] = model._bridge.hook_dict
    return [name for name, point in points.items() if point.fwd_hooks or point.bwd_hooks or point._forward_hooks]


def gates(model: HookedModel) -> dict[Gate, bool]:
    return {gate: bool(getattr(model._bridge.cfg, gate.value)) for gate in Gate}


@pytest.mark.parametrize("failure", [None, ValueError, KeyboardInterrupt])
def test_nothing_is_left_hooked_or_open(gpt2: HookedModel, failure: type[BaseException] | None) -> None:
    before, logits = gates(gpt2), gpt2.run(BATCH)
    seen: list[bool] = []

    def edit(old: Tensor) -> Tensor:
        seen.append(bool(hooks_left(gpt2)) and all(gates(gpt2).values()))
        if failure is not None:
            raise failure
        return old + 1

    interventions = [Intervention(site, edit) for site in reversed(GATED)]
    if failure is None:
        gpt2.run_with_cache(BATCH, GATED, interventions)
    else:
        with pytest.raises(failure):
            gpt2.run_with_cache(BATCH, GATED, interventions)
    assert seen == [True] * (len(GATED) if failure is None else 1)
    assert hooks_left(gpt2) == []
    assert gates(gpt2) == before == dict.fromkeys(Gate, False)
    assert torch.equal(gpt2.run(BATCH), logits)


def test_a_gate_that_was_open_stays_open(gpt2: HookedModel) -> None:
    gpt2._bridge.set_use_hook_mlp_in(True)
    try:
        gpt2.run_with_cache(BATCH, GATED)
        assert gates(gpt2) == {Gate.HEAD_RESULT: False, Gate.SPLIT_INPUT: False, Gate.MLP_INPUT: True}
    finally:
        gpt2._bridge.set_use_hook_mlp_in(False)


def test_hooks_of_others_are_left_alone(gpt2: HookedModel) -> None:
    calls: list[int] = []
    with gpt2._bridge.hooks([("blocks.1.hook_mlp_out", lambda value, hook: calls.append(1))]):
        gpt2.run_with_interventions(BATCH, [zero(Site.parse("m1"))])
        gpt2.run(BATCH)
    assert calls == [1, 1]
    assert hooks_left(gpt2) == []


def test_no_gradient_is_recorded(gpt2: HookedModel) -> None:
    run = gpt2.run_with_cache(BATCH, [Site.parse("m1")])
    assert not run.logits.requires_grad
    assert not run["m1"].requires_grad


def test_a_hook_that_never_fires_is_an_error_that_names_the_site(faulty: Faulty, gpt2: HookedModel) -> None:
    from transformer_lens.hook_points import HookPoint

    points = {**gpt2._bridge.hook_dict, "blocks.1.hook_mlp_out": HookPoint()}
    deaf = faulty(gpt2, hook_dict=points)
    complaint = r"m1 was to be touched 1 time\(s\) in one forward pass and was touched 0 time\(s\); its hook blocks.1"
    with pytest.raises(InterventionError, match=complaint):
        deaf.run_with_interventions(BATCH, [zero(Site.parse("m1"))])
    with pytest.raises(InterventionError, match=complaint):
        deaf.run_with_cache(BATCH, [Site.parse("m0"), Site.parse("m1")])


def test_a_hook_that_fires_twice_is_an_error(faulty: Faulty, gpt2: HookedModel) -> None:
    def twice(*arguments: Any, **options: Any) -> Any:
        gpt2._bridge(*arguments, **options)
        return gpt2._bridge(*arguments, **options)

    with pytest.raises(InterventionError, match=r"m1 was to be touched 1 time\(s\) .* was touched 2 time\(s\)"):
        faulty(gpt2, forward=twice).run_with_interventions(BATCH, [zero(Site.parse("m1"))])


@pytest.mark.parametrize("deaf", ["blocks.1.hook_resid_pre", "blocks.1.hook_attn_out"])
def test_resid_mid_is_counted_by_its_summands(faulty: Faulty, gpt2: HookedModel, deaf: str) -> None:
    from transformer_lens.hook_points import HookPoint

    model = faulty(gpt2, hook_dict={**gpt2._bridge.hook_dict, deaf: HookPoint()})
    with pytest.raises(InterventionError, match=r"resid_mid.1 was to be touched 1 time\(s\) .* touched 0 time\(s\)"):
        model.run_with_interventions(BATCH, [zero(Site.parse("resid_mid.1"))])


def test_a_hook_that_the_bridge_lacks_is_an_error_that_names_the_site(faulty: Faulty, gpt2: HookedModel) -> None:
    points = dict(gpt2._bridge.hook_dict)
    del points["blocks.1.hook_mlp_out"]
    with pytest.raises(SiteError, match=r"m1: GPT2LMHeadModel exposes no hook blocks.1.hook_mlp_out"):
        faulty(gpt2, hook_dict=points).run_with_cache(BATCH, [Site.parse("m1")])


@pytest.mark.parametrize("refusal", [NotImplementedError, ValueError, UserWarning])
def test_a_gate_that_the_bridge_refuses_to_open_is_an_error(
    faulty: Faulty, gpt2: HookedModel, refusal: type[Exception]
) -> None:
    def refuse(wanted: bool) -> None:
        if wanted:
            raise refusal("not on this one")

    model = faulty(gpt2, set_use_attn_result=refuse)
    with pytest.raises(SiteError, match=r"GPT2LMHeadModel cannot expose head_out: not on this one"):
        model.run_with_cache(BATCH, GATED)
    assert gates(gpt2) == dict.fromkeys(Gate, False)
    assert hooks_left(gpt2) == []


def test_a_gate_that_stays_shut_is_an_error(faulty: Faulty, gpt2: HookedModel) -> None:
    model = faulty(gpt2, set_use_split_qkv_input=lambda wanted: None)
    with pytest.raises(SiteError, match=r"cannot expose q_input, k_input, v_input: use_split_qkv_input stayed off"):
        model.run_with_cache(BATCH, [Site.parse("a0.h1<k>")])


def test_a_gate_that_only_pretends_to_open_is_an_error(faulty: Faulty, gpt2: HookedModel) -> None:
    config = copy(gpt2._bridge.cfg)

    def pretend(wanted: bool) -> None:
        object.__setattr__(config, "use_hook_mlp_in", wanted)

    model = faulty(gpt2, cfg=config, set_use_hook_mlp_in=pretend)
    with pytest.raises(InterventionError, match=r"m0<in> was to be touched 1 time\(s\) .* touched 0 time\(s\)"):
        model.run_with_cache(BATCH, [Site.parse("m0<in>")])


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("resid_pre.2", "the model has 2 layers"),
        ("a0.h4", "layer 0 has 4 heads"),
        ("a0.h2.v", "layer 0 has 2 key/value heads"),
    ],
)
def test_a_place_beyond_the_model_is_refused(llama: HookedModel, text: str, complaint: str) -> None:
    site = Site.parse(text)
    for attempt in (
        lambda: llama.require(site),
        lambda: llama.run_with_cache(BATCH, [site]),
        lambda: llama.run_with_interventions(BATCH, [zero(site)]),
    ):
        with pytest.raises(SiteError, match=complaint):
            attempt()


@pytest.mark.parametrize("text", ["a1.h2.z", "a1.h1.k", "a1.h2.q", "a1.h3", "a1.h3<q>", "a1.h0<v>", "a1.h2.pattern"])
def test_a_write_to_one_head_leaves_the_others_as_they_were(llama: HookedModel, text: str) -> None:
    site = Site.parse(text)
    axis = site.kind.axes.index("head")
    others = torch.tensor([head for head in range(llama.shape.heads_of(site.kind)) if head != site.head])
    before = llama.run_with_cache(BATCH, [site.all_heads])[site.all_heads]
    after = llama.run_with_cache(BATCH, [site.all_heads], [replace(site, torch.full((1,), 0.5))])[site.all_heads]
    assert torch.equal(after.index_select(axis, others), before.index_select(axis, others))
    assert bool((site.part_of(after) == 0.5).all())


def test_interventions_at_one_site_apply_in_the_order_given(gpt2: HookedModel) -> None:
    whole, head = Site.parse("a1.h*.z"), Site.parse("a1.h2.z")
    fill, raise_head = replace(whole, torch.ones(1)), add(head, torch.ones(1))
    one_way = gpt2.run_with_cache(BATCH, [whole], [fill, raise_head])[head]
    other_way = gpt2.run_with_cache(BATCH, [whole], [raise_head, fill])[head]
    assert bool((one_way == 2).all())
    assert bool((other_way == 1).all())


def test_readings_come_after_changes_at_the_same_site(gpt2: HookedModel) -> None:
    attention, middle = Site.parse("attn_out.0"), Site.parse("resid_mid.0")
    edits = [replace(middle, torch.full((1,), 3.0)), replace(attention, torch.zeros(1))]
    run = gpt2.run_with_cache(BATCH, [middle, attention], edits)
    assert bool((run[attention] == 0).all())
    torch.testing.assert_close(run[middle], torch.full_like(run[middle], 3.0))


def test_what_was_kept_does_not_change_later(gpt2: HookedModel) -> None:
    site = Site.parse("resid_post.0")
    first = gpt2.run_with_cache(BATCH, [site, Site.parse("a0.h1.z")])
    copy = first[site].clone()
    first.logits.zero_()
    first["a0.h1.z"].zero_()
    second = gpt2.run_with_cache(BATCH, [site], [zero(Site.parse("m0"))])
    second[site].zero_()
    assert torch.equal(first[site], copy)
    torch.testing.assert_close(gpt2.run_with_cache(BATCH, [site])[site], copy, rtol=0, atol=0)


def test_a_head_can_be_taken_from_what_was_kept_of_all(llama: HookedModel) -> None:
    run = llama.run_with_cache(BATCH, [Site.parse("a1.h*.k"), Site.parse("a1.h*.pattern"), Site.parse("a0.h1.z")])
    assert torch.equal(run["a1.h1.k"], run["a1.h*.k"][:, :, 1])
    assert torch.equal(run["a1.h3.pattern"], run["a1.h*.pattern"][:, 3])
    assert run["a0.h1.z"].shape == (2, 5, 8)


def test_what_was_not_kept_cannot_be_taken(gpt2: HookedModel) -> None:
    run = gpt2.run_with_cache(BATCH, [Site.parse("a0.h1.z")])
    for missing in ("a0.h*.z", "a0.h2.z", "m0"):
        with pytest.raises(SiteError, match=r"was not cached; cached are a0.h1.z"):
            run[missing]


def test_a_run_with_no_intervention_is_refused(gpt2: HookedModel) -> None:
    with pytest.raises(InterventionError, match="no intervention was given"):
        gpt2.run_with_interventions(BATCH, [])


def test_an_edit_that_does_not_fit_stops_the_run(gpt2: HookedModel) -> None:
    with pytest.raises(InterventionError, match="does not fit m1"):
        gpt2.run_with_interventions(BATCH, [replace(Site.parse("m1"), torch.ones(9))])
    where = torch.ones(2, 4, dtype=torch.bool)
    with pytest.raises(InterventionError, match=r"selects positions \(2, 4\)"):
        gpt2.run_with_interventions(BATCH, [zero(Site.parse("m1"), where)])
    assert hooks_left(gpt2) == []


def test_an_interruption_inside_the_network_leaves_nothing(faulty: Faulty, gpt2: HookedModel) -> None:
    def interrupted(*arguments: Any, **options: Any) -> NoReturn:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        faulty(gpt2, forward=interrupted).run_with_cache(BATCH, GATED)
    assert hooks_left(gpt2) == []
    assert gates(gpt2) == dict.fromkeys(Gate, False)


def test_logits_are_read_at_each_prompts_last_token(gpt2: HookedModel) -> None:
    for side in ("left", "right"):
        batch = TokenBatch.from_rows([[1, 9, 34], [1]], 0, side)
        logits = gpt2.run(batch)
        answers = gpt2.answer_logits(logits, batch)
        assert torch.equal(answers[0], logits[0, 2])
        assert torch.equal(answers[1], logits[1, 2 if side == "left" else 0])


def test_prompts_are_tokenized_as_the_tokenizer_does(gpt2: HookedModel) -> None:
    batch = gpt2.tokenize(["anna gave the book", "ben"], "left")
    texts = [
        [gpt2.token_text(token) for token in row[mask].tolist()]
        for row, mask in zip(batch.tokens, batch.mask, strict=True)
    ]
    assert texts == [["<bos>", "anna", "gave", "the", "book"], ["<bos>", "ben"]]


def test_a_prompt_longer_than_the_context_is_refused(gpt2: HookedModel) -> None:
    assert gpt2.tokenize(["the " * 63]).tokens.shape == (1, 64)
    with pytest.raises(TaskError, match="a prompt has 65 tokens; tiny-gpt2 takes at most 64"):
        gpt2.tokenize(["the " * 64])


def test_no_prompt_is_refused(gpt2: HookedModel) -> None:
    with pytest.raises(TaskError, match="at least one prompt"):
        gpt2.tokenize([])


def test_a_single_token_is_known_from_an_unknown_or_a_split_word(gpt2: HookedModel) -> None:
    token = gpt2.single_token("anna")
    assert token is not None
    assert gpt2.token_text(token) == "anna"
    assert gpt2.single_token("xylophone") is None
    assert gpt2.single_token("anna ben") is None
    assert gpt2.single_token("anna", glue="") is None


def test_a_model_tells_its_sizes(llama: HookedModel) -> None:
    assert repr(llama) == "HookedModel('tiny-llama', LlamaForCausalLM, 2 layers, 4 heads, d_model 32, float32)"
    assert llama.device == torch.device("cpu")
    assert (llama.shape.heads_of(Kind.K), llama.shape.heads_of(Kind.Q)) == (2, 4)


@pytest.mark.parametrize("failing", [False, True])
def test_no_activation_is_kept_by_the_network(any_model: HookedModel, failing: bool) -> None:
    batch = TokenBatch.from_rows([[1, 9, 34, 11]], 0)

    def fail(_: Tensor) -> Tensor:
        raise KeyboardInterrupt

    any_model.run(batch)
    any_model.run_with_cache(batch, [Site.parse("a0.h*.pattern")])
    if failing:
        with pytest.raises(KeyboardInterrupt):
            any_model.run_with_interventions(batch, [Intervention(Site.parse("m1"), fail)])
    parameters = {id(one) for one in (*any_model.bridge.parameters(), *any_model.bridge.buffers())}
    kept = [
        (name, attribute)
        for name, module in any_model.bridge.named_modules()
        for attribute, value in vars(module).items()
        if isinstance(value, Tensor) and id(value) not in parameters and 1 in value.shape[:1]
    ]
    assert kept == []
    assert not any(module._forward_hooks for block in any_model.bridge.blocks for module in [block.attn])
