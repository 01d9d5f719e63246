"""An intervention changes what it selects, by a pure function, and nothing else."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from jackfield.errors import InterventionError
from jackfield.interventions import Edit, Intervention, add, replace, zero
from jackfield.sites import Site

STREAM, HEADS, PATTERN = (2, 3, 8), (2, 3, 4, 5), (2, 4, 3, 3)
SHAPES = {"m1": STREAM, "a1.h*.z": HEADS, "a1.h2.z": HEADS, "a1.h*.pattern": PATTERN, "a1.h2.pattern": PATTERN}
WHERE = torch.tensor([[True, False, False], [False, True, True]])


each_site = pytest.mark.parametrize("text", SHAPES)


@pytest.fixture
def activation(text: str) -> Tensor:
    return torch.randn(SHAPES[text], generator=torch.Generator().manual_seed(0))


@each_site
def test_the_activation_given_is_left_untouched(activation: Tensor, text: str) -> None:
    before = activation.clone()
    changed = add(Site.parse(text), torch.ones(1), WHERE).apply(activation)
    assert torch.equal(activation, before)
    assert not torch.equal(changed, before)


@each_site
def test_only_the_selected_tokens_and_head_change(activation: Tensor, text: str) -> None:
    site = Site.parse(text)
    moved = (replace(site, torch.full((1,), 7.0), WHERE).apply(activation) != activation).movedim(
        site.kind.axes.index("position"), 1
    )
    head_axis = {"a1.h2.z": 2, "a1.h2.pattern": 2}.get(text)
    if head_axis is not None:
        assert not moved.index_select(head_axis, torch.tensor([0, 1, 3])).any()
        moved = moved.select(head_axis, 2)
    assert torch.equal(moved.flatten(2).all(-1), WHERE)
    assert torch.equal(moved.flatten(2).any(-1), WHERE)


@each_site
def test_an_edit_sees_the_axes_that_its_site_names(activation: Tensor, text: str) -> None:
    site, seen = Site.parse(text), []

    def edit(old: Tensor) -> Tensor:
        seen.append(old.shape)
        return old + 1

    Intervention(site, edit).apply(activation)
    sizes = dict(zip(site.kind.axes, activation.shape, strict=True))
    assert seen == [torch.Size(sizes[axis] for axis in site.axes)]


@pytest.mark.parametrize("shape", [(), (1,), (8,), (3, 8), (1, 8), (3, 1), (2, 1, 1), (2, 3, 8)])
def test_a_value_is_broadcast_over_the_leading_axes(shape: tuple[int, ...]) -> None:
    value = torch.rand(shape)
    site, activation = Site.parse("m1"), torch.zeros(STREAM)
    assert torch.equal(replace(site, value).apply(activation), value.expand(STREAM))
    assert torch.equal(add(site, value).apply(activation + 1), value.expand(STREAM) + 1)


def test_zero_puts_zeros_and_spares_the_rest() -> None:
    activation = torch.ones(HEADS)
    changed = zero(Site.parse("a0.h1.z"), WHERE).apply(activation)
    assert changed.sum() == activation.sum() - WHERE.sum() * HEADS[-1]


def test_a_value_takes_the_activations_format() -> None:
    activation = torch.zeros(STREAM, dtype=torch.bfloat16)
    for intervention in (
        replace(Site.parse("m1"), torch.ones(8)),
        Intervention(Site.parse("m1"), lambda old: old.double()),
    ):
        assert intervention.apply(activation).dtype == torch.bfloat16


def test_a_zero_attention_pattern_is_refused() -> None:
    with pytest.raises(InterventionError, match="a zero attention pattern is not a distribution"):
        zero(Site.parse("a1.h0.pattern"))


def test_an_intervention_that_selects_nothing_is_refused() -> None:
    with pytest.raises(InterventionError, match=r"the intervention at m1 cannot fire: it selects no position"):
        zero(Site.parse("m1"), torch.zeros(2, 3, dtype=torch.bool))


@pytest.mark.parametrize("shape", [(7,), (2, 8), (4, 3, 8), (2, 2, 3, 8)])
@pytest.mark.parametrize("make", [replace, add])
def test_a_value_that_does_not_fit_is_refused(make: type[Intervention], shape: tuple[int, ...]) -> None:
    with pytest.raises(InterventionError) as refused:
        make(Site.parse("m1"), torch.ones(shape)).apply(torch.zeros(STREAM))
    assert f"a value of shape {shape} does not fit m1, whose activation has shape (2, 3, 8)" in str(refused.value)


@pytest.mark.parametrize(
    ("edit", "found"),
    [
        (
            lambda old: old[:, :2],
            r"returned shape \(2, 2, 8\), expected shape \(2, 3, 8\) \('batch', 'position', 'd_model'\)",
        ),
        (lambda old: old.sum(), r"returned shape \(\), expected shape"),
        (lambda old: None, r"returned a NoneType, expected shape"),
    ],
)
def test_an_edit_of_the_wrong_shape_is_refused(edit: Edit, found: str) -> None:
    with pytest.raises(InterventionError, match=rf"the edit at m1 {found}"):
        Intervention(Site.parse("m1"), edit).apply(torch.zeros(STREAM))


@pytest.mark.parametrize("text", ["a1.h*.z", "a1.h2.z"])
def test_an_edit_in_place_is_refused(text: str) -> None:
    with pytest.raises(InterventionError, match="changed the activation in place; return a new tensor instead"):
        Intervention(Site.parse(text), lambda old: old.mul_(0)).apply(torch.ones(HEADS))


def test_a_selection_of_other_prompts_is_refused() -> None:
    with pytest.raises(
        InterventionError, match=r"selects positions \(2, 3\) \[batch, column\] of an activation of shape"
    ):
        zero(Site.parse("m1"), WHERE).apply(torch.ones(2, 4, 8))


def test_an_intervention_is_shown_by_its_site() -> None:
    assert repr(zero(Site.parse("a3.h1<q>"))) == "Intervention(a3.h1<q>)"
