"""Progress is seen on a terminal and sparse in a log, and text of strangers is never read as markup."""

from __future__ import annotations

import pytest

from jackfield.cli import terminal
from jackfield.progress import silent


def test_a_terminal_shows_bars_and_reads_no_markup_in_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    with terminal.reporting() as progress:
        progress("patch [bold]a[/wrong] \x1b[5m", 0, 2)
        progress("patch [bold]a[/wrong] \x1b[5m", 1, 2)
        progress("patch [bold]a[/wrong] \x1b[5m", 2, 2)
        progress("patch [bold]a[/wrong] \x1b[5m", 0, 1)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "patch [bold]a[/wrong] \\x1b[5m" in shown.err
    assert "\x1b[5m" not in shown.err


def test_a_log_gets_a_line_at_the_end_and_one_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 0.0
    monkeypatch.setattr(terminal.time, "monotonic", lambda: now)
    with terminal.reporting() as progress:
        for done in range(41):
            now = 2.0 * done
            progress("patching", done, 40)
    assert capsys.readouterr().err.splitlines() == [
        "patching: 16 of 40",
        "patching: 32 of 40",
        "patching: 40 in 80.0 s",
    ]


def test_a_quiet_command_reports_nothing() -> None:
    with terminal.reporting(quiet=True) as progress:
        assert progress is silent


def test_a_table_shows_cells_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.print_table(["token"], [["[red]x[/red]"], ["\x1b[2J"], [None]])
    assert [line.strip() for line in capsys.readouterr().out.splitlines()] == [
        "token", "[red]x[/red]", "\\x1b[2J", "None",
    ]  # fmt: skip
