"""The page as one HTML document, which loads nothing and whose every script is named by its digest."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

from jackfield_circuits.circuit import Circuit
from jackfield_circuits.errors import CircuitError
from jackfield_circuits.files import write_text
from jackfield_circuits.page.content import content
from jackfield_circuits.strict_json import spell
from jackfield_circuits.visible import visible

__all__ = ["render_page", "write_page"]

_SCRIPTS = ("d3.js", "circuit.js", "filter.js", "picture.js", "words.js", "page.js")


def render_page(
    circuit: Circuit,
    title: str = "Circuit",
    alpha: float = 0.05,
    links: Mapping[str, str] | None = None,
    report: str | None = None,
) -> str:
    """A page to look at a circuit, as HTML that needs no network and no other file.

    Whatever comes from models, plugins and files is shown as text and never read as markup or code. The page forbids
    its reader's browser to load anything, and to run any script but its own.

    Parameters
    ----------
    circuit
        The circuit.
    title
        What stands at the top.
    alpha
        Largest q-value that counts as significant.
    links
        Addresses at which more is said about a run, relative to the page, by the digest of the run.
    report
        Address of the report that the page belongs to, relative to the page.

    Raises
    ------
    CircuitError
        If ``alpha`` is not from 0 to 1, or an address is not relative.

    Examples
    --------
    >>> from jackfield_circuits import Edge
    >>> render_page(Circuit(edges=[Edge.parse("m0->logits")]), title="One edge").startswith("<!doctype html>")
    True
    """
    if not 0 <= alpha <= 1:
        raise CircuitError(f"alpha is a probability from 0 to 1, found {alpha}")
    links = dict(links or {})
    for address in (*links.values(), *([report] if report else [])):
        if ":" in address or address.startswith("/"):
            raise CircuitError(f"addresses are relative to the page, found {address!r}")
    scripts = [_asset(name) for name in _SCRIPTS]
    style = _asset("page.css")
    return Template(_asset("page.html")).substitute(
        title=escape(visible(title)),
        style=style,
        style_policy=_digest(style),
        script_policy=" ".join(map(_digest, scripts)),
        scripts="\n".join(f"<script>{script}</script>" for script in scripts),
        content=_inert(spell(content(circuit, alpha, links))),
        report=f'<a href="{escape(report)}">Report of the run</a>' if report else "",
    )


def write_page(
    circuit: Circuit,
    path: Path | str,
    title: str = "Circuit",
    alpha: float = 0.05,
    links: Mapping[str, str] | None = None,
    report: str | None = None,
) -> None:
    """Write a page to look at a circuit, whole or not at all; see `render_page`."""
    write_text(Path(path), render_page(circuit, title, alpha, links, report))


def _asset(name: str) -> str:
    return files("jackfield_circuits.page").joinpath(name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode('utf-8')).digest()).decode('ascii')}'"


def _inert(json: str) -> str:
    """JSON in which nothing can end the element that it stands in."""
    for character in "<>&\u2028\u2029":
        json = json.replace(character, f"\\u{ord(character):04x}")
    return json
