"""Random circuits, for tests that ask hypothesis for a ``Circuit``, ``Node``, ``Edge`` or ``Evidence``."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import reject
from hypothesis import strategies as st

from jackfield_circuits import Circuit, CircuitError, Edge, Evidence, Node

KNOWN_IDS = ("input", "a0.h0", "a0.h1", "m0", "a1.h0", "a1.h1<q>", "resid_pre.1", "m1.n17", "sae:m1.f3", "logits")

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
labels = texts.filter(bool)
numbers = st.floats(allow_nan=False)
probabilities = st.floats(0, 1)
node_ids = st.sampled_from(KNOWN_IDS) | labels.filter(lambda text: "->" not in text)
digests = st.sampled_from(["5f2c", "run \u2192 \x00", "\\u0001"]) | labels


def intervals() -> st.SearchStrategy[tuple[float | None, float | None]]:
    ordered = st.tuples(numbers, numbers).map(lambda ends: (min(ends), max(ends)))
    return st.just((None, None)) | ordered


def provenance_of(digest: str) -> dict[str, Any]:
    """The same for the same digest, so that any two circuits can be merged."""
    return {"task": digest, "seed": len(digest), "versions": {digest: [1, 1.5, None, True]}, "note": "\x07\u2028\\"}


@st.composite
def evidences(draw: st.DrawFn) -> Evidence:
    low, high = draw(intervals())
    control = draw(st.none() | numbers)
    control_low, control_high = (None, None) if control is None else draw(intervals())
    return Evidence(
        plugin=draw(
            st.sampled_from(["acdc", "activation_patching", "a.score"]) | labels.filter(lambda t: "," not in t)
        ),
        method=draw(labels),
        metric=draw(labels),
        unit=draw(texts),
        position=draw(st.none() | labels),
        score=draw(numbers),
        low=low,
        high=high,
        level=draw(st.sampled_from([0.9, 0.95])),
        n=draw(st.integers(1, 10**12)),
        control=control,
        control_low=control_low,
        control_high=control_high,
        control_kind=draw(st.none() | labels),
        p_value=draw(st.none() | probabilities),
        q_value=draw(st.none() | probabilities),
        run=draw(digests),
    )


claims = st.lists(st.from_type(Evidence), max_size=2)


@st.composite
def nodes(draw: st.DrawFn) -> Node:
    return Node(id=draw(node_ids), evidence=draw(claims))


@st.composite
def edges(draw: st.DrawFn) -> Edge:
    receiver = draw(st.sampled_from(["", "q", "k", "v"]) | labels.filter(lambda text: not set("<>") & set(text)))
    try:
        return Edge(source=draw(node_ids), target=draw(node_ids), receiver=receiver, evidence=draw(claims))
    except CircuitError:
        reject()


@st.composite
def circuits(draw: st.DrawFn) -> Circuit:
    some_nodes, some_edges = draw(st.lists(nodes(), max_size=2)), draw(st.lists(edges(), max_size=2))
    used = {claim.run for element in (*some_nodes, *some_edges) for claim in element.evidence}
    runs = used | draw(st.sets(digests, max_size=1))
    return Circuit(some_nodes, some_edges, {digest: provenance_of(digest) for digest in runs})


st.register_type_strategy(Evidence, evidences())
st.register_type_strategy(Node, nodes())
st.register_type_strategy(Edge, edges())
st.register_type_strategy(Circuit, circuits())


FINDING: dict[str, Any] = {
    "plugin": "activation_patching", "method": "denoising, resample", "metric": "logit difference", "unit": "logits",
    "score": 1.2, "low": 0.9, "high": 1.5, "n": 64, "control": 0.0, "control_low": -0.1, "control_high": 0.1,
    "control_kind": "unrelated prompt", "p_value": 0.001, "q_value": 0.003, "run": "5f2c",
}  # fmt: skip


@pytest.fixture
def finding() -> dict[str, Any]:
    """The fields of a claim that is a finding."""
    return dict(FINDING)


@pytest.fixture
def circuit() -> Circuit:
    """Three nodes and three edges, two of them parallel, with claims by two plugins."""
    found = Evidence(**FINDING)
    guess = Evidence(
        plugin="acdc",
        method="edge removal",
        metric="divergence",
        unit="nats",
        score=-2.5,
        n=8,
        run="77aa",
        position="END",
    )
    return Circuit(
        [Node(id="a0.h1", evidence=[found, guess]), Node(id="m2", evidence=[guess])],
        [
            Edge.parse("a0.h1->a3.h2<q>", [found]),
            Edge.parse("a0.h1->a3.h2<k>", [guess]),
            Edge.parse("m2->a3.h2<v>"),
        ],
        {"5f2c": {"task": "ioi", "seed": 0}, "77aa": {"task": "ioi", "seed": 1}},
    )
