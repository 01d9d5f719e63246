"""What circuits are asked: known answers, identities, and questions that have none."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jackfield_circuits import (
    Census,
    Circuit,
    CircuitError,
    Edge,
    Evidence,
    Node,
    Shape,
    Weights,
    compare,
    consensus,
    diff,
    prune,
    strongest_routes,
    subgraph,
)

STEADY = settings(deadline=None, derandomize=True, max_examples=60)
RUNS: dict[str, dict[str, Any]] = {"5f2c": {}}
NAMES = ("input", "m0", "m1", "m2", "m3", "logits")
Claims = Callable[..., Evidence]

scored_edges = st.dictionaries(
    st.sampled_from([f"{a}->{b}" for a, b in itertools.combinations(NAMES, 2)]), st.floats(-5, 5), max_size=12
)


@pytest.fixture
def claim(finding: dict[str, Any]) -> Claims:
    """Makes a claim whose interval lies 0.1 around its score, and which is a finding unless told otherwise."""

    def make(score: float, **fields: Any) -> Evidence:
        return Evidence(**finding | {"score": score, "low": score - 0.1, "high": score + 0.1} | fields)

    return make


def circuit_of(scores: dict[str, float]) -> Circuit:
    claims = {
        name: [Evidence(plugin="acdc", method="m", metric="d", unit="u", score=score, n=4, run="5f2c")]
        for name, score in scores.items()
    }
    return Circuit([Node(id="input"), Node(id="logits")], [Edge.parse(*claim) for claim in claims.items()], RUNS)


def test_weights_are_of_one_metric_and_unit(claim: Claims) -> None:
    share, nats = claim(0.5), claim(-9.0, metric="kl", unit="nats", plugin="acdc")
    edges = [Edge.parse("m0->logits", [share, nats]), Edge.parse("m1->logits", [share])]
    with pytest.raises(CircuitError, match=r"name one metric.*kl \(nats\), logit difference \(logits\)"):
        Weights.of(edges)
    assert Weights.of(edges, metric="kl") == Weights("kl", "nats", {"m0->logits": -9.0})
    assert Weights.of(edges, plugin="activation_patching").scores == {"m0->logits": 0.5, "m1->logits": 0.5}
    with pytest.raises(CircuitError, match="no claim of the metric colour by the plugin"):
        Weights.of(edges, metric="colour")
    assert Weights.of([Edge.parse("m0->logits")]) == Weights("", "", {})


def test_untested_claims_weigh_only_where_none_is_tested(claim: Claims) -> None:
    untested = claim(0.9, metric="inclusion", q_value=None)
    assert Weights.of([Edge.parse("m0->logits", [claim(0.5), untested])]).metric == "logit difference"
    assert Weights.of([Edge.parse("m0->logits", [untested])]).scores == {"m0->logits": 0.9}


def test_a_finding_weighs_before_a_larger_score(claim: Claims) -> None:
    claims = [claim(0.5), claim(3.0, q_value=0.9)]
    assert Weights.of([Edge.parse("m0->logits", claims)]).scores == {"m0->logits": 0.5}


@pytest.mark.parametrize(("layers", "heads", "parallel"), [(1, 1, False), (3, 2, False), (3, 2, True), (12, 12, False)])
def test_a_shape_counts_what_enumeration_counts(layers: int, heads: int, parallel: bool) -> None:
    stream, edges = 1, 0
    for _ in range(layers):
        edges += 3 * heads * stream + stream + (0 if parallel else heads)
        stream += heads + 1
    assert Shape(layers, heads, parallel).edges == edges + stream
    assert Shape(layers, heads, parallel).nodes == stream + 1


@pytest.mark.parametrize("text", ["12", "0x4", "12x", "-1x2", "12x12x64", "twelve"])
def test_a_shape_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(CircuitError, match="LAYERSxHEADS"):
        Shape.parse(text)
    with pytest.raises(CircuitError, match="at least one"):
        Shape(1, 0)


def test_consensus_counts_voices_that_agree_on_the_sign(claim: Claims) -> None:
    found = [
        claim(1.0, plugin="a"), claim(2.0, plugin="a", method="other"), claim(-1.0, plugin="b"), claim(1.5, plugin="c"),
        claim(1.0, plugin="d", q_value=0.5), claim(1.0, plugin="e"), claim(-1.0, plugin="e", method="other"),
        claim(9.0, plugin="f", q_value=None),
    ]  # fmt: skip
    (support,) = consensus([Edge.parse("m0->logits", found), Edge.parse("m1->logits", found[2:3])], least=2)
    assert support.name == "m0->logits"
    assert (support.positive, support.negative, support.mixed, support.silent) == (("a", "c"), ("b",), ("e",), ("d",))
    assert support.count == 2
    assert support.contested
    assert not consensus([Edge.parse("m0->logits", found)], least=3)
    (by_method,) = consensus([Edge.parse("m0->logits", found)], least=3, by="method")
    assert by_method.count == 4


def test_consensus_puts_the_most_supported_first_and_refuses_nonsense(claim: Claims) -> None:
    edges = [Edge.parse("m0->m1", [claim(1.0)]), Edge.parse("m1->logits", [claim(1.0), claim(1.0, plugin="b")])]
    assert [each.name for each in consensus(edges)] == ["m1->logits", "m0->m1"]
    assert not consensus(edges, alpha=0.0001)
    with pytest.raises(CircuitError, match="at least one voice"):
        consensus(edges, least=0)
    with pytest.raises(CircuitError, match="found 'colour'"):
        consensus(edges, by="colour")  # type: ignore[arg-type]


def test_no_consensus_in_noise(claim: Claims) -> None:
    rng = np.random.default_rng(0)
    claims = [
        [claim(score, plugin=name, low=score - 2, high=score + 2, q_value=1.0) for name in ("a", "b")]
        for score in rng.normal(size=50)
    ]
    assert not consensus([Edge.parse(f"m{place}->logits", found) for place, found in enumerate(claims)])


@STEADY
@given(scored_edges, scored_edges)
def test_comparison_is_symmetric_and_one_of_a_circuit_with_itself(
    ours: dict[str, float], theirs: dict[str, float]
) -> None:
    first, second = circuit_of(ours), circuit_of(theirs)
    one, other = compare(first, second, possible_edges=40).edges, compare(second, first, possible_edges=40).edges
    assert (one.jaccard, one.coefficient, one.weighted) == (other.jaccard, other.coefficient, other.weighted)
    assert one.chance is not None
    assert other.chance is not None
    assert one.chance.p_value == pytest.approx(other.chance.p_value)
    assert one.shared == len(ours.keys() & theirs.keys())
    alone = compare(first, first).edges
    assert alone.jaccard == alone.coefficient == (1.0 if ours else None)
    assert alone.weighted in ((1.0,) if any(ours.values()) else (None,))


def test_the_chance_of_sharing_is_what_drawing_gives() -> None:
    rng = np.random.default_rng(0)
    possible = [f"m{number}->logits" for number in range(20)]
    first, second = circuit_of(dict.fromkeys(possible[:8], 1.0)), circuit_of(dict.fromkeys(possible[4:10], 1.0))
    chance = compare(first, second, possible_edges=20).edges.chance
    assert chance is not None
    drawn = np.array([np.sum(rng.permutation(20)[:6] < 8) for _ in range(20_000)])
    assert chance.expected == pytest.approx(6 * 8 / 20)
    assert chance.p_value == pytest.approx((drawn >= 4).mean(), abs=0.01)
    assert (drawn < chance.low).mean() <= 0.025 >= (drawn > chance.high).mean()


def test_scores_of_opposite_signs_share_nothing() -> None:
    first, second = circuit_of({"m0->m1": 1.0, "m1->m2": 3.0}), circuit_of({"m0->m1": -1.0, "m1->m2": 1.0})
    assert compare(first, second).edges.weighted == pytest.approx(1 / (1 + 1 + 3))


def test_scores_of_different_units_are_not_weighed(claim: Claims) -> None:
    first, second = (
        Circuit(edges=[Edge.parse("m0->logits", [claim(1.0, unit=unit)])], runs=RUNS) for unit in ("logits", "nats")
    )
    assert compare(first, second).edges.weighted is None
    infinite = circuit_of({"m0->m1": math.inf})
    assert compare(infinite, infinite).edges.weighted is None


def test_more_edges_than_possible_are_refused() -> None:
    with pytest.raises(CircuitError, match=r"hold 2 different .* only 1"):
        compare(circuit_of({"m0->m1": 1.0}), circuit_of({"m1->m2": 1.0}), possible_edges=1)
    with pytest.raises(CircuitError, match="only 0"):
        compare(Circuit(), Circuit(), possible_edges=0)
    assert compare(Circuit(), Circuit()).edges.jaccard is None


def test_a_difference_has_the_interval_of_two_independent_errors(claim: Claims) -> None:
    first = Circuit([Node(id="m0", evidence=[claim(1.0, low=0.6, high=1.3)])], runs=RUNS)
    second = Circuit([Node(id="m0", evidence=[claim(2.0, low=1.7, high=2.4)])], runs=RUNS)
    (found,) = diff(first, second)
    assert (found.verdict, found.change) == ("changed", 1.0)
    assert (found.low, found.high) == pytest.approx((1 - math.hypot(0.3, 0.3), 1 + math.hypot(0.4, 0.4)))
    (back,) = diff(second, first)
    assert (back.low, back.high, back.q_value) == pytest.approx((-found.high, -found.low, found.q_value))


def test_overlapping_intervals_can_differ_and_an_interval_to_zero_is_just_significant(claim: Claims) -> None:
    def circuit(score: float, reach: float) -> Circuit:
        return Circuit([Node(id="m0", evidence=[claim(score, low=score - reach, high=score + reach)])], runs=RUNS)

    (found,) = diff(circuit(0.0, 0.6), circuit(1.0, 0.6))
    assert found.verdict == "changed"
    (found,) = diff(circuit(0.0, 3.0), circuit(5.0, 4.0))
    assert found.q_value == pytest.approx(0.05)
    (found,) = diff(circuit(1.0, 0.0), circuit(1.0, 0.0))
    assert (found.verdict, found.q_value) == ("not distinguishable", 1.0)


@STEADY
@given(...)
def test_nothing_changes_between_a_circuit_and_itself(circuit: Circuit) -> None:
    assert {found.verdict for found in diff(circuit, circuit)} <= {"not distinguishable", "not comparable"}


def test_noise_is_no_change_at_the_rate_that_was_asked_for(claim: Claims) -> None:
    rng = np.random.default_rng(0)
    studies = 200

    def changes() -> int:
        def circuit() -> Circuit:
            scores = enumerate(rng.normal(size=10))
            nodes = [Node(id=f"m{k}", evidence=[claim(x, low=x - 1.96, high=x + 1.96)]) for k, x in scores]
            return Circuit(nodes, runs=RUNS)

        return sum(found.verdict == "changed" for found in diff(circuit(), circuit()))

    assert sum(changes() > 0 for _ in range(studies)) / studies < 0.05 + 2 * math.sqrt(0.05 * 0.95 / studies)


def test_what_cannot_be_compared_is_said_so(claim: Claims) -> None:
    def verdicts(ours: list[Evidence], theirs: list[Evidence]) -> list[str]:
        circuits = (Circuit([Node(id="m0", evidence=found)], runs={**RUNS, "77aa": {}}) for found in (ours, theirs))
        return [found.verdict for found in diff(*circuits)]

    assert verdicts([claim(1.0)], []) == ["only in first"]
    assert verdicts([], [claim(1.0)]) == ["only in second"]
    assert verdicts([claim(1.0)], [claim(1.0, position="END")]) == ["only in first", "only in second"]
    assert verdicts([claim(1.0)], [claim(1.0, level=0.9)]) == ["not comparable"]
    assert verdicts([claim(1.0, low=None, high=None)], [claim(1.0)]) == ["not comparable"]
    assert verdicts([claim(1.0, high=math.inf)], [claim(1.0)]) == ["not comparable"]
    assert verdicts([claim(1.0), claim(2.0, run="77aa")], [claim(1.0)]) == ["not comparable"]
    with pytest.raises(CircuitError, match="alpha is a probability"):
        diff(Circuit(), Circuit(), alpha=2)


@STEADY
@given(scored_edges, st.integers(1, 30))
def test_routes_are_those_of_trying_all(scores: dict[str, float], count: int) -> None:
    circuit = circuit_of(scores)
    graph = nx.DiGraph([edge.ends for edge in circuit.edges])
    graph.add_nodes_from(["input", "logits"])
    every = [
        tuple(f"{a}->{b}" for a, b in itertools.pairwise(walk))
        for walk in nx.all_simple_paths(graph, "input", "logits")
    ]
    ranked = sorted(every, key=lambda names: (-min(abs(scores[name]) for name in names), len(names), names))
    found = strongest_routes(circuit, count)
    assert [route.edges for route in found] == ranked[:count]
    assert all(route.strength == min(abs(scores[name]) for name in route.edges) for route in found)


def test_routes_around_a_circle_meet_no_node_twice() -> None:
    circuit = circuit_of(
        {"input->m0": 5.0, "m0->m1": 4.0, "m1->m0": 9.0, "m1->m2": 3.0, "m2->m0": 9.0, "m1->logits": 1.0}
    )
    assert [route.edges for route in strongest_routes(circuit)] == [("input->m0", "m0->m1", "m1->logits")]


def test_parallel_edges_make_routes_of_their_own() -> None:
    scores = {"input->a0.h0<q>": 2.0, "input->a0.h0<k>": 3.0, "a0.h0->logits": 4.0}
    assert [route.strength for route in strongest_routes(circuit_of(scores))] == [3.0, 2.0]


def test_routes_that_cannot_be_are_refused() -> None:
    circuit = circuit_of({"m0->m1": 1.0})
    assert strongest_routes(circuit) == ()
    with pytest.raises(CircuitError, match="at least one route"):
        strongest_routes(circuit, 0)
    with pytest.raises(CircuitError, match="no node 'm9'"):
        strongest_routes(circuit, source="m9")
    with pytest.raises(CircuitError, match="found 'm0' twice"):
        strongest_routes(circuit, source="m0", target="m0")


@STEADY
@given(scored_edges)
def test_pruning_keeps_what_dropping_dead_ends_keeps(scores: dict[str, float]) -> None:
    circuit = circuit_of(scores)
    kept = {edge.name: edge.ends for edge in circuit.edges}
    while True:
        entered, left = {end for _, end in kept.values()} | {"input"}, {end for end, _ in kept.values()} | {"logits"}
        alive = {name: ends for name, ends in kept.items() if ends[0] in entered and ends[1] in left}
        if alive == kept:
            break
        kept = alive
    pruned = prune(circuit)
    assert {edge.name for edge in pruned.edges} == kept.keys()
    assert prune(pruned) == pruned
    assert {node.id for node in pruned.nodes} == {"input", "logits"} | {end for ends in kept.values() for end in ends}


def test_pruning_needs_both_ends_and_keeps_claims(circuit: Circuit) -> None:
    with pytest.raises(CircuitError, match="no node 'input'"):
        prune(circuit)
    part = prune(circuit, "a0.h1", "a3.h2")
    assert [edge.name for edge in part.edges] == ["a0.h1->a3.h2<q>", "a0.h1->a3.h2<k>"]
    assert part.evidence("a0.h1") == circuit.evidence("a0.h1")
    assert part.runs == circuit.runs


@STEADY
@given(scored_edges, st.integers(0, 3))
def test_a_subgraph_holds_what_lies_within_reach(scores: dict[str, float], hops: int) -> None:
    circuit = circuit_of(scores)
    graph = nx.Graph([edge.ends for edge in circuit.edges])
    graph.add_node("input")
    near = set(nx.single_source_shortest_path_length(graph, "input", cutoff=hops))
    part = subgraph(circuit, ["input"], hops)
    assert {node.id for node in part.nodes} == near
    assert {edge.name for edge in part.edges} == {edge.name for edge in circuit.edges if near.issuperset(edge.ends)}


def test_patterns_take_brackets_and_dots_as_they_are() -> None:
    circuit = Circuit([Node(id="a[0]"), Node(id="a0"), Node(id="a.h"), Node(id="axh")])
    assert [node.id for node in subgraph(circuit, ["a[0]", "a.*"]).nodes] == ["a.h", "a[0]"]
    with pytest.raises(CircuitError, match=r"no node of the circuit is named by 'b\*'"):
        subgraph(circuit, ["b*"])
    with pytest.raises(CircuitError, match="at least one pattern"):
        subgraph(circuit, [])
    with pytest.raises(CircuitError, match="not negative"):
        subgraph(circuit, ["a0"], -1)


def test_a_census_counts_claims_and_findings(circuit: Circuit) -> None:
    census = Census.of(circuit | Circuit([Node(id="resid_pre.4")]))
    assert (census.nodes, census.edges, census.node_findings, census.edge_findings, census.loose) == (4, 3, 1, 1, 1)
    assert census.kinds == {"head": 2, "mlp": 1, "resid_pre": 1}
    assert census.layers == {0: 1, 2: 1, 3: 1, 4: 1}
    assert [(one.plugin, one.nodes, one.edges, one.findings) for one in census.claims] == [
        ("acdc", 2, 1, 0),
        ("activation_patching", 1, 1, 2),
    ]
    assert census.runs == {"5f2c": {"task": "ioi", "seed": "0"}, "77aa": {"task": "ioi", "seed": "1"}}
    assert Census.of(circuit, alpha=0.001).node_findings == 0
    assert Census.of(Circuit()).nodes == 0
