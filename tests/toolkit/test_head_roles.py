"""Roles of heads: hand-built heads have theirs, random networks have none, and heads are known again elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from jackfield.errors import ConfigError, TaskError
from jackfield.head_roles import HeadRoles, Role, head_roles
from jackfield.hooked_model import HookedModel
from jackfield.loading import hook
from jackfield.random_copy import random_copy
from jackfield.role_matching import match_heads
from jackfield.sites import Kind, Site
from jackfield.testing import known_circuits

ORDERS = ([2, 0, 3, 1], [1, 3, 0, 2])


def head(text: str) -> Site:
    return Site.parse(text)


@pytest.fixture(scope="module")
def roles() -> HeadRoles:
    return head_roles(known_circuits()["induction"]().model, sequences=16, length=5)


@pytest.fixture(scope="module")
def of_fieldmouse(fieldmouse: HookedModel) -> HeadRoles:
    return head_roles(fieldmouse, sequences=24)


def test_hand_built_heads_have_the_roles_they_were_built_for(roles: HeadRoles) -> None:
    assert roles.holders(Role.PREVIOUS) == (head("a0.h0"),)
    assert roles.holders(Role.INDUCTION) == (head("a1.h2"),)
    assert roles.holders(Role.DUPLICATE) == ()
    assert roles.profile(head("a1.h2"))[list(Role).index(Role.INDUCTION)] == pytest.approx(1.0, abs=1e-3)


def test_uniform_attention_has_the_share_that_arithmetic_gives(gpt2: HookedModel) -> None:
    found = head_roles(random_copy(gpt2, 0), sequences=16, length=6)
    start = len(gpt2.tokenizer("")["input_ids"])
    uniform = np.mean([1 / (start + 6 + place + 1) for place in range(6)])
    np.testing.assert_allclose(found.control[list(Role).index(Role.PREVIOUS)], uniform)
    np.testing.assert_allclose(found.scores, uniform, atol=0.02)


def test_a_random_network_has_no_roles(fieldmouse: HookedModel) -> None:
    found = head_roles(random_copy(fieldmouse, 0), sequences=24)
    assert all(found.holders(role) == () for role in Role)


def test_intervals_hold_scores_and_the_table_has_every_head(roles: HeadRoles) -> None:
    assert (roles.low <= roles.scores).all()
    assert (roles.scores <= roles.high).all()
    frame = roles.to_frame()
    assert len(frame) == len(Role) * len(roles.heads)
    assert frame.loc[0, "role"] in ("previous", "induction")
    row = frame[(frame["head"] == "a1.h2") & (frame["role"] == "induction")]
    assert float(row["score"].item()) == roles.profile(head("a1.h2"))[list(Role).index(Role.INDUCTION)]


def test_the_same_seed_gives_the_same_roles(roles: HeadRoles) -> None:
    again = head_roles(known_circuits()["induction"]().model, sequences=16, length=5)
    for field in ("scores", "low", "high", "control", "q_value"):
        np.testing.assert_array_equal(getattr(again, field), getattr(roles, field))


def test_heads_whose_order_was_changed_are_found_again(
    tiny_network: Callable[[str], PreTrainedModel], tokenizer: PreTrainedTokenizerFast
) -> None:
    first, second = (tiny_network("gpt2") for _ in range(2))
    with torch.no_grad():
        for block, order in zip(second.transformer.h, ORDERS, strict=True):
            width = block.attn.c_proj.weight.shape[0] // len(order)
            places = torch.cat([torch.arange(width) + width * old for old in order])
            size = width * len(order)
            columns = torch.cat([places + size * part for part in range(3)])
            block.attn.c_attn.weight.copy_(block.attn.c_attn.weight[:, columns])
            block.attn.c_attn.bias.copy_(block.attn.c_attn.bias[columns])
            block.attn.c_proj.weight.copy_(block.attn.c_proj.weight[places])
    ours, theirs = (
        head_roles(hook(network, tokenizer, name), sequences=16, length=8)
        for network, name in ((first, "first"), (second, "second"))
    )
    found = match_heads(ours, theirs, np.random.default_rng(0), shuffles=100)
    for pair in found.pairs:
        layer, old = pair.first.layer, pair.first.head
        assert pair.second == Site(Kind.HEAD_OUT, layer, ORDERS[layer or 0].index(old or 0))
    assert found.distance == pytest.approx(0.0, abs=1e-5)
    assert found.by_index is not None
    assert found.by_index > 10 * found.distance
    assert found.p_value < 0.02
    assert found.shuffled.low > found.distance


def test_shuffled_roles_are_not_found_again(of_fieldmouse: HeadRoles) -> None:
    rng = np.random.default_rng(1)
    flat = of_fieldmouse.scores.reshape(len(Role), -1)
    null = replace(of_fieldmouse, scores=rng.permuted(flat, axis=1).reshape(of_fieldmouse.scores.shape))
    found = match_heads(of_fieldmouse, null, rng, shuffles=100)
    assert found.p_value > 0.05
    assert not any(pair.is_finding for pair in found.pairs)


def test_heads_of_two_circuits_are_matched_each_once(of_fieldmouse: HeadRoles) -> None:
    ours, theirs = of_fieldmouse.heads[:5], of_fieldmouse.heads[3:12]
    found = match_heads(of_fieldmouse, of_fieldmouse, np.random.default_rng(0), ours, theirs, shuffles=20)
    assert sorted(pair.first for pair in found.pairs) == sorted(ours)
    assert len({pair.second for pair in found.pairs}) == 5
    assert {pair.second for pair in found.pairs} <= set(theirs)
    assert found.by_index is None
    assert [pair.distance for pair in found.pairs] == sorted(pair.distance for pair in found.pairs)


def test_what_cannot_be_measured_is_refused(roles: HeadRoles, fieldmouse: HookedModel) -> None:
    with pytest.raises(ConfigError, match="8 sequences of 4 tokens"):
        head_roles(fieldmouse, sequences=4)
    with pytest.raises(TaskError, match="ask for a smaller length"):
        head_roles(fieldmouse, length=20)
    with pytest.raises(ConfigError, match=r"no head a7\.h0"):
        roles.profile(head("a7.h0"))
    rng = np.random.default_rng(0)
    with pytest.raises(ConfigError, match="two different heads"):
        match_heads(roles, roles, rng, [head("a0.h0")])
    with pytest.raises(ConfigError, match="two different heads"):
        match_heads(roles, roles, rng, None, [head("a0.h0"), head("a0.h0")])
    with pytest.raises(ConfigError, match="20 shuffles"):
        match_heads(roles, roles, rng, shuffles=3)
