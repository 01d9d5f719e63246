"""What a sweep has computed is kept and given back, and nothing else is taken for it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from jackfield.checkpoint import FolderCheckpoint, NoCheckpoint
from jackfield.files import write_tensors

CELLS, PROMPTS = 3, 2


def fill(checkpoint: FolderCheckpoint, description: str = "patching") -> None:
    with checkpoint.begin(description, CELLS, PROMPTS) as partial:
        partial.fill(np.array([0, 2]), np.array([1, 0]), np.array([5.0, -np.inf]))


def test_what_was_filled_in_comes_back(tmp_path: Path) -> None:
    fill(FolderCheckpoint(tmp_path, "digest"))
    again = FolderCheckpoint(tmp_path, "digest").begin("patching", CELLS, PROMPTS)
    assert again.known.tolist() == [[False, True], [False, False], [True, False]]
    assert again.values[again.known].tolist() == [5.0, -np.inf]


def test_sweeps_of_one_name_are_told_apart_by_their_order(tmp_path: Path) -> None:
    checkpoint = FolderCheckpoint(tmp_path, "digest")
    checkpoint.begin("patching", CELLS, PROMPTS)
    fill(checkpoint)
    again = FolderCheckpoint(tmp_path, "digest")
    assert [int(again.begin("patching", CELLS, PROMPTS).known.sum()) for _ in range(3)] == [0, 2, 0]


@pytest.mark.parametrize(
    ("digest", "description", "cells"),
    [("other", "patching", CELLS), ("digest", "control", CELLS), ("digest", "patching", CELLS + 1)],
)
def test_what_was_made_from_something_else_is_passed_over(
    tmp_path: Path, digest: str, description: str, cells: int
) -> None:
    fill(FolderCheckpoint(tmp_path, "digest"))
    assert not FolderCheckpoint(tmp_path, digest).begin(description, cells, PROMPTS).known.any()


@pytest.mark.parametrize("harm", ["cut short", "no file of ours", "other numbers", "a folder"])
def test_what_cannot_be_read_is_passed_over_and_written_anew(tmp_path: Path, harm: str) -> None:
    fill(FolderCheckpoint(tmp_path, "digest"))
    [path] = tmp_path.iterdir()
    if harm == "cut short":
        path.write_bytes(path.read_bytes()[:-20])
    elif harm == "no file of ours":
        path.write_text("\x80\x04pickle")
    elif harm == "other numbers":
        label = {"digest": "digest", "description": "patching"}
        write_tensors(path, {"values": torch.zeros(CELLS, PROMPTS, dtype=torch.int64)}, label)
    else:
        path.unlink()
        path.mkdir()
    checkpoint = FolderCheckpoint(tmp_path, "digest")
    assert not checkpoint.begin("patching", CELLS, PROMPTS).known.any()
    if harm != "a folder":
        fill(FolderCheckpoint(tmp_path, "digest"))
        assert FolderCheckpoint(tmp_path, "digest").begin("patching", CELLS, PROMPTS).known.sum() == 2


@pytest.mark.parametrize(("seconds", "written"), [(0.0, True), (3600.0, False)])
def test_values_are_written_from_time_to_time_and_at_the_end(tmp_path: Path, seconds: float, written: bool) -> None:
    partial = FolderCheckpoint(tmp_path, "digest", seconds).begin("patching", CELLS, PROMPTS)
    partial.fill(np.array([0]), np.array([0]), np.array([1.0]))
    assert any(tmp_path.iterdir()) == written
    with pytest.raises(KeyboardInterrupt), partial:
        raise KeyboardInterrupt
    assert any(tmp_path.iterdir())


def test_a_sweep_without_new_values_writes_nothing(tmp_path: Path) -> None:
    with FolderCheckpoint(tmp_path / "new", "digest").begin("patching", CELLS, PROMPTS):
        pass
    assert not (tmp_path / "new").exists()


def test_without_a_folder_nothing_is_known() -> None:
    checkpoint = NoCheckpoint()
    with checkpoint.begin("patching", CELLS, PROMPTS) as partial:
        partial.fill(np.array([0]), np.array([0]), np.array([1.0]))
        assert partial.known.sum() == 1
    assert not checkpoint.begin("patching", CELLS, PROMPTS).known.any()
