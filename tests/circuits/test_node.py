from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jackfield_circuits import CircuitError, Evidence, Node, Place

STEADY = settings(deadline=None, derandomize=True, max_examples=40)

IN_ORDER = (
    "input", "resid_pre.0", "a0.h0<k>", "a0.h0<q>", "a0.h0.q", "a0.h0.pattern", "a0.h0.z", "a0.h*", "a0.h0", "a0.h2",
    "a0.h10", "attn_out.0", "resid_mid.0", "m0<in>", "m0.n3", "m0.n20", "m0", "resid_post.0", "das:resid_post.0/parity",
    "sae:resid_post.0.f7", "sae:resid_post.0.f12", "resid_pre.1", "a1.h0", "m1", "a10.h0", "something else", "logits",
)  # fmt: skip


def test_nodes_come_in_the_order_of_computation() -> None:
    shuffled = list(IN_ORDER)
    random.Random(0).shuffle(shuffled)
    assert shuffled != list(IN_ORDER)
    nodes = sorted((Node(id=name) for name in shuffled), key=lambda node: node.sort_key)
    assert [node.id for node in nodes] == list(IN_ORDER)


@pytest.mark.parametrize(
    ("name", "kind", "layer", "head"),
    [
        ("input", "input", None, None),
        ("logits", "logits", None, None),
        ("a5.h1", "head", 5, 1),
        ("a5.h1<q>", "head", 5, 1),
        ("a5.h1.pattern", "head", 5, 1),
        ("a5.h*", "head", 5, None),
        ("m3", "mlp", 3, None),
        ("m3<in>", "mlp", 3, None),
        ("m3.n17", "neuron", 3, None),
        ("attn_out.4", "attn_out", 4, None),
        ("resid_pre.4", "resid_pre", 4, None),
        ("resid_mid.4", "resid_mid", 4, None),
        ("resid_post.4", "resid_post", 4, None),
        ("sae:resid_post.4.f912", "feature", 4, None),
        ("sae:a5.h1.f3", "feature", 5, 1),
        ("das:resid_post.4/the name", "subspace", 4, None),
        ("sae:elsewhere.f1", "feature", None, None),
        ("a05.h1", "other", None, None),
        ("a5.h\u0661", "other", None, None),
        ("a1234567890.h0", "other", None, None),
        ("m3\n", "other", None, None),
        ("M3", "other", None, None),
        ("->", "other", None, None),
    ],
)
def test_an_id_tells_where_the_node_lies(name: str, kind: str, layer: int | None, head: int | None) -> None:
    place = Place.of(name)
    assert (place.kind, place.layer, place.head) == (kind, layer, head)


@STEADY
@given(st.text())
def test_every_text_has_a_place(name: str) -> None:
    assert Place.of(name) == Place.of(name)


@STEADY
@given(st.text(max_size=30).map(lambda text: "sae:" * 5 + text + ".f1"))
def test_features_of_features_have_a_place(name: str) -> None:
    assert Place.of(name).kind == "feature" or "\n" in name


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "text is needed"),
        ("a->b", "a node's id holds no ->"),
        ("\udc80", "lone surrogate"),
        (5, "valid string"),
        (None, "valid string"),
    ],
)
def test_an_id_that_cannot_name_a_node_is_refused(name: Any, reason: str) -> None:
    with pytest.raises(CircuitError, match=f"Node is not valid: id: .*{reason}"):
        Node(id=name)


def test_claims_are_kept_once_and_in_order(finding: dict[str, Any]) -> None:
    weak, strong = Evidence(**finding | {"score": 1.0}), Evidence(**finding | {"score": 2.0})
    assert Node(id="m0", evidence=[strong, weak, strong]).evidence == (weak, strong)
    assert Node(id="m0", evidence=[strong, weak]) == Node(id="m0", evidence=(weak, strong))


def test_what_is_no_claim_is_refused() -> None:
    with pytest.raises(CircuitError, match=r"Node is not valid: evidence\.0"):
        Node(id="m0", evidence=["strong"])  # type: ignore[arg-type]


def test_a_finding_is_stronger_than_a_larger_score_without_control(finding: dict[str, Any]) -> None:
    found = Evidence(**finding)
    bold = Evidence(plugin="acdc", method="m", metric="m", unit="", score=50.0, n=1, run="5f2c")
    bolder = Evidence(plugin="acdc", method="m", metric="m", unit="", score=-51.0, n=1, run="5f2c")
    node = Node(id="m0", evidence=[bold, bolder, found])
    assert node.strongest() == found
    assert node.strongest("acdc") == bolder
    assert Node(id="m0", evidence=[bold]).strongest() == bold
    assert node.strongest("nobody") is None
    assert node.plugins == ("acdc", "activation_patching")
    assert node.is_finding()
    assert not node.is_finding(alpha=0.001)


def test_of_equally_strong_claims_the_first_in_order_is_the_strongest(finding: dict[str, Any]) -> None:
    one, other = Evidence(**finding | {"method": "a"}), Evidence(**finding | {"method": "b"})
    assert Node(id="m0", evidence=[other, one]).strongest() == one
