"""What the pages of the documentation show works as shown."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

DOCS = Path(__file__).parents[2] / "docs"
SHOWN = re.compile(r"```python\n(?P<code>.*?)```\n\n```text\n(?P<output>.*?)```", re.DOTALL)
STUDIES = re.compile(r"```yaml\n(analyses:\n.*?)```", re.DOTALL)


def found(pattern: re.Pattern[str], folder: Path) -> list[tuple[str, tuple[str, ...]]]:
    return [
        (page.name, match.groups())
        for page in sorted(folder.rglob("*.md"))
        for match in pattern.finditer(page.read_text(encoding="utf-8"))
    ]


@pytest.mark.parametrize(("page", "example"), found(SHOWN, DOCS))
def test_an_example_prints_what_the_page_says(
    page: str, example: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    code, output = example
    exec(compile(code, page, "exec"), {})  # noqa: S102
    assert capsys.readouterr().out == output


@pytest.mark.parametrize(("page", "example"), found(STUDIES, DOCS / "plugins"))
def test_the_settings_that_a_page_shows_are_accepted(page: str, example: tuple[str]) -> None:
    from jackfield.registry import Registry

    registry = Registry.discover()
    for choice in yaml.safe_load(example[0])["analyses"]:
        [(name, settings)] = [(choice, {})] if isinstance(choice, str) else choice.items()
        registry.analysis(name)().Config.parse(settings)
