from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jackfield_circuits import CircuitError, Edge

STEADY = settings(deadline=None, derandomize=True, max_examples=40)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("a0.h1->a3.h2<q>", ("a0.h1", "a3.h2", "q")),
        ("input->m0", ("input", "m0", "")),
        ("m3->logits", ("m3", "logits", "")),
        ("a0.h1<q>->m3<in>", ("a0.h1<q>", "m3", "in")),
        ("a-->b", ("a-", "b", "")),
        ("a->>b", ("a", ">b", "")),
        ("a->b<>", ("a", "b<>", "")),
        ("a-><q>", ("a", "<q>", "")),
        ("a\n->b\n<\n>", ("a\n", "b\n", "\n")),
    ],
)
def test_a_name_is_read_and_written(name: str, parts: tuple[str, str, str]) -> None:
    edge = Edge.parse(name)
    assert (edge.source, edge.target, edge.receiver) == parts
    assert str(edge) == edge.name == name


@STEADY
@given(...)
def test_every_edge_comes_back_from_its_name(edge: Edge) -> None:
    assert Edge.parse(edge.name, edge.evidence) == edge


@STEADY
@given(st.text("a<>-q", max_size=12))
def test_every_name_that_can_be_read_is_written_the_same(name: str) -> None:
    try:
        edge = Edge.parse(name)
    except CircuitError:
        return
    assert edge.name == name


@pytest.mark.parametrize("name", ["", "m3", "->", "a->", "->b", "a->b->c", "a - > b"])
def test_a_name_of_no_edge_is_refused(name: str) -> None:
    with pytest.raises(CircuitError, match=r"names no edge|holds no ->"):
        Edge.parse(name)


@pytest.mark.parametrize(
    ("source", "target", "receiver", "reason"),
    [
        ("m0", "a1.h1<q>", "", "as the receiver, without the brackets"),
        ("m0", "a1.h1", "<q>", "a receiver holds no angle brackets"),
        ("m0", "a1.h1", "q>", "a receiver holds no angle brackets"),
        ("m0->m1", "m2", "", "id: a node's id holds no ->"),
        ("", "m2", "", "source: text is needed"),
        ("m0", "m1", "\ud800", "receiver: text holds a lone surrogate"),
    ],
)
def test_an_edge_that_would_be_read_as_another_is_refused(source: str, target: str, receiver: str, reason: str) -> None:
    with pytest.raises(CircuitError, match=reason):
        Edge(source=source, target=target, receiver=receiver)


def test_edges_come_in_the_order_of_eap_ig() -> None:
    heads = {layer: [f"a{layer}.h{head}" for head in range(2)] for layer in range(2)}
    written, names = ["input"], []
    for layer, block in heads.items():
        names += [f"{source}->{head}<{part}>" for source, head, part in itertools.product(written, block, "qkv")]
        written += block
        names += [f"{source}->m{layer}" for source in written]
        written.append(f"m{layer}")
    names += [f"{source}->logits" for source in written]
    shuffled = random.Random(0).sample(names, len(names))
    assert shuffled != names
    assert [edge.name for edge in sorted(map(Edge.parse, shuffled), key=lambda edge: edge.sort_key)] == names
