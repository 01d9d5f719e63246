from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from jackfield_circuits import Circuit, read_graphml, read_json, write_graphml, write_json
from jackfield_circuits.files import write_atomically, write_text


def test_a_refused_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "circuit.json"
    path.write_text("old", encoding="utf-8")

    def break_off(temporary: Path) -> None:
        temporary.write_text("half of the n", encoding="utf-8")
        raise RuntimeError("the disk is full")

    with pytest.raises(RuntimeError, match="the disk is full"):
        write_atomically(path, break_off)
    assert path.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_refused_write_of_a_new_file_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(UnicodeEncodeError):
        write_text(tmp_path / "new.txt", "\ud800")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("write", "read"), [(write_graphml, read_graphml), (write_json, read_json)])
def test_a_failing_writer_leaves_the_old_circuit(
    circuit: Circuit,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    write: Callable[[Circuit, Path], None],
    read: Callable[[Path], Circuit],
) -> None:
    path = tmp_path / "circuit"
    write(circuit, path)

    def fail(*_: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(Path, "write_bytes", fail)
    with pytest.raises(OSError, match="the disk is full"):
        write(Circuit(), path)
    monkeypatch.undo()
    assert read(path) == circuit
    assert list(tmp_path.iterdir()) == [path]


def test_text_keeps_its_line_ends(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    write_text(path, "one\ntwo\r\n")
    assert path.read_bytes() == b"one\ntwo\r\n"
