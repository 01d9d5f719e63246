"""Features of an autoencoder that sae-lens made: the error is kept, no feature is trained, bad folders are refused."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from jackfield.errors import ConfigError
from jackfield.hooked_model import HookedModel
from jackfield.progress import silent
from jackfield.sites import Site
from jackfield_plugins.causal_alignment.config import CausalAlignmentConfig, MapChoice
from jackfield_plugins.causal_alignment.dictionary import Dictionary
from jackfield_plugins.causal_alignment.featuriser import Featuriser, MapClass, make_featuriser
from jackfield_plugins.causal_alignment.interchange import Interchange
from jackfield_plugins.causal_alignment.lessons import Lessons, Split
from jackfield_plugins.causal_alignment.training import successes, train
from jackfield_plugins.causal_alignment.wording import Wording

FEATURES = 160


@pytest.fixture(scope="module")
def part(fieldmouse: HookedModel, wording: Wording, lessons: Lessons) -> Interchange:
    batch = wording.tokenize(fieldmouse, lessons.settings)
    return Interchange.record(fieldmouse, batch, Site.parse("resid_post.0"), wording.positions["X"], wording.tokens)


@pytest.fixture(scope="module")
def folder(part: Interchange, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An autoencoder of the model's activations, trained for a moment and saved as sae-lens does."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        from sae_lens import StandardSAE, StandardSAEConfig

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        sae = StandardSAE(StandardSAEConfig(d_in=part.states.shape[1], d_sae=FEATURES))
    optimizer = torch.optim.Adam(sae.parameters(), lr=3e-3)
    for _ in range(60):
        features = sae.encode(part.states)
        loss = (sae.decode(features) - part.states).square().sum(-1).mean() + 0.1 * features.abs().sum(-1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    path = tmp_path_factory.mktemp("sae")
    sae.save_model(path)
    return path


def featuriser(folder: Path, activations: Tensor) -> Featuriser:
    return make_featuriser(MapClass.DBM_SAE, 1, activations, torch.Generator().manual_seed(0), folder)


def test_own_features_and_error_give_the_activation_back(part: Interchange, folder: Path) -> None:
    made = featuriser(folder, part.states.double())
    states = part.states.double()
    features, error = made.basis.spell(states)
    assert features.shape[1] == made.basis.features == FEATURES
    assert 0 < float((features > 0).double().mean()) < 1
    assert float(error.abs().max()) > 0.01, "an autoencoder without error would show nothing"
    assert made.inverse_error(states) < 1e-12
    every = torch.ones(FEATURES, dtype=torch.float64)
    torch.testing.assert_close(made.swap(states, states, every), states, rtol=0, atol=1e-12)


def test_a_swap_of_every_feature_brings_the_reconstruction_and_leaves_the_error(
    part: Interchange, folder: Path
) -> None:
    base, source = part.states[:20].double(), part.states[20:40].double()
    made = featuriser(folder, base)
    found = made.swap(base, source, torch.ones(FEATURES, dtype=torch.float64))
    missing = made.basis.spell(source)[1] - made.basis.spell(base)[1]
    torch.testing.assert_close(found, source - missing, rtol=0, atol=1e-12)
    assert not torch.allclose(found, source, atol=1e-3)
    torch.testing.assert_close(made.swap(base, source, torch.zeros(FEATURES)), base, rtol=0, atol=1e-12)


def test_a_feature_moves_the_activation_along_its_own_direction(part: Interchange, folder: Path) -> None:
    made = featuriser(folder, part.states)
    with torch.no_grad():
        next(made.gate.parameters())[[3, 7]] = 1.0
    directions = made.directions(part.states.shape[1])
    assert directions is not None
    weights = load_file(folder / "sae_weights.safetensors")["W_dec"]
    torch.testing.assert_close(directions, weights[[3, 7]], rtol=1e-4, atol=1e-5)


def test_only_the_mask_is_trained(
    part: Interchange, folder: Path, lessons: Lessons, config: CausalAlignmentConfig
) -> None:
    before = load_file(folder / "sae_weights.safetensors")
    with_sae = config.model_copy(update={"sae": folder, "steps": 60})
    rows, validation = lessons.rows[Split.TRAIN], lessons.rows[Split.VALIDATION]
    found = train(MapChoice.read("dbm_sae"), part, rows, validation, with_sae, 0, silent, "dbm_sae").featuriser
    assert found.trained_numbers == FEATURES
    assert 0 < found.taken < FEATURES
    held = found.basis._sae.state_dict()  # type: ignore[union-attr]
    assert all(torch.equal(held[name], value) for name, value in before.items())
    unmoved = successes(found, part, replace(rows, source=rows.base))
    assert np.array_equal(unmoved, (part.plain[rows.base].argmax(-1) == rows.label).double().numpy())
    tested = lessons.rows[Split.PAIRS]
    assert successes(found, part, tested).mean() > successes(found, part, replace(tested, source=tested.base)).mean()


def test_a_map_without_its_autoencoder_is_refused(folder: Path) -> None:
    for settings in ({"map": "dbm_sae"}, {"curve": ["dbm_sae"]}):
        with pytest.raises(ConfigError, match="needs the folder of an autoencoder"):
            CausalAlignmentConfig.parse(settings)
        assert CausalAlignmentConfig.parse({**settings, "sae": str(folder)}).sae == folder
    with pytest.raises(ConfigError, match="name its folder in sae"):
        make_featuriser(MapClass.DBM_SAE, 1, torch.zeros(2, 4), torch.Generator())


def changed(folder: Path, path: Path, **settings: object) -> Path:
    described = json.loads((folder / "cfg.json").read_text(encoding="utf-8"))
    (path / "cfg.json").write_text(json.dumps({**described, **settings}), encoding="utf-8")
    save_file(load_file(folder / "sae_weights.safetensors"), path / "sae_weights.safetensors")
    return path


def test_bad_folders_are_refused(part: Interchange, folder: Path, tmp_path: Path) -> None:
    like = part.states
    with pytest.raises(ConfigError, match="there is no folder"):
        Dictionary.read(tmp_path / "nowhere", like)
    with pytest.raises(ConfigError, match=r"lacks cfg.json and sae_weights.safetensors"):
        Dictionary.read(tmp_path, like)
    with pytest.raises(ConfigError, match="for activations of 128, and these have 64"):
        Dictionary.read(folder, like[:, :64])
    with pytest.raises(ConfigError, match="normalize_activations 'layer_norm'"):
        Dictionary.read(changed(folder, tmp_path, normalize_activations="layer_norm"), like)
    with pytest.raises(ConfigError, match="holds no autoencoder that sae-lens reads"):
        Dictionary.read(changed(folder, tmp_path, architecture="crystal_ball"), like)
    (tmp_path / "sae_weights.safetensors").write_bytes(b"not tensors")
    (tmp_path / "cfg.json").write_bytes((folder / "cfg.json").read_bytes())
    with pytest.raises(ConfigError, match="holds no autoencoder that sae-lens reads"):
        Dictionary.read(tmp_path, like)


def test_pickles_are_named_and_not_read(tmp_path: Path, part: Interchange) -> None:
    (tmp_path / "cfg.json").write_text("{}", encoding="utf-8")
    (tmp_path / "sae_weights.pt").write_bytes(b"\x80\x04.")
    with pytest.raises(ConfigError, match=r"sae_weights\.pt may hold code and is not read"):
        Dictionary.read(tmp_path, part.states)


def test_the_plugin_does_not_import_sae_lens_until_it_is_needed() -> None:
    program = "import sys, jackfield_plugins.causal_alignment.featuriser; sys.exit('sae_lens' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
