"""Settings are validated in one place, and progress is told from beginning to end."""

from __future__ import annotations

import pytest
from pydantic import Field, ValidationError

from jackfield.analysis import AnalysisConfig
from jackfield.errors import ConfigError
from jackfield.progress import silent, track


class Settings(AnalysisConfig):
    """Settings for these tests."""

    layers: tuple[int, ...] = ()
    level: float = Field(0.95, gt=0, lt=1)


def test_settings_read_from_plain_values() -> None:
    assert Settings.parse({"layers": [0, 2]}) == Settings(layers=(0, 2))


def test_every_wrong_field_is_named_with_what_it_was_given() -> None:
    with pytest.raises(ConfigError) as refused:
        Settings.parse({"layers": [0, "two"], "level": 1.5, "levle": 0.9})
    lines = str(refused.value).splitlines()
    assert [line.partition(":")[0] for line in lines] == ["layers.1", "level", "levle", "known fields"]
    assert "(given: 'two')" in lines[0]
    assert "less than 1 (given: 1.5)" in lines[1]
    assert lines[-1] == "known fields: layers, level"


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings().level = 0.5  # type: ignore[misc]


def test_progress_is_told_from_none_to_all() -> None:
    told: list[tuple[str, int, int]] = []
    items = list(track("abc", "letters", lambda *report: told.append(report)))
    assert items == ["a", "b", "c"]
    assert told == [("letters", done, 3) for done in range(4)]


def test_no_items_are_told_as_done() -> None:
    told: list[tuple[str, int, int]] = []
    assert list(track([], "nothing", lambda *report: told.append(report))) == []
    assert told == [("nothing", 0, 0)]


def test_a_reporter_that_raises_stops_the_work() -> None:
    done: list[str] = []

    def stop_at_two(description: str, count: int, total: int) -> None:
        if count == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        done.extend(track("abcd", "letters", stop_at_two))
    assert list(track("ab", "letters", silent)) == ["a", "b"]
