"""Copies with random weights have the same shape, other weights, and follow their seed."""

from __future__ import annotations

import pytest
import torch

from jackfield.errors import ModelLoadError
from jackfield.hooked_model import HookedModel
from jackfield.random_copy import random_copy


def test_a_copy_has_the_same_shape_and_other_weights(tiny_model: HookedModel) -> None:
    state, before = torch.get_rng_state(), tiny_model.run(tiny_model.tokenize(["anna and ben"]))
    first, again, other = (random_copy(tiny_model, seed) for seed in (0, 0, 1))
    assert first.shape == tiny_model.shape
    assert first.identity.dtype == tiny_model.identity.dtype
    assert first.identity.tokenizer == tiny_model.identity.tokenizer
    assert first.identity.weights == again.identity.weights
    assert len({tiny_model.identity.weights, first.identity.weights, other.identity.weights}) == 3
    assert torch.equal(before, tiny_model.run(tiny_model.tokenize(["anna and ben"])))
    assert torch.equal(state, torch.get_rng_state())


def test_a_network_without_a_configuration_is_refused(gpt2: HookedModel, faulty) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ModelLoadError, match="no copy of it with random weights"):
        random_copy(faulty(gpt2, original_model=torch.nn.Linear(2, 2)), 0)
