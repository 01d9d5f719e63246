"""The page is one file that loads nothing, runs nothing but its own scripts, and tells what the circuit holds."""

from __future__ import annotations

import base64
import hashlib
import math
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from jackfield_circuits import Circuit, CircuitError, Edge, Evidence, Node, render_page, write_page
from jackfield_circuits.page.content import content
from jackfield_circuits.visible import visible

HOSTILE = "</script><script>alert(1)</script><!--\u2028\u202e\"'&lt;<img src=x onerror=alert(2)>\x1b"


class Elements(HTMLParser):
    """The elements of a page with their attributes and the text directly in them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None], list[str]]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs), []))

    def handle_endtag(self, tag: str) -> None:
        self.found.append(("", {}, []))

    def handle_data(self, data: str) -> None:
        if self.found:
            self.found[-1][2].append(data)

    def of(self, tag: str) -> list[tuple[dict[str, str | None], str]]:
        return [(attributes, "".join(text)) for name, attributes, text in self.found if name == tag]


def policy_of(page: Elements) -> dict[str, list[str]]:
    [policy] = [str(found["content"]) for found, _ in page.of("meta") if "http-equiv" in found]
    return {name: sources for name, *sources in (part.split() for part in policy.split(";"))}


def digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def test_only_the_page_s_own_scripts_and_styles_may_run(known: Circuit) -> None:
    page = Elements(render_page(known))
    policy = policy_of(page)
    scripts = [text for found, text in page.of("script") if "type" not in found]
    assert policy["default-src"] == ["'none'"]
    assert policy["script-src"] == [digest(script) for script in scripts]
    assert policy["style-src"] == [digest(text) for _, text in page.of("style")]
    assert len(scripts) == 6


def test_the_page_names_no_address_outside_itself(known: Circuit) -> None:
    page = Elements(render_page(known))
    loading = {"src", "href", "srcset", "action", "poster"}
    addresses = [value for _, found, _ in page.found for name, value in found.items() if name in loading]
    assert addresses == ["data:,"]
    assert not [name for _, found, _ in page.found for name in found if name.startswith("on") or name == "style"]
    own = [text for found, text in page.of("script") if "d3js.org" not in text]
    assert not re.search(r"https?:|url\(|@import|innerHTML|insertAdjacentHTML|document\.write|eval\(", "".join(own))


def test_hostile_text_stays_text(page_data: Callable[[str], dict[str, Any]]) -> None:
    told = {"method": HOSTILE, "metric": HOSTILE, "unit": HOSTILE, "position": HOSTILE, "control_kind": HOSTILE}
    evidence = Evidence(plugin="p", score=1.0, n=1, run=HOSTILE, control=0.0, **told)
    hostile = Circuit([Node(id=HOSTILE, evidence=(evidence,))], runs={HOSTILE: {"task": HOSTILE}})
    html = render_page(hostile, title=HOSTILE, links={HOSTILE: "report.html#x"}, report='r"><script>.html')
    plain = render_page(Circuit(), report="report.html")
    assert [tag for tag, _, _ in Elements(html).found] == [tag for tag, _, _ in Elements(plain).found]
    assert Elements(html).of("h1")[0][1] == visible(HOSTILE)
    data = page_data(html)
    assert data["nodes"]["id"] == [visible(HOSTILE)]
    assert data["sources"][0]["method"] == visible(HOSTILE)
    assert not {"\u2028", "\u202e", "\x1b"} & set(html)


def test_the_data_tell_every_claim(data: dict[str, Any], known: Circuit) -> None:
    claims = [(str(element), claim) for element in (*known.nodes, *known.edges) for claim in element.evidence]
    assert data["nodes"]["id"] == [node.id for node in known.nodes]
    names = [*data["nodes"]["id"], *(edge.name for edge in known.edges)]
    for row, (name, claim) in enumerate(claims):
        told = {column: values[row] for column, values in data["claims"].items()}
        source = data["sources"][told["source"]]
        assert names[told["element"]] == name
        assert told["score"] == pytest.approx(claim.score)
        assert (told["control_low"], told["q_value"]) == (claim.control_low, claim.q_value)
        assert bool(told["finding"]) == claim.is_finding()
        assert (source["plugin"], source["method"], source["n"]) == (claim.plugin, claim.method, claim.n)
        assert data["runs"][source["run"]]["digest"] == claim.run
    assert data["verdicts"][names.index("a1.h1->logits")] == "conflict"
    assert data["verdicts"][names.index("a0.h0->m0")] == "supported"
    assert data["verdicts"][names.index("m0->logits")] == ""


def test_a_stricter_alpha_leaves_fewer_findings(known: Circuit) -> None:
    found = [sum(content(known, alpha, {})["claims"]["finding"]) for alpha in (0.05, 0.01, 0.0)]
    assert found == [8, 7, 0]


def test_infinities_are_told() -> None:
    claims = [
        Evidence(plugin="p", method="m", metric="d", unit="", score=score, n=1, run="r", low=-math.inf, high=math.inf)
        for score in (math.inf, -math.inf)
    ]
    told = content(Circuit([Node(id="m0", evidence=tuple(claims))], runs={"r": {}}), 0.05, {})["claims"]
    assert sorted(told["score"]) == ["-inf", "inf"]


@settings(max_examples=40)
@given(...)
def test_the_page_of_any_circuit_holds_it(circuit: Circuit) -> None:
    html = render_page(circuit)
    assert [found.get("id") for found, _ in Elements(html).of("script") if "type" in found] == ["content"]
    data = content(circuit, 0.05, {})
    assert len(data["nodes"]["id"]) == len(circuit.nodes)
    assert len(data["claims"]["element"]) == sum(len(each.evidence) for each in (*circuit.nodes, *circuit.edges))


def test_equal_circuits_have_equal_pages(known: Circuit) -> None:
    again = Circuit(reversed(known.nodes), reversed(known.edges), known.runs)
    assert render_page(known) == render_page(again)


@pytest.mark.parametrize("address", ["https://example.org/", "javascript:alert(1)", "//example.org", "/etc/passwd"])
def test_an_address_that_leaves_the_folder_is_refused(address: str) -> None:
    with pytest.raises(CircuitError, match="relative to the page"):
        render_page(Circuit(), links={"5f2c": address})
    with pytest.raises(CircuitError, match="relative to the page"):
        render_page(Circuit(), report=address)


def test_an_alpha_that_is_no_probability_is_refused() -> None:
    with pytest.raises(CircuitError, match="from 0 to 1, found 5"):
        render_page(Circuit(), alpha=5)


def test_a_refused_page_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(CircuitError):
        write_page(Circuit(), tmp_path / "page.html", report="https://example.org/")
    assert list(tmp_path.iterdir()) == []
    write_page(Circuit(edges=[Edge.parse("m0->m1")]), tmp_path / "page.html")
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]


def test_the_library_is_joined_with_its_licences() -> None:
    folder = Path(render_page.__code__.co_filename).parent
    licence = (folder / "d3.LICENSE.txt").read_text(encoding="utf-8")
    code = (folder / "d3.js").read_text(encoding="utf-8")
    parts = re.findall(r"^(d3-[a-z]+)@([0-9.]+)$", licence, flags=re.MULTILINE)
    assert len(parts) == 9
    assert licence.strip() in code
    for name, version in parts:
        assert f"https://d3js.org/{name}/ v{version} Copyright" in code
    assert licence.strip() in render_page(Circuit())
