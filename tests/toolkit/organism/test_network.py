"""The training network is a GPT-2: the exported folder computes the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from jackfield.organism.export import export
from jackfield.organism.network import Network, Shape
from jackfield.organism.world import vocabulary

SMALL = Shape(len(vocabulary()), layers=2, width=16, heads=4, hidden=24)


@pytest.fixture(scope="module")
def network() -> Network:
    """A small network whose vectors are random too, so that a lost bias or norm would show."""
    network = Network(SMALL)
    network.initialise(seed=1)
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.ndim == 1:
                parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.3)
    return network.eval()


@pytest.fixture(scope="module")
def folder(network: Network, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported")
    export(network, folder)
    return folder


def tokens() -> torch.Tensor:
    return torch.randint(3, SMALL.vocabulary, (4, SMALL.positions), generator=torch.Generator().manual_seed(0))


def test_the_exported_model_has_the_same_logits(network: Network, folder: Path) -> None:
    exported = AutoModelForCausalLM.from_pretrained(folder, local_files_only=True)
    with torch.no_grad():
        torch.testing.assert_close(exported(tokens()).logits, network(tokens()), rtol=1e-4, atol=1e-4)


def test_the_exported_folder_lacks_and_adds_no_weights(folder: Path) -> None:
    _, notes = AutoModelForCausalLM.from_pretrained(folder, local_files_only=True, output_loading_info=True)
    assert not any(notes[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"))


def test_the_exported_tokenizer_spells_every_word(folder: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    words = vocabulary()
    assert tokenizer(" ".join(words[3:]))["input_ids"] == [words.index("<bos>"), *range(3, len(words))]
    assert tokenizer("anna sneezed")["input_ids"][1:] == [words.index("anna"), words.index("<unk>")]
    assert tokenizer.decode([words.index("anna"), words.index("'s")]) == "anna 's"


def test_the_exported_config_is_plain_json(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    assert (config["n_layer"], config["n_head"], config["n_embd"], config["n_inner"]) == (2, 4, 16, 24)
    assert (config["vocab_size"], config["n_positions"]) == (len(vocabulary()), 32)


def test_a_token_changes_nothing_before_it(network: Network) -> None:
    changed = tokens()
    changed[:, 20] = (changed[:, 20] + 1) % SMALL.vocabulary
    with torch.no_grad():
        before, after = network(tokens()), network(changed)
    torch.testing.assert_close(after[:, :20], before[:, :20])
    assert (after[:, 20:] - before[:, 20:]).abs().amax(-1).min() > 1e-4


def test_a_seed_decides_the_first_weights() -> None:
    first, again, other = Network(SMALL), Network(SMALL), Network(SMALL)
    for network, seed in ((first, 5), (again, 5), (other, 6)):
        network.initialise(seed)
    assert all(map(torch.equal, first.parameters(), again.parameters()))
    assert not torch.equal(first.wte.weight, other.wte.weight)


def test_matrices_start_with_the_deviation_that_is_asked_for() -> None:
    network = Network(Shape(400, layers=1, width=64, heads=2, hidden=128))
    network.initialise(seed=0, scale=0.8)
    matrices = [parameter for parameter in network.parameters() if parameter.ndim >= 2]
    assert all(matrix.std().item() == pytest.approx(0.1, rel=0.05) for matrix in matrices)
    assert all(network.state_dict()[f"h.0.{name}.bias"].eq(0).all() for name in ("attn.c_attn", "mlp.c_fc", "ln_1"))


def test_the_full_network_has_about_one_and_a_quarter_million_parameters() -> None:
    network = Network(Shape(len(vocabulary())))
    assert 1.2e6 < sum(parameter.numel() for parameter in network.parameters()) < 1.3e6
