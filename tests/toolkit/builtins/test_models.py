"""From names to models: every way a name can lead, and every way it can fail."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import huggingface_hub
import pytest

from jackfield.builtins import list_models, models, pull
from jackfield.errors import ModelLoadError
from jackfield.loading import LoadRequest


@pytest.fixture
def instead(monkeypatch: pytest.MonkeyPatch) -> None:
    """Return what would be loaded instead of loading it."""
    for name in ("load_folder", "load_gguf", "load_hub"):
        monkeypatch.setattr(models, name, lambda *what, name=name: (name, *what))


@pytest.fixture(autouse=True)
def empty_caches(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("JACKFIELD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda name, file: None)
    monkeypatch.chdir(tmp_path)


def test_fieldmouse_is_the_embedded_folder(monkeypatch: pytest.MonkeyPatch, untrained: Path) -> None:
    monkeypatch.setattr(models, "EMBEDDED", untrained)
    model = models.load(LoadRequest("fieldmouse"))
    assert model is not None
    assert model.name == "fieldmouse"


def test_fieldmouse_without_its_files_is_a_load_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(models, "EMBEDDED", tmp_path / "gone")
    with pytest.raises(ModelLoadError, match=r"config\.json"):
        models.load(LoadRequest("fieldmouse"))


def test_a_truncated_fieldmouse_is_a_load_error(
    monkeypatch: pytest.MonkeyPatch, untrained: Path, tmp_path: Path
) -> None:
    broken = shutil.copytree(untrained, tmp_path / "broken")
    weights = broken / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    monkeypatch.setattr(models, "EMBEDDED", broken)
    with pytest.raises(ModelLoadError, match="fieldmouse cannot be loaded"):
        models.load(LoadRequest("fieldmouse"))


def test_a_model_that_was_not_pulled_says_how_to_pull_it() -> None:
    with pytest.raises(ModelLoadError, match="run `jackfield models pull smollm2-135m`"):
        models.load(LoadRequest("smollm2-135m"))


def test_a_pulled_model_is_read_from_the_cache(instead: None, tmp_path: Path) -> None:
    path = pull.cached_path("smollm2-135m")
    path.parent.mkdir()
    path.touch()
    request = LoadRequest("smollm2-135m")
    assert models.load(request) == ("load_gguf", path, request)


def test_a_gguf_file_is_read_as_one(instead: None, tmp_path: Path) -> None:
    path = tmp_path / "some.gguf"
    path.touch()
    request = LoadRequest(str(path))
    assert models.load(request) == ("load_gguf", path, request)


def test_a_corrupt_gguf_file_is_a_load_error(tmp_path: Path) -> None:
    path = tmp_path / "some.gguf"
    path.write_bytes(b"GGUF" + bytes(60))
    with pytest.raises(ModelLoadError, match="cannot be loaded"):
        models.load(LoadRequest(str(path)))


def test_a_folder_is_loaded_under_its_path(untrained: Path) -> None:
    model = models.load(LoadRequest(str(untrained)))
    assert model is not None
    assert model.name == str(untrained)


def test_a_folder_comes_before_a_hub_name(instead: None, tmp_path: Path) -> None:
    (tmp_path / "org" / "name").mkdir(parents=True)
    request = LoadRequest("org/name", network=True)
    assert models.load(request) == ("load_folder", Path("org/name"), request)


def test_the_home_folder_may_be_abbreviated(instead: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "mine").mkdir()
    request = LoadRequest("~/mine")
    assert models.load(request) == ("load_folder", tmp_path / "mine", request)


def test_a_hub_name_needs_network_access_to_be_asked_for(instead: None) -> None:
    with pytest.raises(ModelLoadError, match=r"`--network`.*network=True"):
        models.load(LoadRequest("org/some-model"))


def test_a_hub_name_is_fetched_where_that_is_allowed(instead: None) -> None:
    request = LoadRequest("org/some-model", network=True)
    assert models.load(request) == ("load_hub", request)


def test_a_hub_name_in_the_local_cache_needs_no_network(instead: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda name, file: f"/somewhere/{name}/{file}")
    request = LoadRequest("org/some-model")
    assert models.load(request) == ("load_hub", request)


@pytest.mark.parametrize("name", ["./gone", "gone.gguf", "org/gone.gguf", f"a{os.sep}b{os.sep}c", "/gone", "~/gone"])
def test_a_path_that_leads_nowhere_is_a_load_error(name: str) -> None:
    with pytest.raises(ModelLoadError, match="does not exist"):
        models.load(LoadRequest(name, network=True))


def test_a_file_of_another_kind_is_a_load_error(tmp_path: Path) -> None:
    (tmp_path / "weights.bin").touch()
    with pytest.raises(ModelLoadError, match=r"neither a folder nor a \.gguf file"):
        models.load(LoadRequest("./weights.bin"))


@pytest.mark.parametrize("name", ["toy-reversal", "fieldmice", "gpt2"])
def test_other_names_are_left_to_other_plugins(name: str) -> None:
    assert models.load(LoadRequest(name, network=True)) is None


def test_models_with_names_are_described_in_a_line() -> None:
    described = dict(list_models())
    assert described.keys() == {"fieldmouse", *pull.PULLABLE}
    assert not any("\n" in text for text in described.values())
    assert all(word in described["smollm2-135m"] for word in ("Apache-2.0", "4-bit", "instruct-tuned"))
