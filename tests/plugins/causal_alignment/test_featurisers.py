"""Featurisers: exact inverses, and the identities of interchanges in rotated coordinates."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from jackfield.errors import ConfigError
from jackfield_plugins.causal_alignment.bases import Coupling, Principal, Rotation, Standard
from jackfield_plugins.causal_alignment.featuriser import Featuriser, MapClass, make_featuriser
from jackfield_plugins.causal_alignment.gates import Boundary, Chosen, Mask

D = 8


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def activations(rows: int = 20, seed: int = 0) -> Tensor:
    return torch.randn(rows, D, generator=generator(seed), dtype=torch.float64)


SELF_CONTAINED = [kind for kind in MapClass if kind is not MapClass.DBM_SAE]
"""Kinds that are made of activations alone."""

BASE, SOURCE = activations(seed=1), activations(seed=2)


@pytest.mark.parametrize("kind", SELF_CONTAINED)
def test_spelling_and_unspelling_gives_the_activation_back(kind: MapClass) -> None:
    made = make_featuriser(kind, 3, activations(), generator())
    assert made.inverse_error(BASE) < 1e-12
    torch.testing.assert_close(made.swap(BASE, BASE), BASE, rtol=0, atol=1e-12)
    assert made.basis.linear == kind.is_linear


@pytest.mark.parametrize("kind", SELF_CONTAINED)
def test_no_feature_swaps_nothing_and_every_feature_all(kind: MapClass) -> None:
    made = make_featuriser(kind, D, activations(), generator())
    gate = torch.zeros(made.basis.features, dtype=torch.float64)
    torch.testing.assert_close(made.swap(BASE, SOURCE, gate), BASE, rtol=0, atol=1e-12)
    torch.testing.assert_close(made.swap(BASE, SOURCE, gate + 1), SOURCE, rtol=0, atol=1e-12)


@given(st.integers(1, D), st.integers(0, 100))
def test_the_low_rank_form_is_rotating_swapping_and_rotating_back(k: int, seed: int) -> None:
    made = make_featuriser(MapClass.DAS, k, activations(), generator(seed))
    directions = made.basis.directions  # type: ignore[union-attr]
    torch.testing.assert_close(directions @ directions.T, torch.eye(k, dtype=torch.float64))
    full = torch.linalg.svd(directions.detach(), full_matrices=True)[2]
    rotated, others = BASE @ full.T, SOURCE @ full.T
    rotated[:, :k] = others[:, :k]
    torch.testing.assert_close(made.swap(BASE, SOURCE).detach(), rotated @ full)


@given(st.integers(0, 100))
def test_only_the_span_of_the_directions_matters(seed: int) -> None:
    turn = torch.linalg.qr(torch.randn(3, 3, generator=generator(seed), dtype=torch.float64))[0]
    directions = Principal.of(activations(seed=seed), 3).directions
    first, second = (Featuriser(Principal(each), Chosen(3, range(3))) for each in (directions, turn @ directions))
    torch.testing.assert_close(first.swap(BASE, SOURCE), second.swap(BASE, SOURCE))


def test_no_rotation_is_a_swap_of_neurons() -> None:
    unturned = Featuriser(Principal(torch.eye(D, dtype=torch.float64)), Chosen(D, [0, 5]))
    wanted = BASE.clone()
    wanted[:, [0, 5]] = SOURCE[:, [0, 5]]
    torch.testing.assert_close(unturned.swap(BASE, SOURCE), wanted)
    assert torch.equal(Featuriser(Standard(D), Chosen(D, [0, 5])).swap(BASE, SOURCE), wanted)


def test_principal_directions_are_those_of_most_variance() -> None:
    stretched = activations(200) * torch.tensor([1, 1, 9, 1, 1, 5, 1, 1])
    directions = Principal.of(stretched, 2).directions
    assert directions.abs().argmax(-1).tolist() == [2, 5]
    assert make_featuriser(MapClass.NEURONS, 2, stretched, generator()).gate.hard().nonzero().flatten().tolist() == [
        2,
        5,
    ]


def test_a_coupling_is_not_linear_and_inverts_after_training() -> None:
    made = Coupling(activations(), 4, generator()).double()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.mul_(2)
    found = Featuriser(made, Chosen(D, range(D // 2)))
    assert found.inverse_error(BASE) < 1e-9
    middle = made.spell((BASE + SOURCE) / 2)[0]
    assert not torch.allclose(middle, (made.spell(BASE)[0] + made.spell(SOURCE)[0]) / 2)


def test_an_untrained_mask_does_nothing() -> None:
    mask = Mask(D)
    assert not mask.hard().any()
    torch.testing.assert_close(mask.soft(0.0), torch.full((D,), 0.5))
    with torch.no_grad():
        mask._logits[2] = 0.01
    assert mask.hard().nonzero().flatten().tolist() == [2]
    torch.testing.assert_close(mask.soft(1.0)[2], torch.tensor(1.0), rtol=0, atol=1e-3)


def test_a_boundary_takes_the_first_features() -> None:
    boundary = Boundary(D)
    assert boundary.hard().tolist() == [1.0] * 4 + [0.0] * 4
    assert boundary.soft(1.0)[0].item() == pytest.approx(0.5)
    torch.testing.assert_close(boundary.soft(1.0)[1:].round(), boundary.hard()[1:])
    assert boundary.penalty().item() == 0.5


@pytest.mark.parametrize("kind", [MapClass.DAS, MapClass.PCA])
@pytest.mark.parametrize("dimensions", [0, D + 1])
def test_more_directions_than_dimensions_are_refused(kind: MapClass, dimensions: int) -> None:
    with pytest.raises(ConfigError, match=f"{dimensions} directions were asked of an activation of {D} dimensions"):
        make_featuriser(kind, dimensions, activations(), generator())


def test_what_does_not_exist_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"features \[8\] were asked for"):
        Chosen(D, [8])
    with pytest.raises(ConfigError, match="two halves"):
        Coupling(torch.ones(3, 7), 1, generator())


def test_the_same_seed_begins_in_the_same_place_and_leaves_the_global_one_alone() -> None:
    def moved(made: Rotation) -> Tensor:
        """Directions after a step, which also depends on how they are completed to a basis."""
        made.directions[:, 0].sum().backward()
        with torch.no_grad():
            for parameter in made.parameters():
                parameter.sub_(parameter.grad)  # type: ignore[arg-type]
        return made.directions

    state = torch.get_rng_state()
    first, second, other = (Rotation(D, 2, generator(seed)).directions for seed in (0, 0, 1))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)
    assert torch.equal(state, torch.get_rng_state())
    with torch.random.fork_rng(devices=[]):
        step = moved(Rotation(D, 2, generator()))
        torch.rand(5)
        assert torch.equal(step, moved(Rotation(D, 2, generator())))
