"""The report tells everything on one page that loads nothing and runs nothing."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from jackfield.report import render
from jackfield.study import Study

Asks = Callable[..., Study]

VOID = {"meta", "img", "br", "input", "link"}
LOADS = {"src", "href", "srcset", "data", "action", "poster", "background"}


class Page(HTMLParser):
    """Elements with their attributes, the text, and whether every element is closed in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def attributes(self, tag: str) -> list[dict[str, str | None]]:
        return [found for name, found in self.elements if name == tag]


@pytest.fixture
def page(study: Asks, tmp_path: Path) -> Page:
    return Page(study().run(tmp_path).report_file.read_text(encoding="utf-8"))


def test_the_page_is_well_formed(page: Page) -> None:
    assert page.open == []
    assert {"html", "title", "main", "table", "figure"} <= {tag for tag, _ in page.elements}


def test_the_page_loads_nothing_and_forbids_loading(page: Page) -> None:
    loaded = [
        value or "" for tag, found in page.elements for name, value in found.items() if tag != "a" and name in LOADS
    ]
    assert loaded
    assert all(value.startswith("data:image/png;base64,") for value in loaded)
    [policy] = [found["content"] for found in page.attributes("meta") if "http-equiv" in found]
    assert str(policy).startswith("default-src 'none'; style-src 'unsafe-inline'; img-src data:;")
    assert "url(" not in page.text
    assert "@import" not in page.text


def test_the_page_leads_to_the_circuit_s_page_and_back_to_every_chapter(study: Asks, tmp_path: Path) -> None:
    run = study().run(tmp_path)
    page = Page(run.report_file.read_text(encoding="utf-8"))
    assert [found["href"] for found in page.attributes("a")] == 2 * [run.page_file.name]
    circuit_page = Page(run.page_file.read_text(encoding="utf-8"))
    assert [found["href"] for found in circuit_page.attributes("a")] == ["report.html"]
    told, _ = json.JSONDecoder().raw_decode(circuit_page.text, circuit_page.text.index('{"alpha"'))
    chapters = {f"report.html#{found['id']}" for _, found in page.elements if "id" in found}
    assert {record["link"] for record in told["runs"]} == chapters == {"report.html#first", "report.html#second"}


def test_hostile_text_is_shown_and_not_run(page: Page) -> None:
    assert "script" not in {tag for tag, _ in page.elements}
    assert not [name for _, found in page.elements for name in found if name.startswith("on")]
    assert page.text.count("<script>alert('S2')</script>") == 2 * (1 + 3)
    assert "\x1b" not in page.text
    assert r"\x1b[2J" in page.text


def test_pictures_are_inside_and_sharp(page: Page) -> None:
    pictures = page.attributes("img")
    assert len(pictures) == 2
    for picture in pictures:
        content = base64.b64decode(str(picture["src"]).partition(",")[2], validate=True)
        width = int.from_bytes(content[16:20], "big")
        assert content.startswith(b"\x89PNG")
        assert width == 2 * int(str(picture["width"]))
        assert picture["alt"]


def test_the_page_says_what_was_asked_and_how_sure_it_is(study: Asks, tmp_path: Path) -> None:
    run = study(seed=5).run(tmp_path)
    page, setup = Page(run.report_file.read_text(encoding="utf-8")), run.manifest.setup
    text = " ".join(page.text.split())
    wrong = setup.drawn - setup.pairs
    for part in (
        "names on tiny-gpt2", "whether the model prefers one name to another", setup.model["weights"],
        setup.model["tokenizer"], "with the positions NAME, END", f"{setup.pairs} used of 12 drawn",
        f"{wrong} pair{'' if wrong == 1 else 's'} that the model gets wrong", "xylophone",
        "logit_difference, in logits",
        "1.5 [1, 2]", "nothing: what is there without any effect", f"torch {setup.packages['torch']}",
        f"Of 3 claims, {run.manifest.analyses[0].findings} are findings", "scale 2.0",
        f"{len(run.circuit())} nodes and 0 edges", "circuit.graphml",
    ):  # fmt: skip
        assert part in text, part


def test_baselines_that_all_results_share_are_told_once(page: Page) -> None:
    assert page.text.count("1.5 [1, 2]") == 1


def test_a_failure_is_told_at_the_top_and_in_its_place(study: Asks, ledger: Any, tmp_path: Path) -> None:
    ledger.raises["first"] = ValueError("<b>bold</b> words")
    html = study().run(tmp_path).report_file.read_text(encoding="utf-8")
    page = Page(html)
    assert "b" not in {tag for tag, _ in page.elements}
    assert "1 of 2 analyses failed" in page.text
    assert page.text.count("ValueError: <b>bold</b> words") >= 2
    assert "Traceback (most recent call last)" in page.text
    assert page.text.index("analyses failed") < page.text.index("What was asked")
    assert len(page.attributes("figure")) == 1


def test_a_run_in_which_everything_failed_still_has_a_report(study: Asks, ledger: Any, tmp_path: Path) -> None:
    ledger.raises |= {"first": ValueError("a"), "second": ValueError("b")}
    page = Page(study().run(tmp_path).report_file.read_text(encoding="utf-8"))
    assert "2 of 2 analyses failed" in page.text
    assert "0 nodes and 0 edges" in page.text


def test_a_run_that_has_not_ended_can_be_told(study: Asks, tmp_path: Path) -> None:
    manifest = study().run(tmp_path).manifest
    pending = [record.model_copy(update={"status": "pending"}) for record in manifest.analyses]
    begun = manifest.model_copy(update={"analyses": tuple(pending), "circuit": None, "status": "unfinished"})
    text = Page(render(begun, {})).text
    assert text.count("Not run yet.") == 2
    assert "there is no circuit yet" in text


def test_the_page_suits_light_dark_and_paper(study: Asks, tmp_path: Path) -> None:
    html = study().run(tmp_path).report_file.read_text(encoding="utf-8")
    assert "@media (prefers-color-scheme: dark)" in html
    assert "@media print" in html
    colours = set(re.findall(r"(--[\w-]+):", html))
    for block in re.findall(r":root \{([^}]*)\}", html):
        assert set(re.findall(r"(--[\w-]+):", block)) == colours
