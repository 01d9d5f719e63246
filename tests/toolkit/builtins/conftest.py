"""Small models that speak as *fieldmouse* does, less well, or as other models do."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from pathlib import Path

import pytest
import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from jackfield.builtins import english
from jackfield.hooked_model import HookedModel
from jackfield.loading import LoadRequest, hook, load_folder
from jackfield.organism import world
from jackfield.organism.export import export, tokenizer_json
from jackfield.organism.network import Network, Shape

TEXT = " ".join(
    (
        "x", *english.NAMES, *english.PLACES, *english.THINGS, *english.EVENTS, *english.NOUNS, *english.OPENING,
        "the year , :", *(word for row in world.ADJECTIVES for word in row),
        *(word.capitalize() for row in world.COUNTRIES for word in row),
    )
)  # fmt: skip


@pytest.fixture(scope="session")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like that of *fieldmouse*, with random weights."""
    folder = tmp_path_factory.mktemp("untrained")
    network = Network(Shape(len(world.vocabulary()), layers=1, width=16, heads=2, hidden=32))
    network.initialise(seed=0)
    export(network, folder)
    return folder


@pytest.fixture(scope="session")
def mouse(untrained: Path) -> HookedModel:
    """Random weights behind the tokenizer of *fieldmouse*."""
    return load_folder(untrained, LoadRequest("mouse"))


def hooked(tokenizer: Tokenizer, name: str, **special: str) -> HookedModel:
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=tokenizer.get_vocab_size(), n_positions=48, n_embd=16, n_layer=1, n_head=2,
        bos_token_id=None, eos_token_id=None, attn_implementation="eager",
    )  # fmt: skip
    return hook(GPT2LMHeadModel(config), PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special), name)


@pytest.fixture(scope="session")
def mute_mouse() -> Callable[[Collection[str]], HookedModel]:
    """Makes models that speak as *fieldmouse* does and lack some of its words."""

    def make(lacking: Collection[str]) -> HookedModel:
        written = json.loads(tokenizer_json())
        words = [word for word in written["model"]["vocab"] if word not in lacking]
        written["model"]["vocab"] = {word: index for index, word in enumerate(words)}
        return hooked(Tokenizer.from_str(json.dumps(written)), "mute mouse", unk_token=world.UNK)

    return make


def byte_pair_model(name: str, digits: pre_tokenizers.PreTokenizer, numbers: str) -> HookedModel:
    tokenizer = Tokenizer(models.BPE())
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([digits, byte_level])
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=4000, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator([TEXT, numbers], trainer)
    return hooked(tokenizer, name)


@pytest.fixture(scope="session")
def pairs_of_digits() -> HookedModel:
    """A byte-pair model of English that spells years as two numbers of two digits."""
    numbers = " ".join(f"{century}{year:02}" for century in range(11, 19) for year in range(100))
    return byte_pair_model("pairs of digits", pre_tokenizers.Split(Regex(r" ?\d{2}"), "isolated"), numbers)


@pytest.fixture(scope="session")
def single_digits() -> HookedModel:
    """A byte-pair model of English that spells years digit by digit."""
    return byte_pair_model("single digits", pre_tokenizers.Digits(individual_digits=True), "0 1 2 3 4 5 6 7 8 9")
