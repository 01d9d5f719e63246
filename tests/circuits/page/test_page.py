"""The page in a browser: what a reader sees, points at, filters, finds and presses."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from jackfield_circuits import Circuit, Edge, Evidence, Node

Opens = Callable[..., Any]

HOSTILE = "</script><script>window.ran = 1</script><img src=x onerror='window.ran = 1'>\u2028\u202e\"'"
RUNS = {"r": {"task": "ioi"}}


def shown(browser: Any) -> set[str]:
    return set(browser.run("filter.edges.map((edge) => edge.name)"))


def position(browser: Any, name: str) -> tuple[float, float]:
    """Where a node, or the middle of an edge, is drawn."""
    element = f"circuit.elements.find((each) => each.name === {name!r})"
    x, y = browser.run(f"(({element}).isNode ? picture.positionOf({element}) : picture.middleOf({element}))")
    return x, y


def text(browser: Any, selector: str) -> str:
    return str(browser.run(f"document.querySelector({selector!r}).innerText"))


def press_button(browser: Any, selector: str) -> None:
    browser.run(f"document.querySelector({selector!r}).click()")
    browser.settle()


def slide(browser: Any, slider: str, value: int) -> None:
    browser.run(f"by({slider!r}).value = {value}; by({slider!r}).dispatchEvent(new Event('input'))")
    browser.settle()


def test_the_page_opens_without_a_complaint_or_a_request(opened: Opens) -> None:
    browser = opened(title="One circuit")
    assert text(browser, "h1") == "One circuit"
    assert text(browser, "#count") == "5 nodes of 5, 5 edges of 7"
    assert browser.complaints == []
    assert len(browser.requests) == 1
    assert browser.requests[0].endswith("/page.html")


def test_the_picture_is_drawn(opened: Opens) -> None:
    colours = "new Set(picture.below.getContext('2d').getImageData(0, 0, 600, 600).data).size"
    assert opened().run(colours) > 20
    assert opened(Circuit()).run(colours) <= 1


def test_the_findings_shown_at_first_are_those_of_python(opened: Opens) -> None:
    dice = random.Random(5)
    edges = []
    for source, target in [(f"m{low}", f"m{high}") for low in range(12) for high in range(low + 1, 12)]:
        score, q_value = dice.gauss(0, 1), dice.random() ** 3
        claim = Evidence(
            plugin=dice.choice("ab"), method="m", metric="d", unit="", score=score, low=score - 0.5, high=score + 0.5,
            control=0.1, control_low=-0.2, control_high=0.3, q_value=q_value, n=8, run="r",
        )  # fmt: skip
        edges.append(Edge.parse(f"{source}->{target}", [claim]))
    circuit = Circuit(edges=edges, runs=RUNS)
    browser = opened(circuit)
    assert shown(browser) == {edge.name for edge in circuit.findings().edges}
    press_button(browser, "#findings")
    slide(browser, "least", 50)
    largest = max(abs(edge.evidence[0].score) for edge in edges)
    assert shown(browser) == {edge.name for edge in edges if abs(edge.evidence[0].score) >= 0.25 * largest}
    slide(browser, "least", 0)
    slide(browser, "largest", 4)
    assert text(browser, "#largest-said") == "0.05"
    assert shown(browser) == {edge.name for edge in edges if (edge.evidence[0].q_value or 0) <= 0.05}


def test_without_findings_everything_is_shown(opened: Opens) -> None:
    browser = opened(Circuit(edges=[Edge.parse("m0->m1"), Edge.parse("m1->logits")]))
    assert not browser.run("by('findings').checked")
    assert shown(browser) == {"m0->m1", "m1->logits"}


def test_a_click_on_a_node_tells_what_feeds_it_and_what_it_feeds(opened: Opens) -> None:
    browser = opened()
    browser.click(*position(browser, "a0.h0"))
    assert text(browser, "#details h2") == "a0.h0"
    told = text(browser, "#details")
    for part in (
        "head, layer 0",
        "patching",
        "0.4",
        "What feeds it (2)",
        "What it feeds (1)",
        "input (q)",
        "input (k)",
        "m0",
    ):
        assert part in told, part
    assert told.index("input (q)") < told.index("input (k)")
    browser.run("document.querySelectorAll('#details table')[1].querySelector('button').click()")
    assert text(browser, "#details h2") == "m0"
    browser.click(300, 790)
    assert text(browser, "#details h2") == "The circuit"


def test_a_click_on_an_edge_tells_its_claims(opened: Opens) -> None:
    browser = opened()
    browser.click(*position(browser, "input->a0.h0<q>"))
    assert text(browser, "#details h2") == "input->a0.h0<q>"
    assert browser.run("document.querySelectorAll('#details .claim').length") == 1
    assert "from input to a0.h0 as q" in text(browser, "#details")


@pytest.mark.parametrize("name", ["a0.h0", "a0.h0->m0"])
def test_pointing_shows_a_card_with_all_that_says_how_sure_it_is(opened: Opens, name: str) -> None:
    browser = opened(links={"77aa": "report.html#exact"})
    browser.move(*position(browser, name))
    card = text(browser, "#card")
    interval = "[0.2, 0.4]" if "->" in name else "[0.3, 0.5]"
    told = ("interval", interval, "95 %", "control", "random edges", "q-value", "0.001")
    for part in (name, "score", *told, "prompts", "32", "77aa", "task ioi", "exact"):
        assert part in card, part
    browser.move(300, 790)
    assert browser.run("by('card').hidden")


def test_the_run_of_a_claim_leads_to_the_report(opened: Opens) -> None:
    browser = opened(links={"77aa": "report.html#exact"}, report="report.html")
    browser.click(*position(browser, "a0.h0"))
    hrefs = browser.run(
        "[...document.querySelectorAll('header a, #details a')].map((link) => link.getAttribute('href'))"
    )
    assert hrefs == ["report.html", "report.html#exact"]


def test_conflicts_are_marked_and_can_be_had_alone(opened: Opens) -> None:
    browser = opened()
    press_button(browser, "#conflicts")
    assert shown(browser) == {"a1.h1->logits"}
    browser.move(*position(browser, "a1.h1->logits"))
    assert "findings in conflict" in text(browser, "#card")


@pytest.mark.parametrize(
    ("title", "name", "left"),
    [
        ("Plugin", "eap", {"a0.h0->m0", "a1.h1->logits", "input->m0"}),
        ("Method", "exact of edges", {"input->a0.h0<q>", "input->a0.h0<k>", "a0.h0->m0", "a1.h1->logits"}),
        ("Kind of node", "mlp", {"input->a0.h0<q>", "input->a0.h0<k>", "a1.h1->logits"}),
        ("Kind of evidence", "tested against a control", set()),
        ("Position", "all positions", set()),
        ("Run", "exact ioi 77aa", {"input->a0.h0<q>", "input->a0.h0<k>", "a0.h0->m0", "a1.h1->logits"}),
    ],
)
def test_what_is_unchecked_is_left_out(opened: Opens, title: str, name: str, left: set[str]) -> None:
    browser = opened()
    browser.run(
        f"document.querySelector('fieldset[aria-label=\"{title}\"]').querySelector('input[value=\"{name}\"]').click()"
    )
    assert shown(browser) == left
    press_button(browser, "#reset")
    assert len(shown(browser)) == 5
    assert browser.run("[...document.querySelectorAll('fieldset input')].every((box) => box.checked)")


def test_what_nothing_is_claimed_about_is_shown_where_nothing_is_asked(opened: Opens) -> None:
    browser = opened()
    press_button(browser, "#findings")
    assert len(shown(browser)) == 7
    slide(browser, "largest", 1)
    assert "m0->logits" not in shown(browser)
    assert "m0->a1.h1<v>" not in shown(browser)


def test_one_metric_at_a_time(opened: Opens) -> None:
    browser = opened()
    browser.run("by('measure').value = '0'; by('measure').dispatchEvent(new Event('change'))")
    assert browser.run("filter.measure.name") == "probability"
    assert (text(browser, "#count"), shown(browser)) == ("1 node of 5, 0 edges of 7", set())


def test_nothing_left_is_said(opened: Opens) -> None:
    browser = opened()
    assert browser.run("by('empty').hidden")
    slide(browser, "largest", 10)
    assert text(browser, "#empty") == "Nothing passes the filters."


def test_a_node_is_found_by_its_id(opened: Opens) -> None:
    browser = opened()
    browser.press("/")
    assert browser.run("document.activeElement.id") == "wanted"
    browser.type("a")
    assert browser.run("[...document.querySelectorAll('#matches button')].map((each) => each.innerText)") == [
        "a0.h0",
        "a1.h1",
    ]
    browser.type("1.H")
    browser.press("Enter")
    assert text(browser, "#details h2") == "a1.h1"
    assert browser.run("by('matches').hidden")
    assert browser.run("document.activeElement.id") == "frame"


def test_a_search_without_a_match_says_so_and_escape_ends_it(opened: Opens) -> None:
    browser = opened()
    browser.press("/")
    browser.type("zebra")
    assert "No node of this id." in text(browser, "#matches")
    browser.press("Escape")
    assert browser.run("by('matches').hidden")


def test_an_address_can_name_a_node(opened: Opens) -> None:
    browser = opened(fragment="#a1.h1")
    assert text(browser, "#details h2") == "a1.h1"
    browser = opened(Circuit([Node(id="sae:m3<in>.f5 %41")]), fragment="#sae:m3%3Cin>.f5 %2541")
    assert text(browser, "#details h2") == "sae:m3<in>.f5 %41"
    browser = opened(fragment="#%ff<b>")
    assert text(browser, "#details h2") == "The circuit"
    assert browser.complaints == []


def test_the_arrows_go_from_node_to_node(opened: Opens) -> None:
    browser = opened()
    browser.run("by('frame').focus()")
    path = []
    for key in ("ArrowUp", "ArrowUp", "ArrowUp", "ArrowUp", "ArrowUp", "ArrowUp", "ArrowDown"):
        browser.press(key)
        path.append(browser.run("picture.focused.id"))
    assert path == ["input", "a0.h0", "m0", "a1.h1", "logits", "logits", "a1.h1"]
    assert browser.run("by('said').textContent").startswith("a1.h1, head, layer 1; 0 edges in, 1 out")
    browser.press("Enter")
    assert text(browser, "#details h2") == "a1.h1"
    browser.press("Escape", "Escape")
    assert text(browser, "#details h2") == "The circuit"
    assert browser.run("document.activeElement.id") == "frame"


def test_the_arrows_go_along_a_row(opened: Opens) -> None:
    browser = opened(Circuit([Node(id=f"a0.h{head}") for head in range(3)]))
    browser.run("by('frame').focus()")
    browser.press("Home", "ArrowRight", "ArrowRight", "ArrowRight", "ArrowLeft")
    assert browser.run("picture.focused.id") == "a0.h1"


def test_a_slider_moves_by_keyboard(opened: Opens) -> None:
    browser = opened()
    browser.run("by('largest').focus()")
    browser.press(*["ArrowRight"] * 5)
    assert browser.run("by('largest').getAttribute('aria-valuetext')") == "0.02"
    assert shown(browser) == {"input->a0.h0<q>", "input->a0.h0<k>", "a0.h0->m0", "a1.h1->logits", "input->m0"}
    browser.press(*["ArrowRight"] * 3)
    assert shown(browser) == {"input->m0"}


def test_a_row_of_the_details_points_at_its_edge(opened: Opens) -> None:
    browser = opened()
    browser.click(*position(browser, "a0.h0"))
    browser.run("document.querySelector('#details table button').focus()")
    assert browser.run("picture.pointed.name") == "input->a0.h0<q>"
    assert browser.run("by('said').textContent") == "edge input->a0.h0<q>; logit_difference 1 [0.9, 1.1], a finding"
    assert not browser.run("by('card').hidden")


def test_the_mouse_moves_and_zooms_the_picture_and_selects_nothing_by_that(opened: Opens) -> None:
    browser = opened()
    before = browser.run("[picture.transform.x, picture.transform.y, picture.transform.k]")
    browser.mouse("mouseMoved", 600, 400)
    browser.mouse("mousePressed", 600, 400, button="left", clickCount=1)
    browser.mouse("mouseMoved", 640, 430, button="left", buttons=1)
    browser.mouse("mouseReleased", 640, 430, button="left", clickCount=1)
    moved = browser.run("[picture.transform.x, picture.transform.y, picture.transform.k]")
    assert moved == pytest.approx([before[0] + 40, before[1] + 30, before[2]])
    browser.mouse("mouseWheel", 640, 430, deltaX=0, deltaY=-200)
    browser.settle()
    assert browser.run("picture.transform.k") > before[2]
    assert text(browser, "#details h2") == "The circuit"


def test_a_picture_that_is_slow_to_draw_is_stretched_until_the_mouse_rests(opened: Opens) -> None:
    browser = opened()
    browser.run("picture.cost = 1000; picture.scaleBy(1.5)")
    assert browser.run("picture.below.style.transform").startswith("translate(")
    assert browser.run("picture.drawn.k !== picture.transform.k")
    browser.run("new Promise((done) => setTimeout(done, 2 * SETTLED))")
    browser.settle()
    assert browser.run("picture.below.style.transform") == ""
    assert browser.run("picture.drawn.k === picture.transform.k")


def test_the_keys_are_not_lost_where_a_button_vanishes(opened: Opens) -> None:
    browser = opened()
    press_button(browser, "#as-table")
    browser.run("document.querySelector('#table button').focus()")
    browser.press("Enter")
    assert browser.run("document.activeElement.matches('#table button')")
    browser.run("document.querySelector('#details p button').focus()")
    browser.press("Enter")
    assert (text(browser, "#details h2"), browser.run("document.activeElement.id")) == ("input", "details")
    assert not browser.run("by('table').hidden")
    browser.press("Escape")
    assert (text(browser, "#details h2"), browser.run("document.activeElement.id")) == ("The circuit", "table")


def test_the_keys_zoom(opened: Opens) -> None:
    browser = opened()
    browser.run("by('frame').focus()")
    whole = browser.run("picture.transform.k")
    browser.press("+", "+")
    assert browser.run("picture.transform.k") > whole * 1.5
    browser.press("0")
    assert browser.run("picture.transform.k") == pytest.approx(whole)


def test_everything_can_be_reached_with_the_tab_key_and_is_seen_to_be(opened: Opens) -> None:
    browser = opened()
    seen = []
    for _ in range(60):
        browser.press("Tab")
        found = "document.activeElement.id || document.activeElement.innerText || document.activeElement.value"
        if browser.run("document.activeElement === document.body"):
            break
        reached = browser.run(found)
        seen.append(reached)
        assert browser.run("getComputedStyle(document.activeElement).outlineStyle") != "none", reached
    assert {
        "wanted",
        "as-table",
        "theme",
        "findings",
        "measure",
        "least",
        "largest",
        "eap",
        "reset",
        "frame",
        "closer",
    } <= {*seen}


def test_every_control_has_a_name(opened: Opens) -> None:
    browser = opened()
    browser.click(*position(browser, "a0.h0"))
    nodes = browser.send("Accessibility.getFullAXTree")["nodes"]
    controls = {"button", "checkbox", "combobox", "slider", "searchbox", "application", "link"}
    found = [(node["role"]["value"], node["name"]["value"]) for node in nodes if node["role"]["value"] in controls]
    assert {role for role, _ in found} >= controls - {"link"}
    assert not [role for role, name in found if not name]


def test_the_table_holds_what_is_shown(opened: Opens) -> None:
    browser = opened()
    press_button(browser, "#as-table")
    names = "[...table.tBodies[0].rows].map((row) => row.cells[0].innerText)"
    tables = browser.run(f"[...document.querySelectorAll('#table table')].map((table) => {names})")
    assert [{cell.removesuffix(" •") for cell in table} for table in tables] == [
        shown(browser),
        {"input", "a0.h0", "m0", "a1.h1", "logits"},
    ]
    assert "0.3 [0.2, 0.4]" in text(browser, "#table")
    assert browser.run("by('frame').hidden")
    press_button(browser, "#as-picture")
    assert not browser.run("by('frame').hidden")


def test_long_tables_are_told_in_parts(opened: Opens) -> None:
    pairs = [(low, high) for low in range(24) for high in range(low + 1, 24)]
    browser = opened(Circuit(edges=[Edge.parse(f"m{low}->m{high}") for low, high in pairs]))
    press_button(browser, "#as-table")
    rows = "document.querySelector('#table table').tBodies[0].rows.length"
    assert browser.run(rows) == 200
    press_button(browser, "#table > button")
    assert browser.run(rows) == len(pairs) == 276
    assert browser.run("document.querySelector('#table > button')") is None


def test_dark_and_light_follow_the_system_until_they_are_switched(opened: Opens) -> None:
    browser = opened()
    paper = "getComputedStyle(document.body).backgroundColor + picture.colours.paper"
    light = browser.run(paper)
    browser.prefer("dark")
    browser.settle()
    dark = browser.run(paper)
    assert dark != light
    press_button(browser, "#theme")
    assert browser.run(paper) == light
    assert text(browser, "#theme") == "Dark"
    press_button(browser, "#theme")
    assert browser.run(paper) == dark


def test_hostile_text_is_shown_and_inert(opened: Opens) -> None:
    told = {"method": HOSTILE, "metric": HOSTILE, "unit": HOSTILE, "position": HOSTILE, "control_kind": HOSTILE}
    claim = Evidence(
        plugin=HOSTILE.replace(",", ""),
        score=1.0,
        low=0.9,
        high=1.1,
        n=1,
        q_value=0.01,
        control=0.0,
        run=HOSTILE,
        **told,
    )
    edge = Edge(
        source=HOSTILE, target="m0", receiver="\u202eq</script>".replace("<", "").replace(">", ""), evidence=(claim,)
    )
    circuit = Circuit([Node(id=HOSTILE, evidence=(claim,))], [edge], {HOSTILE: {"task": HOSTILE, "analysis": HOSTILE}})
    browser = opened(circuit, title=HOSTILE)
    browser.click(*position(browser, "m0"))
    browser.run("select(circuit.nodes[0]); picture.pointAt(circuit.edges[0])")
    press_button(browser, "#as-table")
    browser.press("/")
    browser.type("script")
    assert browser.run("document.querySelectorAll('img').length") == 0
    assert browser.run("window.ran === undefined")
    assert "<script>window.ran = 1</script>" in text(browser, "#details")
    assert "\\u2028\\u202e" in text(browser, "#details")
    assert browser.complaints == []
    assert len(browser.requests) == 1


def test_the_policy_stops_what_would_get_in(opened: Opens) -> None:
    browser = opened()
    browser.run(
        "const intruder = document.createElement('script'); intruder.textContent = 'window.ran = 1';"
        "document.body.append(intruder)"
    )
    browser.run("const image = new Image(); image.src = 'https://example.invalid/x.png'; document.body.append(image)")
    assert browser.run("fetch('https://example.invalid/').then(() => 'sent', () => 'refused')") == "refused"
    browser.settle()
    assert browser.run("window.ran === undefined")
    assert any("Content Security Policy" in complaint for complaint in browser.complaints)


def test_ten_thousand_edges_are_shown_and_can_be_pointed_at(opened: Opens) -> None:
    ids = [f"m{layer}" for layer in range(142)]
    pairs = [(low, high) for low in range(142) for high in range(low + 1, 142)][:10_000]
    browser = opened(Circuit(edges=[Edge(source=ids[low], target=ids[high]) for low, high in pairs]))
    assert text(browser, "#count").endswith("10,000 edges of 10,000")
    browser.click(*position(browser, "m70"))
    assert text(browser, "#details h2") == "m70"
    assert f"What feeds it ({sum(high == 70 for _, high in pairs)})" in text(browser, "#details")
    assert browser.complaints == []


def test_a_narrow_window_keeps_room_for_the_picture(opened: Opens) -> None:
    browser = opened(size=(420, 760))
    width, height = browser.run("[picture.width, picture.height]")
    assert width == 420
    assert height > 400
    assert browser.run("document.documentElement.scrollWidth") <= 420
    browser.click(*position(browser, "m0"))
    assert text(browser, "#details h2") == "m0"


def test_infinite_scores_are_drawn(opened: Opens) -> None:
    claims = [
        Evidence(plugin="p", method="m", metric="d", unit="", score=score, n=1, run="r")
        for score in (float("inf"), 2.0)
    ]
    browser = opened(Circuit(edges=[Edge.parse("m0->m1", claims)], runs=RUNS))
    browser.move(*position(browser, "m0->m1"))
    assert "∞" in text(browser, "#card")
    assert browser.complaints == []
