"""Average indirect effects: the same numbers as one full forward pass per head."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from jackfield.bench import Bench
from jackfield.hooked_model import HookedModel
from jackfield.interventions import replace
from jackfield.sites import Kind, Site
from jackfield.sweep import sweep as plain_sweep
from jackfield_plugins.function_vectors.effects import Effects, every_head
from jackfield_plugins.function_vectors.functions import find
from jackfield_plugins.function_vectors.prompts import Known, Prompts


def prompts_for(model: HookedModel) -> Prompts:
    """Prompts of different lengths."""
    function = find("in_context.plural")
    examples = [("cat", "pigs"), ("box", "cups"), ("pen", "cats"), ("bus", "cars")]
    words = ["plum", "rose", "crow"]
    texts = [function.layout.prompt(examples[: 2 + index % 3], word) for index, word in enumerate(words)]
    return Prompts.tokenize(model, Known.of(model, function), texts, words)


@pytest.fixture(params=["gpt2", "llama", "gpt_neox", "gemma2", "fieldmouse"])
def model(request: pytest.FixtureRequest) -> HookedModel:
    """Four architectures, one with grouped queries, and the embedded model."""
    if request.param == "fieldmouse":
        found: HookedModel = request.getfixturevalue("fieldmouse")
    else:
        found = request.getfixturevalue("tiny_models")[request.param]
    return found


def test_the_sweep_equals_one_full_forward_per_head(bench: Bench, model: HookedModel) -> None:
    from dataclasses import replace as with_fields

    shape = model.shape
    draw = torch.Generator().manual_seed(0)
    own, other = torch.randn(2, shape.n_layers, shape.n_heads, shape.d_head, generator=draw)
    here, prompts = with_fields(bench, model=model), prompts_for(model)
    fast = Effects.measure(here, prompts, own, other, "heads")
    slow = Effects.measure(here, prompts, own, other, "heads", plain_sweep)
    assert np.abs(slow.own).max() > 1e-6
    for name in ("base", "own", "other"):
        np.testing.assert_allclose(getattr(fast, name), getattr(slow, name), atol=2e-5)


def test_an_effect_is_the_gain_in_probability_of_the_right_answer(bench: Bench) -> None:
    model, prompts = bench.model, prompts_for(bench.model)
    mean = torch.randn(6, 8, 16, generator=torch.Generator().manual_seed(0))
    effects = Effects.measure(bench, prompts, mean, 0 * mean, "heads")
    head = every_head(bench).index(Site.parse("a2.h5"))
    for row, text in enumerate(prompts.texts):
        batch = model.tokenize([text])
        written = model.run_with_interventions(batch, [replace(Site.parse("a2.h5.z"), mean[2, 5], batch.at([-1]))])
        answer = prompts.key.answers[row].nonzero().item()
        before, after = (logits[0, -1].softmax(-1)[answer].item() for logits in (model.run(batch), written))
        assert effects.base[row] == pytest.approx(before, abs=1e-5)
        assert effects.own[head, row] == pytest.approx(after - before, abs=1e-5)


def test_the_mean_of_equal_outputs_moves_nothing(bench: Bench) -> None:
    prompts = prompts_for(bench.model)
    one = Prompts(prompts.texts[:1], prompts.inputs[:1], prompts.tokens.select([0]), prompts.key.select([0]))
    sites = [Site(Kind.Z, layer) for layer in range(6)]
    run = bench.model.run_with_cache(one.tokens, sites)
    own = torch.stack([run[site][0, -1] for site in sites])
    effects = Effects.measure(bench, one, own, torch.zeros_like(own), "heads")
    np.testing.assert_allclose(effects.own, 0, atol=1e-6)
    assert np.abs(effects.other).max() > 1e-3
