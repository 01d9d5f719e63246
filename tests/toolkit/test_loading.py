"""Models load whole and checked, or not at all."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from jackfield.errors import ModelLoadError, SelfCheckError
from jackfield.hooked_model import HookedModel
from jackfield.interventions import replace
from jackfield.loading import LoadRequest, digest_tokenizer, digest_weights, hook, load_folder, load_model
from jackfield.sites import Site
from jackfield.token_batch import TokenBatch

BATCH = TokenBatch.from_rows([[1, 9, 34, 11, 36], [1, 22, 57]], 0)
Network = Callable[[str], PreTrainedModel]


@pytest.fixture(scope="module")
def saved(tiny_network: Network, tokenizer: PreTrainedTokenizerFast, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved")
    tiny_network("llama").save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    """A model folder that a test may damage."""
    return shutil.copytree(saved, tmp_path / "model")


def load(folder: Path, **request: Any) -> HookedModel:
    return load_folder(folder, LoadRequest(str(folder), **request))


def test_a_folder_loads_as_the_network_that_was_saved(folder: Path, llama: HookedModel) -> None:
    model = load(folder)
    torch.testing.assert_close(model.run(BATCH)[BATCH.mask], llama.run(BATCH)[BATCH.mask], rtol=1e-6, atol=1e-6)
    assert model.identity.weights == llama.identity.weights
    assert model.identity.architecture == "LlamaForCausalLM"
    assert model.identity.dtype == "float32"
    assert model.name == str(folder)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_loads_and_passes_its_check(folder: Path, dtype: Any) -> None:
    model = load(folder, dtype=dtype)
    assert model.identity.dtype == dtype
    assert model.run(BATCH).dtype == getattr(torch, dtype)
    assert model.answer_logits(model.run(BATCH), BATCH).dtype == torch.float32


def test_digests_are_the_same_at_every_load(folder: Path) -> None:
    assert load(folder).identity == load(folder).identity


def test_one_changed_weight_changes_the_digest(tiny_network: Network) -> None:
    network = tiny_network("gpt2")
    before = digest_weights(network)
    assert before == digest_weights(tiny_network("gpt2"))
    with torch.no_grad():
        next(network.parameters())[3, 5] += 1e-6
    assert digest_weights(network) != before


def test_number_formats_have_digests_of_their_own(tiny_network: Network) -> None:
    formats = (torch.float32, torch.bfloat16, torch.float16)
    assert len({digest_weights(tiny_network("gpt2").to(dtype)) for dtype in formats}) == 3


def test_one_changed_token_changes_the_digest(tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    path = folder / "tokenizer.json"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('"anna"', '"anne"'), encoding="utf-8")
    assert digest_tokenizer(PreTrainedTokenizerFast.from_pretrained(folder)) != digest_tokenizer(tokenizer)


def test_a_folder_without_config_is_refused(folder: Path) -> None:
    (folder / "config.json").unlink()
    with pytest.raises(ModelLoadError, match=r"holds no config.json; expected a Hugging Face model folder"):
        load(folder)


def test_a_folder_without_weights_is_refused(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelLoadError, match=r"cannot be loaded: OSError"):
        load(folder)


def test_a_folder_without_tokenizer_is_refused(folder: Path) -> None:
    for path in folder.glob("*token*"):
        path.unlink()
    with pytest.raises(ModelLoadError, match="cannot be loaded"):
        load(folder)


def test_truncated_weights_are_refused(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(ModelLoadError, match=r"cannot be loaded: SafetensorError"):
        load(folder)


def test_weights_that_are_no_safetensors_are_refused(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"no weights at all")
    with pytest.raises(ModelLoadError, match="cannot be loaded"):
        load(folder)


def test_missing_weights_are_named(folder: Path) -> None:
    path = folder / "model.safetensors"
    weights = load_file(path)
    del weights["model.layers.1.mlp.up_proj.weight"], weights["model.norm.weight"]
    save_file(weights, path, {"format": "pt"})
    with pytest.raises(ModelLoadError, match=r"2 weights are missing, such as model.layers.1.mlp.up_proj.weight"):
        load(folder)


def test_weights_of_other_sizes_are_refused(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps({**config, "intermediate_size": 64}), encoding="utf-8")
    with pytest.raises(ModelLoadError, match=r"mismatch"):
        load(folder)


def test_pickled_weights_are_refused(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    torch.save(weights, folder / "pytorch_model.bin")
    with pytest.raises(ModelLoadError, match="safetensors"):
        load(folder)


def test_weights_that_are_not_numbers_do_not_pass_the_check(folder: Path) -> None:
    path = folder / "model.safetensors"
    weights = load_file(path)
    weights["model.norm.weight"][3] = float("nan")
    save_file(weights, path, {"format": "pt"})
    with pytest.raises(SelfCheckError, match="off by nan"):
        load(folder)


def test_an_unknown_number_format_is_refused() -> None:
    with pytest.raises(ModelLoadError, match="dtype 'float8' is not one of float32, float64, bfloat16, float16"):
        LoadRequest("fieldmouse", dtype="float8")  # type: ignore[arg-type]


def test_a_device_that_does_not_exist_is_refused(folder: Path) -> None:
    with pytest.raises(ModelLoadError, match="abacus"):
        load(folder, device="abacus")


def test_a_model_in_memory_is_hooked_in_place(tiny_network: Network, tokenizer: PreTrainedTokenizerFast) -> None:
    network = tiny_network("gpt2")
    model = load_model(network, tokenizer=tokenizer)
    assert model.name == "GPT2LMHeadModel"
    assert model._bridge.original_model is network


def test_a_model_in_memory_needs_its_tokenizer(tiny_network: Network) -> None:
    with pytest.raises(ModelLoadError, match=r"a model in memory needs its tokenizer: load_model\(model, tokenizer="):
        load_model(tiny_network("gpt2"))


def test_a_model_in_memory_may_use_another_attention(tiny_network: Network, tokenizer: PreTrainedTokenizerFast) -> None:
    network = tiny_network("llama")
    network.set_attn_implementation("sdpa")
    load_model(network, tokenizer=tokenizer)


def test_the_callers_tokenizer_is_neither_changed_nor_reloaded(
    tiny_network: Network, tokenizer: PreTrainedTokenizerFast
) -> None:
    special = {"bos_token": "<bos>", "unk_token": "<unk>"}
    bare = PreTrainedTokenizerFast(tokenizer_object=tokenizer.backend_tokenizer, **special)
    model = hook(tiny_network("gpt2"), bare, "bare")
    assert model._tokenizer is bare
    assert bare.pad_token is None
    assert bare.eos_token is None
    assert model.tokenize(["anna gave", "ben"]).lengths.tolist() == [3, 2]


def test_a_network_that_is_no_decoder_is_refused(tokenizer: PreTrainedTokenizerFast) -> None:
    from transformers import AutoConfig, AutoModel

    sizes = {"vocab_size": len(tokenizer), "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 4}
    network = AutoModel.from_config(AutoConfig.for_model("bert", intermediate_size=48, **sizes))
    with pytest.raises(ModelLoadError, match=r"encoder cannot be loaded: AttributeError: .*logits"):
        hook(network, tokenizer, "encoder")


def test_loading_changes_no_setting_of_transformers(folder: Path) -> None:
    from transformers.utils import logging

    before = logging.get_verbosity(), logging.is_progress_bar_enabled()
    load(folder)
    (folder / "config.json").unlink()
    with pytest.raises(ModelLoadError):
        load(folder)
    assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == before


@pytest.mark.parametrize("name", ["gpt2", "llama", "gpt_neox"])
def test_norms_that_were_taken_out_stay_out(
    tiny_network: Network, without_norms: Callable[[PreTrainedModel], HookedModel], name: str
) -> None:
    model = without_norms(tiny_network(name))
    end = Site.parse(f"resid_post.{model.shape.n_layers - 1}")
    stream = model.run_with_cache(BATCH, [end])[end]
    doubled = model.run_with_interventions(BATCH, [replace(end, 2 * stream)])
    torch.testing.assert_close(doubled[BATCH.mask], 2 * model.run(BATCH)[BATCH.mask], rtol=1e-5, atol=1e-4)
