"""The edges that a model's sizes imply."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jackfield.edges import Wire, matching, receivers, senders, wires
from jackfield.errors import SiteError
from jackfield.sites import Kind, Site
from jackfield.wiring import ModelShape


@st.composite
def shapes(draw: st.DrawFn) -> ModelShape:
    groups, per_group = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    return ModelShape(
        draw(st.integers(1, 4)), groups * per_group, groups, 8, 4, 10, 16, parallel_blocks=draw(st.booleans())
    )


@given(shapes())
def test_edges_are_all_that_feed_and_stand_in_the_canonical_order(shape: ModelShape) -> None:
    wanted = [
        Wire(source, target).edge()
        for source in senders(shape)
        for target in receivers(shape)
        if shape.feeds(source, target)
    ]
    assert [wire.edge() for wire in wires(shape)] == sorted(wanted, key=lambda edge: edge.sort_key)


@given(shapes())
def test_the_number_of_edges_follows_the_formula(shape: ModelShape) -> None:
    heads, key_values, layers = shape.n_heads, shape.n_key_value_heads, shape.n_layers
    total = 1 + layers * (heads + 1)
    for layer in range(layers):
        before = 1 + layer * (heads + 1)
        total += (heads + 2 * key_values) * before + before + (0 if shape.parallel_blocks else heads)
    assert len(wires(shape)) == len({wire.name for wire in wires(shape)}) == total


def test_gpt2_small_has_the_published_number_of_edges() -> None:
    assert len(wires(ModelShape(12, 12, 12, 768, 64, 50257, 1024))) == 32491


def test_names_are_those_of_eap_ig() -> None:
    named = [wire.name for wire in wires(ModelShape(1, 2, 1, 8, 4, 10, 16))]
    assert named == [
        "input->a0.h0<q>", "input->a0.h0<k>", "input->a0.h0<v>", "input->a0.h1<q>",
        "input->m0", "a0.h0->m0", "a0.h1->m0",
        "input->logits", "a0.h0->logits", "a0.h1->logits", "m0->logits",
    ]  # fmt: skip
    assert Wire(Site(Kind.INPUT), Site(Kind.MLP_IN, 0)).edge().target == "m0"


def test_patterns_choose_by_name_and_must_match_something() -> None:
    names = ["input", "a0.h0", "a0.h1", "m0", "a1.h0"]
    assert matching(["a1.h*", "a0.*", "a0.h0"], names, "senders") == [1, 2, 4]
    with pytest.raises(SiteError, match=r"'a2\.h\*' matches none of the 5 senders; such are input"):
        matching(["input", "a2.h*"], names, "senders")
