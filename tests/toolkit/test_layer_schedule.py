"""Schedules run the layers they name: the plain one is the model bit for bit, and others equal what writes can do."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from jackfield.errors import InterventionError, SiteError, TaskError
from jackfield.generation import generate
from jackfield.hooked_model import HookedModel
from jackfield.interventions import replace, zero
from jackfield.layer_schedule import LayerSchedule, scheduled
from jackfield.replay import Replay
from jackfield.sites import Kind, Site
from jackfield.token_batch import TokenBatch

BATCH = TokenBatch.from_rows([[1, 9, 34, 11, 36, 40, 12, 41], [1, 22, 57, 9, 30]], 0, "left")


def run(model: HookedModel, schedule: LayerSchedule) -> Tensor:
    with scheduled(model, schedule):
        return model.run(BATCH)[BATCH.mask]


def test_the_plain_schedule_is_the_model_bit_for_bit(any_model: HookedModel) -> None:
    assert torch.equal(run(any_model, LayerSchedule.plain(any_model.shape.n_layers)), any_model.run(BATCH)[BATCH.mask])


def test_copying_a_stream_at_all_positions_is_looping_or_skipping_layers(any_model: HookedModel) -> None:
    """B2: ``resid_post[s]`` into ``resid_post[t]`` is running layers 0 to s, then t + 1 to the last."""
    deep = any_model.shape.n_layers
    for source, target in ((1, 0), (0, 1), (deep - 1, 0), (0, deep - 1)):
        taken, put = Site(Kind.RESID_POST, source), Site(Kind.RESID_POST, target)
        state = any_model.run_with_cache(BATCH, [taken])[taken]
        copied = any_model.run_with_interventions(BATCH, [replace(put, state)])[BATCH.mask]
        looped = run(any_model, LayerSchedule.of([*range(source + 1), *range(target + 1, deep)]))
        torch.testing.assert_close(looped, copied, rtol=1e-5, atol=1e-5 * max(1.0, copied.abs().max().item()))


def test_writing_zeros_for_what_a_layer_adds_is_skipping_it(any_model: HookedModel) -> None:
    """B3."""
    layer = any_model.shape.n_layers - 1
    parts = [zero(Site(kind, layer)) for kind in (Kind.ATTN_OUT, Kind.MLP_OUT)]
    wanted = any_model.run_with_interventions(BATCH, parts)[BATCH.mask]
    found = run(any_model, LayerSchedule.plain(layer + 1).without(layer))
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5 * max(1.0, wanted.abs().max().item()))


def test_layers_side_by_side_put_out_their_mean(any_model: HookedModel) -> None:
    deep, last = any_model.shape.n_layers, Site(Kind.RESID_POST, any_model.shape.n_layers - 1)
    outputs = []
    for layer in (0, 1):
        with scheduled(any_model, LayerSchedule.of([layer])):
            site = Site(Kind.RESID_POST, layer)
            outputs.append(any_model.run_with_cache(BATCH, [site])[site])
    together = run(any_model, LayerSchedule.plain(deep).side_by_side(0, 2).without(*range(2, deep)))
    mean = (outputs[0] + outputs[1]) / 2
    wanted = any_model.run_with_interventions(BATCH, [replace(last, mean)])[BATCH.mask]
    torch.testing.assert_close(together, wanted, rtol=1e-5, atol=1e-5 * max(1.0, wanted.abs().max().item()))


def test_order_matters_and_is_kept(fieldmouse: HookedModel) -> None:
    plain = LayerSchedule.plain(6)
    swapped, again = plain.swapped(2, 3), plain.reversed(2, 4)
    assert swapped == again == LayerSchedule.of([0, 1, 3, 2, 4, 5])
    assert not torch.allclose(run(fieldmouse, swapped), run(fieldmouse, plain), atol=1e-3)
    assert torch.equal(run(fieldmouse, swapped.swapped(2, 3)), run(fieldmouse, plain))
    assert plain.repeated(1, 3, 2).steps == LayerSchedule.of([0, 1, 2, 1, 2, 3, 4, 5]).steps
    assert plain.side_by_side(1, 3).without(1).steps == ((0,), (2,), (3,), (4,), (5,))


def test_sites_of_layers_that_run_once_can_be_read_and_others_say_how_often_they_ran(fieldmouse: HookedModel) -> None:
    sites = [Site.parse(f"resid_pre.{layer}") for layer in (1, 4)]
    with scheduled(fieldmouse, LayerSchedule.plain(6).without(1, 2, 3)):
        assert fieldmouse.run_with_cache(BATCH, sites[1:])[sites[1]].shape[-1] == 128
        with pytest.raises(InterventionError, match=r"resid_pre\.1 .* was touched 0 time"):
            fieldmouse.run_with_cache(BATCH, sites)
    with (
        scheduled(fieldmouse, LayerSchedule.plain(6).repeated(1, 2, 3)),
        pytest.raises(InterventionError, match="touched 3 time"),
    ):
        fieldmouse.run_with_cache(BATCH, sites)


def test_patches_are_replayed_on_the_scheduled_model_too(fieldmouse: HookedModel) -> None:
    patches = [[zero(Site.parse(f"attn_out.{layer}"), BATCH.at([-1, -1]))] for layer in (0, 3, 5)]
    with scheduled(fieldmouse, LayerSchedule.plain(6).swapped(2, 3)):
        wanted = [fieldmouse.answer_logits(fieldmouse.run_with_interventions(BATCH, patch), BATCH) for patch in patches]
        found = torch.zeros(3, 2, fieldmouse.shape.d_vocab)
        for indices, prompts, logits in Replay(fieldmouse, BATCH, patches).answers():
            found[indices, prompts] = logits
        torch.testing.assert_close(found, torch.stack(wanted), rtol=1e-4, atol=1e-4)
        assert torch.equal(
            fieldmouse.answer_logits(fieldmouse.run_with_interventions(BATCH, patches[0]), BATCH), wanted[0]
        )


def test_a_scheduled_model_keeps_nothing_that_a_prompt_could_be_continued_from(gpt2: HookedModel) -> None:
    with scheduled(gpt2, LayerSchedule.of([0, 0, 1])), pytest.raises(TaskError, match="keeps no keys and values"):
        generate(gpt2, BATCH, 2)


@pytest.mark.parametrize("error", [None, KeyboardInterrupt])
def test_the_model_is_as_before_when_the_block_is_left(gpt2: HookedModel, error: type[BaseException] | None) -> None:
    before = gpt2.run(BATCH)

    def use() -> None:
        with scheduled(gpt2, LayerSchedule.of([1])):
            assert not torch.equal(gpt2.run(BATCH), before)
            if error is not None:
                raise error

    if error is None:
        use()
    else:
        with pytest.raises(error):
            use()
    assert torch.equal(gpt2.run(BATCH), before)
    assert not any("forward" in vars(block) for block in gpt2.bridge.blocks)


def test_schedules_that_make_no_sense_are_refused(gpt2: HookedModel) -> None:
    plain = LayerSchedule.plain(2)
    for build in (
        lambda: LayerSchedule(()), lambda: LayerSchedule(((0,), ())), lambda: LayerSchedule.of([0, -1]),
        lambda: plain.without(0, 1), lambda: plain.repeated(0, 3, 2), lambda: plain.repeated(0, 1, 0),
        lambda: plain.reversed(1, 1), lambda: plain.side_by_side(-1, 1),
    ):  # fmt: skip
        with pytest.raises(SiteError):
            build()
    with pytest.raises(SiteError, match=r"layers \[2\] do not exist: tiny-gpt2 has 2 layers"):
        run(gpt2, LayerSchedule.plain(3))
