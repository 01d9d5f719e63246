"""Causal models compute, interchange and split as they say, and bad ones are refused."""

from __future__ import annotations

import random
from collections.abc import Mapping

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jackfield.builtins.algorithms import (
    ALGORITHMS,
    BETWEEN,
    EQUALITY,
    GREATER_THAN,
    HIERARCHICAL_EQUALITY,
    IOI,
    MODULAR_SUM,
)
from jackfield.causal_models import CausalModel, Value, Variable
from jackfield.counterfactuals import CounterfactualSet
from jackfield.errors import CausalModelError

BITS = (0, 1)
DIGITS = st.integers(0, 9)


def bits(*computed: Variable, output: str = "OUT") -> CausalModel:
    return CausalModel("test", "a test", (Variable("A", BITS), Variable("B", BITS), *computed), output)


@given(DIGITS, DIGITS, DIGITS, DIGITS)
def test_the_modular_sum_is_the_sum(a: int, b: int, c: int, d: int) -> None:
    found = MODULAR_SUM.run({"TENS_1": a, "UNITS_1": b, "TENS_2": c, "UNITS_2": d})
    assert found["SUM"] == (10 * a + b + 10 * c + d) % 100
    assert found["CARRY"] == (b + d > 9)


@given(st.integers(10, 59), st.integers(10, 59))
def test_greater_than_is_greater_than(year: int, ending: int) -> None:
    found = GREATER_THAN.run({"YEAR": str(year), "ENDING": str(ending)})
    assert found["ANSWER"] == ("yes" if ending > year else "no")


def test_the_recipient_is_who_does_not_give_and_its_place_is_passed_on_without_the_name() -> None:
    base, source = (
        {"IO": a, "S1": b, "S2": giver} for a, b, giver in (("john", "mary", "mary"), ("bill", "anna", "bill"))
    )
    model = IOI.over(dict.fromkeys(IOI.inputs, ("john", "mary", "bill", "anna")))
    assert model.run(base) == {**base, "PLACE": "IO", "RECIPIENT": "john", "ANSWER": "john"}
    assert model.run_interchange(base, {"PLACE": source})["ANSWER"] == "mary"
    assert model.run_interchange(base, {"RECIPIENT": source})["ANSWER"] == "anna"


def test_what_passes_an_input_on_has_its_domain_too() -> None:
    model = IOI.over(dict.fromkeys(IOI.inputs, ("Zoe", "Max", "Ben", "Tom")))
    assert model["ANSWER"].domain == model["RECIPIENT"].domain == model["IO"].domain
    assert model["PLACE"].domain == IOI["PLACE"].domain


@given(st.integers(0, 1000))
def test_an_interchange_is_the_mechanisms_run_on_the_other_value(seed: int) -> None:
    draw = random.Random(seed)
    base, source = HIERARCHICAL_EQUALITY.draw(draw), HIERARCHICAL_EQUALITY.draw(draw)
    wanted = (source["W"] == source["X"]) == (base["Y"] == base["Z"])
    assert HIERARCHICAL_EQUALITY.run_interchange(base, {"WX": source})["ANSWER"] == ("yes" if wanted else "no")


@pytest.mark.parametrize("name", ALGORITHMS)
def test_interchanging_with_oneself_or_all_variables_does_nothing_or_all(name: str) -> None:
    model, draw = ALGORITHMS[name], random.Random(name)
    for _ in range(50):
        base, source = model.draw(draw), model.draw(draw)
        assert model.run_interchange(base, {}) == model.run(base)
        assert model.run_interchange(base, dict.fromkeys(model.hidden, base)) == model.run(base)
        everything = model.run_interchange(base, dict.fromkeys(model.inputs, source))
        assert everything == model.run(source)
        hidden = model.run_interchange(base, dict.fromkeys(model.hidden, source))
        assert hidden[model.output] == model.run(source)[model.output]


def test_sources_may_differ_from_variable_to_variable() -> None:
    base, equal = dict(zip("WXYZ", "abcd", strict=True)), dict(zip("WXYZ", "aacd", strict=True))
    model = HIERARCHICAL_EQUALITY.over(dict.fromkeys("WXYZ", tuple("abcd")))
    both = model.run_interchange(base, {"WX": equal, "YZ": base})
    assert (both["WX"], both["YZ"], both["ANSWER"]) == (1, 0, "no")


@pytest.mark.parametrize("name", ALGORITHMS)
def test_half_of_the_counterfactuals_change_the_label(name: str) -> None:
    model = ALGORITHMS[name]
    for variable in model.hidden:
        drawn = CounterfactualSet.draw(model, variable, 40, random.Random(1))
        assert len(drawn) == 40
        assert drawn.changed_share == 0.5
        for row in drawn.rows:
            assert row.label == model.run_interchange(row.base, {variable: row.source})[model.output]
            assert row.base_label == model.run(row.base)[model.output]


def test_isolating_rows_agree_on_the_variable_and_not_on_the_output() -> None:
    drawn = CounterfactualSet.draw_isolating(HIERARCHICAL_EQUALITY, "WX", 20, random.Random(0))
    assert drawn is not None
    for row in drawn.rows:
        base, source = HIERARCHICAL_EQUALITY.run(row.base), HIERARCHICAL_EQUALITY.run(row.source)
        assert base["WX"] == source["WX"]
        assert base["ANSWER"] != source["ANSWER"]
        assert not row.is_changed
    assert CounterfactualSet.draw_isolating(EQUALITY, "SAME", 20, random.Random(0)) is None


@pytest.mark.parametrize("name", ALGORITHMS)
def test_split_models_share_no_value(name: str) -> None:
    first, second = ALGORITHMS[name].split(random.Random(0), 0.4)
    for variable in first.inputs:
        whole = ALGORITHMS[name][variable].domain
        assert not {*first[variable].domain} & {*second[variable].domain}
        assert {*first[variable].domain} | {*second[variable].domain} == {*whole}
    seen = {value for _ in range(50) for value in second.draw(random.Random(3)).values()}
    assert seen <= {*second[second.inputs[0]].domain}


def test_inputs_of_one_domain_are_split_alike() -> None:
    first, _ = HIERARCHICAL_EQUALITY.split(random.Random(0), 0.5)
    assert len({first[name].domain for name in first.inputs}) == 1


def test_the_graph_is_the_algorithm() -> None:
    graph = MODULAR_SUM.graph()
    assert nx.is_directed_acyclic_graph(graph)
    assert {*graph.predecessors("TENS")} == {"TENS_1", "TENS_2", "CARRY"}
    assert graph.nodes["SUM"] == {"kind": "output", "values": 100}
    assert graph.nodes["CARRY"] == {"kind": "hidden", "values": 2}
    assert "</graphml>" in "\n".join(nx.generate_graphml(graph))
    texts = {text.get_text() for text in MODULAR_SUM.plot().axes[0].texts}
    assert {*graph.nodes} <= texts


def test_the_graphs_arrows_follow_the_parents() -> None:
    assert ("VALUE", "ABOVE_LOW") in BETWEEN.graph().edges
    assert BETWEEN.inputs == ("VALUE", "LOW", "HIGH")
    assert BETWEEN.hidden == ("ABOVE_LOW", "BELOW_HIGH")


def other(*values: Value) -> Value:
    return values[0]


@pytest.mark.parametrize(
    ("computed", "message"),
    [
        ((Variable("C", BITS, ("OUT",), other), Variable("OUT", BITS, ("A", "C"), other)), "circle"),
        ((Variable("OUT", BITS, ("A", "D"), other),), r"unknown parents \['D'\]"),
        ((Variable("OUT", BITS, ("A", "B"), lambda a, b: a + b),), "is 2 for A=1, B=1: outside its domain"),
        ((Variable("OUT", BITS, ("A",), {0: 1}.__getitem__),), "not defined for A=1: KeyError"),
        ((Variable("OUT", BITS, ("A",), lambda: 1),), "not defined for A=0: TypeError"),
        ((Variable("A", BITS), Variable("OUT", BITS, ("A",), other)), "a name recurs"),
        ((Variable("OUT", BITS, ("A",), other, like="C"),), "like 'C', which is no input"),
        ((), "computes no variable 'OUT'"),
    ],
)
def test_bad_models_are_refused(computed: tuple[Variable, ...], message: str) -> None:
    with pytest.raises(CausalModelError, match=message):
        bits(*computed)


@pytest.mark.parametrize("fields", [{"domain": ()}, {"domain": (1, 1)}, {"domain": BITS, "parents": ("B",)}])
def test_bad_variables_are_refused(fields: Mapping[str, tuple[Value, ...]]) -> None:
    with pytest.raises(CausalModelError):
        Variable("A", **fields)  # type: ignore[arg-type]


def test_bad_settings_are_refused() -> None:
    model = bits(Variable("OUT", BITS, ("A", "B"), lambda a, b: a & b))
    with pytest.raises(CausalModelError, match="needs values of A, B, got A"):
        model.run({"A": 1})
    with pytest.raises(CausalModelError, match="A of test cannot be 7"):
        model.run({"A": 7, "B": 1})
    with pytest.raises(CausalModelError, match="no variable 'C'"):
        model.run_interchange({"A": 1, "B": 1}, {"C": {"A": 1, "B": 1}})
    with pytest.raises(CausalModelError, match="only inputs"):
        model.over({"OUT": BITS})
    with pytest.raises(CausalModelError, match="4 are needed"):
        model.split(random.Random(0), 0.5)


def test_an_interchange_that_never_changes_the_label_is_refused() -> None:
    model = bits(Variable("IDLE", BITS, ("A",), other), Variable("OUT", BITS, ("B", "IDLE"), other))
    with pytest.raises(CausalModelError, match="IDLE never changes the output OUT"):
        CounterfactualSet.draw(model, "IDLE", 4, random.Random(0))


def test_a_sampler_without_enough_values_is_told_so() -> None:
    model = HIERARCHICAL_EQUALITY.over(dict.fromkeys("WXYZ", ("cat", "box")))
    with pytest.raises(CausalModelError, match="so few values"):
        model.draw(random.Random(0))
