"""A run is read back as it was written, or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jackfield.errors import CircuitFileError, ResultError
from jackfield.registry import Registry
from jackfield.run_folder import RunFolder, file_stems
from jackfield.study import Study

Asks = Callable[..., Study]


@pytest.fixture
def run(study: Asks, tmp_path: Path) -> RunFolder:
    return study().run(tmp_path / "run")


def test_results_come_back_with_their_numbers(run: RunFolder, registry: Registry) -> None:
    results = run.results(registry)
    assert list(results) == ["first", "second"]
    np.testing.assert_array_equal(results["second"].data["effect"], 2 * results["first"].data["effect"])
    assert results["first"].provenance.digest == run.manifest.analyses[0].digest


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    for read in (lambda run: run.manifest, lambda run: run.circuit(), lambda run: run.results(Registry({}))):
        with pytest.raises(ResultError, match="is not a run"):
            read(RunFolder(tmp_path))


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"schema_version": 1}', "\x00"])
def test_a_damaged_manifest_is_refused(run: RunFolder, text: str) -> None:
    run.manifest_file.write_text(text, encoding="utf-8")
    with pytest.raises(ResultError, match=r"manifest\.json cannot be read: .*damaged"):
        _ = run.manifest


def test_a_manifest_that_is_not_text_is_refused(run: RunFolder) -> None:
    run.manifest_file.write_bytes(b"\xff\xff")
    with pytest.raises(ResultError, match=r"manifest\.json cannot be read"):
        _ = run.manifest


@pytest.mark.parametrize("version", [2, "1", None])
def test_a_manifest_of_another_schema_is_refused(run: RunFolder, version: object) -> None:
    content = json.loads(run.manifest_file.read_text(encoding="utf-8")) | {"schema_version": version}
    run.manifest_file.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(ResultError, match=f"its schema is {version!r}"):
        _ = run.manifest


@pytest.mark.parametrize("label", ["../../secret", "/etc/passwd", ".hidden", "a\nb", ""])
def test_a_manifest_cannot_point_out_of_the_folder(run: RunFolder, label: str) -> None:
    content = json.loads(run.manifest_file.read_text(encoding="utf-8"))
    content["analyses"][0]["label"] = label
    run.manifest_file.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(ResultError, match=r"analyses\.0\.label"):
        _ = run.manifest


def test_a_changed_result_is_refused_by_name(run: RunFolder, registry: Registry) -> None:
    file = run.result_file("first")
    file.write_bytes(file.read_bytes() + b"\x00")
    with pytest.raises(ResultError, match=r"first\.nc is not the file that the run wrote"):
        run.results(registry)
    file.unlink()
    with pytest.raises(ResultError, match=r"first\.nc is missing"):
        run.results(registry)


def test_a_result_whose_digest_the_manifest_does_not_know_is_refused(run: RunFolder, registry: Registry) -> None:
    first = run.manifest.analyses[0].model_copy(update={"digest": "0" * 16})
    run.write_manifest(run.manifest.with_record(first))
    with pytest.raises(ResultError, match="result of another run"):
        run.results(registry)


def test_an_unfinished_run_has_no_circuit_yet(run: RunFolder) -> None:
    run.write_manifest(run.manifest.model_copy(update={"circuit": None, "status": "unfinished"}))
    with pytest.raises(ResultError, match="unfinished; run the study again"):
        run.circuit()


def test_a_damaged_circuit_is_refused(run: RunFolder) -> None:
    run.graphml_file.write_text("<graphml", encoding="utf-8")
    with pytest.raises(CircuitFileError, match=r"circuit\.graphml"):
        run.circuit()


def test_pictures_of_an_earlier_run_do_not_stay(run: RunFolder) -> None:
    run.write_pictures({"new": b"png"})
    assert [path.name for path in run.pictures_folder.iterdir()] == ["new.png"]


def test_an_interrupted_write_leaves_the_old_manifest(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    before = run.manifest

    def fail(self: Path, target: Path) -> None:
        raise OSError("power cut")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="power cut"):
        run.write_manifest(before.model_copy(update={"status": "failed"}))
    assert run.manifest == before
    assert [path.name for path in run.path.iterdir() if path.name.startswith(".")] == []


@given(st.lists(st.text(max_size=6)))
def test_file_stems_are_plain_and_differ_whatever_the_names(names: list[str]) -> None:
    stems = file_stems(names)
    assert len({stem.casefold() for stem in stems}) == len(names)
    assert all(stem.isascii() and not set(stem) - set("-._") - set(filter(str.isalnum, stem)) for stem in stems)
    assert all(stem[0] not in ".-" for stem in stems)


def test_file_stems_leave_plain_names_alone_and_tell_cases_apart() -> None:
    assert file_stems(["two_hop.x", "two_hop.x", "A", "a", "x-2", "x", "x"]) == [
        "two_hop.x", "two_hop.x-2", "A", "a-2", "x-2", "x", "x-3",
    ]  # fmt: skip
