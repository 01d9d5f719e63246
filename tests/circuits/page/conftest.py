"""A small circuit of which everything is known, its page, and one browser for all tests."""

from __future__ import annotations

import json
import re
import runpy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jackfield_circuits import Circuit, Edge, Evidence, Node, render_page, write_page

DRIVER = runpy.run_path(str(Path(__file__).with_name("browser.py")))
RUNS: dict[str, dict[str, Any]] = {
    "5f2c": {"analysis": "eap", "task": "ioi", "model": {"name": "fieldmouse"}, "seed": 0},
    "77aa": {"analysis": "exact", "task": "ioi", "model": {"name": "fieldmouse"}, "seed": 0},
}

Opens = Callable[..., Any]


def claim(plugin: str, score: float, **fields: Any) -> Evidence:
    told = {
        "method": f"{plugin} of edges", "metric": "logit_difference", "unit": "logits", "n": 32,
        "low": score - 0.1, "high": score + 0.1, "control": 0.01, "control_low": -0.02, "control_high": 0.03,
        "control_kind": "random edges", "q_value": 0.001, "run": "5f2c" if plugin == "eap" else "77aa",
    }  # fmt: skip
    return Evidence(plugin=plugin, score=score, **{**told, **fields})


@pytest.fixture(scope="session")
def known() -> Circuit:
    """Five edges with findings, one of them in conflict; one edge without; one that nothing is claimed about."""
    edges = {
        "input->a0.h0<q>": [claim("eap", 1.0)],
        "input->a0.h0<k>": [claim("eap", -0.5)],
        "a0.h0->m0": [claim("eap", 0.25), claim("exact", 0.3)],
        "m0->a1.h1<v>": [claim("eap", 0.05, q_value=0.6)],
        "a1.h1->logits": [claim("eap", 0.8, q_value=0.04), claim("exact", -0.7)],
        "input->m0": [claim("exact", 0.2, q_value=1e-7)],
        "m0->logits": [],
    }
    patched = claim("exact", 0.4, metric="probability", unit="", method="patching", position="END")
    return Circuit([Node(id="a0.h0", evidence=(patched,))], [Edge.parse(*edge) for edge in edges.items()], RUNS)


@pytest.fixture(scope="session")
def page_data() -> Callable[[str], dict[str, Any]]:
    """Reads the data back that a page holds."""

    def read(html: str) -> dict[str, Any]:
        [text] = re.findall(r'<script type="application/json" id="content">(.*?)</script>', html, flags=re.DOTALL)
        data: dict[str, Any] = json.loads(text)
        return data

    return read


@pytest.fixture(scope="session")
def data(known: Circuit, page_data: Callable[[str], dict[str, Any]]) -> dict[str, Any]:
    return page_data(render_page(known))


@pytest.fixture(scope="session")
def one_browser() -> Iterator[Any]:
    if (program := DRIVER["chromium"]()) is None:
        pytest.skip("there is no Chromium here; JACKFIELD_CHROMIUM can name one")
    with DRIVER["Browser"](program) as browser:
        yield browser


@pytest.fixture
def opened(one_browser: Any, known: Circuit, tmp_path: Path) -> Opens:
    """Opens the page of the known circuit, or of another, in the browser, and gives the browser."""

    def open_page(
        circuit: Circuit = known, fragment: str = "", size: tuple[int, int] = (1280, 800), **options: Any
    ) -> Any:
        path = tmp_path / "page.html"
        write_page(circuit, path, **options)
        one_browser.prefer("light")
        one_browser.resize(*size)
        one_browser.open(path, fragment)
        return one_browser

    return open_page
