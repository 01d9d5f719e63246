"""JSON and tensors are kept whole, exactly, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from jackfield.files import read_json, write_atomically, write_json, write_tensors


def test_a_writer_that_fails_half_way_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "kept.txt"
    path.write_text("old")

    def fail(temporary: Path) -> None:
        temporary.write_text("half of the n")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, fail)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_appears_in_a_folder_that_is_made_for_it(tmp_path: Path) -> None:
    path = tmp_path / "new" / "deep" / "kept.txt"
    write_atomically(path, lambda temporary: temporary.write_text("new"))
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o444 == 0o444


def test_json_comes_back_and_is_written_one_way(tmp_path: Path) -> None:
    value = {"b": [1, 2.5, None], "a": {"é": True}}
    write_json(tmp_path / "one.json", value)
    write_json(tmp_path / "two.json", dict(reversed(value.items())))
    assert read_json(tmp_path / "one.json") == value
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_json_refuses_what_is_not_a_number(number: float, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(tmp_path / "kept.json", {"share": number})
    assert not any(tmp_path.iterdir())


def test_tensors_come_back_exactly(tmp_path: Path) -> None:
    tensors = {"whole": torch.randn(3, 4), "transposed": torch.randn(3, 4).T, "ids": torch.arange(5)}
    write_tensors(tmp_path / "kept.safetensors", tensors, {"step": "3"})
    found = load_file(tmp_path / "kept.safetensors")
    assert found.keys() == tensors.keys()
    assert all(torch.equal(found[name], tensors[name]) for name in tensors)
