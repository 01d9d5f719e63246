"""Layers lie above each other in the order of computation, and no node hides another."""

from __future__ import annotations

from hypothesis import given

from jackfield_circuits import Circuit, Node
from jackfield_circuits.page.layout import Layout


def place(*ids: str) -> dict[str, tuple[float, float]]:
    return Layout.of(Node(id=node_id) for node_id in ids).places


def test_what_is_computed_later_lies_higher() -> None:
    order = [
        "input",
        "resid_pre.0",
        "a0.h1",
        "attn_out.0",
        "m0",
        "resid_post.0",
        "a1.h0",
        "m1",
        "punctuation",
        "logits",
    ]
    places = place(*reversed(order))
    heights = [places[name][1] for name in order]
    assert heights == sorted(heights, reverse=True)
    assert len(set(heights)) == len(order)


def test_a_head_keeps_its_column_through_all_layers() -> None:
    places = place("a0.h3", "a0.h0", "a7.h3", "a7.h3<q>", "a7.h3.z", "m7")
    assert len({places[name][0] for name in ("a0.h3", "a7.h3", "a7.h3<q>", "a7.h3.z")}) == 1
    assert places["a0.h0"][0] < places["a0.h3"][0] < places["m7"][0]


def test_streams_lie_left_of_the_heads_and_mlps_right() -> None:
    places = place("resid_mid.2", "a2.h0", "a2.h11", "m2", "m2.n5", "sae:resid_post.2.f9")
    assert places["resid_mid.2"][0] < places["a2.h0"][0]
    assert all(places[name][0] > places["a2.h11"][0] for name in ("m2", "m2.n5", "sae:resid_post.2.f9"))


def test_many_features_of_a_layer_take_several_lines_within_its_band() -> None:
    ids = [f"sae:resid_post.1.f{unit}" for unit in range(100)]
    layout = Layout.of([Node(id=node_id) for node_id in [*ids, "m0", "m1", "a2.h0"]])
    heights = {layout.places[node_id][1] for node_id in ids}
    band = layout.bands[1]
    assert band.name == "layer 1"
    assert len(heights) == 13
    assert all(band.top < y < band.bottom for y in heights)
    assert layout.places["a2.h0"][1] < band.top


def test_bands_lie_above_each_other_and_hold_their_layer_alone() -> None:
    nodes = [Node(id=node_id) for node_id in ("input", "a0.h0", "m0", "a3.h1", "resid_post.3", "else", "logits")]
    layout = Layout.of(nodes)
    assert [band.name for band in layout.bands] == ["layer 0", "layer 3"]
    assert layout.bands[1].bottom < layout.bands[0].top
    for band in layout.bands:
        inside = {node.layer for node in nodes if band.top < layout.places[node.id][1] < band.bottom}
        assert inside == {int(band.name.removeprefix("layer "))}


def test_an_empty_circuit_has_no_places() -> None:
    assert Layout.of([]) == Layout({}, ())


@given(...)
def test_every_node_of_any_circuit_has_a_place_of_its_own(circuit: Circuit) -> None:
    places = Layout.of(circuit.nodes).places
    assert set(places) == {node.id for node in circuit.nodes}
    assert len(set(places.values())) == len(places)
