"""How heads read and write, against what the model itself does where it gives every head a stream of its own."""

from __future__ import annotations

import types
from typing import Any

import pytest
import torch
from torch import Tensor

from jackfield.errors import SiteError
from jackfield.hooked_model import HookedModel
from jackfield.logit_lens import unembedded
from jackfield.projections import Projections
from jackfield.registry import Registry
from jackfield.sites import Kind, Site
from jackfield.testing import Trial
from jackfield.testing.conformance.stage import Stage
from jackfield.token_batch import TokenBatch

INNER = (Kind.Q, Kind.K, Kind.V)
INPUTS = (Kind.Q_INPUT, Kind.K_INPUT, Kind.V_INPUT)


@pytest.fixture
def batch(any_model: HookedModel) -> TokenBatch:
    rows = [[1, 7, 9, 12, 8], [1, 30, 5]]
    return TokenBatch.from_rows(rows, 0, "left")


def objective(logits: Tensor) -> Tensor:
    return logits[:, 5] - logits[:, 9] ** 2


def test_slopes_by_single_heads_inputs_are_those_of_a_model_with_split_inputs(
    any_model: HookedModel, batch: TokenBatch
) -> None:
    projections = Projections.of(any_model)
    layers = range(any_model.shape.n_layers)
    split = any_model.run_with_gradients(batch, [Site(kind, layer) for kind in INPUTS for layer in layers], objective)
    run = any_model.run_with_gradients(
        batch, [Site(kind, layer) for kind in INNER for layer in layers], objective, (),
        [Site(Kind.RESID_PRE, layer) for layer in layers],
    )  # fmt: skip
    for layer in layers:
        found = projections.pulled_back(
            layer, run[Site(Kind.RESID_PRE, layer)], {kind: run.gradient(Site(kind, layer)) for kind in INNER}
        )
        wanted = torch.cat([split.gradient(Site(kind, layer)).movedim(2, 0) for kind in INPUTS])
        assert wanted[:, batch.mask].abs().max() > 0
        torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5 * float(wanted.abs().max()))


def test_a_head_with_a_stream_of_its_own_reads_that(any_model: HookedModel, batch: TokenBatch) -> None:
    projections = Projections.of(any_model)
    stream = any_model.run_with_cache(batch, [Site(Kind.RESID_PRE, 1)])[Site(Kind.RESID_PRE, 1)]
    for kind in INNER:
        heads = any_model.shape.heads_of(kind)
        streams = stream[:, :, None] * torch.arange(1, heads + 1)[:, None] + torch.arange(heads)[:, None]
        found = projections.read(kind, 1, streams)
        for head in range(heads):
            alone = projections.read_alike(kind, 1, streams[:, :, head])
            torch.testing.assert_close(found[:, :, head], alone[:, :, head], rtol=1e-5, atol=1e-5)


def test_what_heads_write_adds_up_to_the_attention_output(any_model: HookedModel, batch: TokenBatch) -> None:
    projections = Projections.of(any_model)
    run = any_model.run_with_cache(batch, [Site(Kind.Z, 1), Site(Kind.ATTN_OUT, 1)])
    rest = run[Site(Kind.ATTN_OUT, 1)] - projections.written(1, run[Site(Kind.Z, 1)]).sum(2)
    bias = rest[0, 0].expand_as(rest)
    torch.testing.assert_close(rest, bias, rtol=1e-4, atol=2e-5)


def test_a_model_without_heads_to_look_at_is_refused(gpt2: HookedModel, faulty: Any) -> None:
    blocks = [types.SimpleNamespace(ln1=None, attn=object()) for _ in range(2)]
    with pytest.raises(SiteError, match=r"does not show its heads' weights"):
        Projections.of(faulty(gpt2, blocks=blocks))


class _Other:
    """A block whose attention has other weights than it computes with."""

    def __init__(self, block: Any, changed: str) -> None:
        self.ln1 = block.ln1
        self.attn = types.SimpleNamespace(**{name: getattr(block.attn, name) for name in _NAMES})
        setattr(self.attn, changed, getattr(self.attn, changed) * 1.01)


_NAMES = ("W_Q", "W_K", "W_V", "W_O", "b_Q", "b_K", "b_V")


@pytest.mark.parametrize(("changed", "site"), [("W_K", "a0.h*.k"), ("W_O", "attn_out.0")])
def test_weights_that_the_model_does_not_compute_with_are_refused(
    gpt2: HookedModel, faulty: Any, changed: str, site: str
) -> None:
    blocks = [_Other(block, changed) for block in gpt2.bridge.blocks]
    with pytest.raises(SiteError, match=site.replace(".", r"\.").replace("*", r"\*")):
        Projections.of(faulty(gpt2, blocks=blocks))


def test_outputs_and_streams_in_float32_are_taken_by_models_in_other_formats() -> None:
    for dtype in ("float64", "bfloat16"):
        model = Stage(Registry(), Trial()).model(dtype)  # type: ignore[arg-type]
        assert str(model.dtype) == f"torch.{dtype}"
        written = Projections.of(model).written(0, torch.ones(model.shape.n_heads, model.shape.d_head))
        assert written.dtype == torch.float32
        assert unembedded(model, written[None]).dtype == model.dtype
