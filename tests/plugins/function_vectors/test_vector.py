"""A vector by itself: applied for the length of a call, saved and loaded."""

from __future__ import annotations

from dataclasses import replace as with_fields
from pathlib import Path

import pytest
import torch

from jackfield.bench import Bench
from jackfield.errors import InterventionError, ResultError, SiteError
from jackfield.files import write_tensors
from jackfield.hooked_model import HookedModel
from jackfield.interventions import add
from jackfield.sites import Site
from jackfield_plugins.function_vectors.decoded import decoded
from jackfield_plugins.function_vectors.result import FunctionVectorsResult
from jackfield_plugins.function_vectors.vector import FunctionVector


@pytest.fixture
def plural(six: FunctionVectorsResult) -> FunctionVector:
    return six.vector("in_context.plural")


def test_a_vector_is_the_sum_of_its_heads_and_knows_where_it_belongs(
    six: FunctionVectorsResult, plural: FunctionVector
) -> None:
    assert plural.heads == tuple(six.heads_of("in_context.plural"))
    assert len(plural.heads) == 10
    chosen = six.data.sel(function="in_context.plural")
    tried = chosen["tried"]
    assert float(tried.max()) == float(tried.sel(layer=plural.layer, strength=plural.strength))


def test_applied_it_makes_the_model_carry_the_function_out_and_leaves_the_model_as_it_was(
    fieldmouse: HookedModel, plural: FunctionVector
) -> None:
    batch = fieldmouse.tokenize(["pig :", "the pen :"])
    before = fieldmouse.run(batch)
    steered = plural.apply(fieldmouse)
    likeliest = fieldmouse.answer_logits(steered.run(batch), batch).argmax(-1)
    assert fieldmouse.token_text(int(likeliest[0])) == "pigs"
    assert torch.equal(fieldmouse.run(batch), before)
    wanted = fieldmouse.run_with_interventions(
        batch, [add(Site.parse("resid_post.2"), 1.5 * plural.vector, batch.at([-1, -1]))]
    )
    assert torch.equal(plural.apply(fieldmouse, layer=2, strength=1.5).run(batch), wanted)
    kept = steered.run_with_cache(batch, [steered.site])[steered.site]
    plain = fieldmouse.run_with_cache(batch, [steered.site])[steered.site]
    torch.testing.assert_close((kept - plain)[0, 2], plural.strength * plural.vector, atol=1e-4, rtol=1e-4)


def test_generating_adds_it_at_every_new_token(fieldmouse: HookedModel, plural: FunctionVector) -> None:
    prompts = ["pig :", "cat : cats , rose :"]
    steered = plural.apply(fieldmouse)
    for prompt, text in zip(prompts, steered.continued(prompts, 3), strict=True):
        tokens = fieldmouse.tokenize([prompt])
        first, said = tokens.tokens.shape[1] - 1, prompt
        for _ in range(3):
            batch = fieldmouse.tokenize([said])
            where = torch.arange(batch.tokens.shape[1])[None] >= first
            logits = fieldmouse.run_with_interventions(batch, [add(steered.site, steered.vector, where)])
            said += " " + fieldmouse.token_text(int(logits[0, -1].argmax()))
        assert said[len(prompt) :].replace(" ", "") == text.replace(" ", "")


def test_a_saved_vector_comes_back_the_same(plural: FunctionVector, tmp_path: Path) -> None:
    plural.save(tmp_path / "plural.safetensors")
    back = FunctionVector.load(tmp_path / "plural.safetensors")
    assert torch.equal(back.vector, plural.vector)
    for field in ("function", "layer", "strength", "heads", "provenance"):
        assert getattr(back, field) == getattr(plural, field)


def test_a_file_that_holds_no_vector_is_refused(plural: FunctionVector, tmp_path: Path) -> None:
    path = tmp_path / "plural.safetensors"
    with pytest.raises(ResultError, match="does not hold"):
        FunctionVector.load(path)
    write_tensors(path, {"vector": plural.vector}, {"format": "another"})
    with pytest.raises(ResultError, match="'another'"):
        FunctionVector.load(path)
    plural.save(path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ResultError, match="does not hold"):
        FunctionVector.load(path)


def test_a_model_that_it_does_not_fit_is_refused(
    fieldmouse: HookedModel, gpt2: HookedModel, plural: FunctionVector
) -> None:
    with pytest.raises(InterventionError, match="has 128 numbers; the residual stream of tiny-gpt2 has 32"):
        plural.apply(gpt2)
    other = with_fields(plural.provenance, model=with_fields(plural.provenance.model, weights="0" * 64))
    stranger = with_fields(plural, provenance=other)
    with pytest.raises(InterventionError, match="other_weights=True"):
        stranger.apply(fieldmouse)
    assert stranger.apply(fieldmouse, other_weights=True).site == plural.apply(fieldmouse).site
    with pytest.raises(SiteError, match="6 layers"):
        plural.apply(fieldmouse, layer=6)


def test_a_vector_that_does_not_exist_is_refused_with_those_that_do(six: FunctionVectorsResult) -> None:
    with pytest.raises(ResultError, match=r"no vector of 'plural'; there are in_context\.capital"):
        six.vector("plural")


def test_the_last_stream_is_read_out_as_what_the_model_says(bench: Bench) -> None:
    model = bench.model
    batch, last = model.tokenize(["cat : cats , pig :"]), Site.parse("resid_post.5")
    run = model.run_with_cache(batch, [last])
    probabilities = run.logits[0, -1].softmax(-1).topk(4)
    found = decoded(model, run[last][0, -1], 4)
    assert [text for text, _ in found] == [model.token_text(token) for token in probabilities.indices.tolist()]
    assert [share for _, share in found] == pytest.approx(probabilities.values.tolist(), abs=1e-5)
