"""Head roles where the roles are known because the model was built that way."""

from __future__ import annotations

import pytest
from jackfield_example.head_roles import HeadRoles, HeadRolesConfig

from jackfield.errors import ConfigError
from jackfield.testing import conformance, known_circuits


@pytest.fixture(scope="module")
def bench():
    return known_circuits()["induction"]().bench(pairs=16)


@pytest.fixture(scope="module")
def result(bench):
    return HeadRoles().run(bench, HeadRolesConfig(sequences=12, length=5))


def test_the_heads_that_were_built_are_found(result):
    frame = result.to_frame()
    found = {(row.node, row.role) for row in frame[frame["finding"]].itertuples()}
    assert {place for place in found if place[1] != "retrieval"} == {("a0.h0", "previous"), ("a1.h2", "induction")}
    assert ("a1.h2", "retrieval") in found


def test_a_head_that_does_nothing_else_scores_one(result):
    best = result.to_frame().set_index(["node", "role", "source"])["effect"]
    assert best["a0.h0", "previous", "repeats"] == pytest.approx(1, abs=1e-3)
    assert best["a1.h2", "induction", "repeats"] == pytest.approx(1, abs=1e-3)


def test_the_control_is_what_even_attention_gets(result):
    place = result.to_frame().set_index(["node", "role", "source"]).loc["a0.h0", "previous", "repeats"]
    tokens = 1 + 2 * 5
    assert place["control"] == pytest.approx(sum(1 / seen for seen in range(2, tokens + 1)) / (tokens - 1))


def test_sequences_that_do_not_fit_the_model_are_refused(bench):
    with pytest.raises(ConfigError, match="takes at most 5 tokens twice"):
        HeadRoles().run(bench, HeadRolesConfig(length=6))


@conformance("head_roles")
def test_the_plugin_keeps_its_promises(check):
    check()
