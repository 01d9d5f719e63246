"""Damaged and hostile files of every format that is read: a circuit comes out whole, or the package's own error."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jackfield_circuits import (
    Circuit,
    CircuitFileError,
    Edge,
    Evidence,
    from_graphml,
    from_json,
    read_attribution_graph,
    read_eap_ig,
    read_graphml,
    read_json,
    to_eap_ig,
    to_graphml,
    to_json,
)

STEADY = settings(
    deadline=None, derandomize=True, max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
THOROUGH = settings(STEADY, max_examples=1000)

Read = Callable[[Path], Circuit]

TRACED = json.dumps(
    {
        "metadata": {"slug": "s", "prompt_tokens": ["a", "b"]},
        "nodes": [
            {"node_id": "E_1_0", "feature_type": "embedding", "influence": 0.5},
            {"node_id": "3_9_1", "feature_type": "cross layer transcoder", "activation": 1e300},
        ],
        "links": [{"source": "E_1_0", "target": "3_9_1", "weight": -1.5}],
    }
)
READERS: dict[str, Read] = {
    "graphml": read_graphml,
    "json": read_json,
    "eap-ig": partial(read_eap_ig, prompts=4, metric="m"),
    "circuit-tracer": read_attribution_graph,
}


@pytest.fixture
def contents(circuit: Circuit) -> dict[str, bytes]:
    """A valid file of each format."""
    texts = {"graphml": to_graphml(circuit), "json": to_json(circuit), "eap-ig": to_eap_ig(circuit)}
    return {name: text.encode() for name, text in {**texts, "circuit-tracer": TRACED}.items()}


def read(name: str, content: bytes) -> Circuit:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "circuit"
        path.write_bytes(content)
        return READERS[name](path)


def require_whole(circuit: Circuit) -> None:
    assert from_graphml(to_graphml(circuit)) == circuit == from_json(to_json(circuit))


@st.composite
def mutated(draw: st.DrawFn, content: bytes) -> bytes:
    """The content with a few pieces cut out, doubled, swapped with others, or replaced by bytes that mean something."""
    telling = [
        b"<",
        b">",
        b'"',
        b"&",
        b"\\",
        b"{",
        b"}",
        b"[",
        b"]",
        b"\x00",
        b"\xff",
        b"NaN",
        b"-Infinity",
        b"1e999",
        b"null",
    ]
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(content)))
        end = min(len(content), start + draw(st.integers(0, 12)))
        piece = content[start:end]
        new = draw(st.sampled_from([b"", piece * 2, *telling]) | st.binary(max_size=3))
        content = content[:start] + new + content[end:]
    return content


@pytest.mark.parametrize("name", READERS)
def test_a_valid_file_is_read(contents: dict[str, bytes], name: str) -> None:
    require_whole(read(name, contents[name]))


@pytest.mark.parametrize("name", READERS)
@STEADY
@given(st.data())
def test_a_mutated_file_is_refused_or_whole(contents: dict[str, bytes], name: str, data: st.DataObject) -> None:
    try:
        found = read(name, data.draw(mutated(contents[name])))
    except CircuitFileError:
        return
    require_whole(found)


@pytest.mark.slow
@pytest.mark.parametrize("name", READERS)
@THOROUGH
@given(st.data())
def test_a_thousand_mutated_files_are_refused_or_whole(
    contents: dict[str, bytes], name: str, data: st.DataObject
) -> None:
    try:
        found = read(name, data.draw(mutated(contents[name])))
    except CircuitFileError:
        return
    require_whole(found)


@pytest.mark.parametrize("name", READERS)
def test_a_file_that_ends_too_soon_is_refused(contents: dict[str, bytes], name: str) -> None:
    content = contents[name].rstrip()
    for length in range(0, len(content), max(1, len(content) // 200)):
        with pytest.raises(CircuitFileError):
            read(name, content[:length])


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe\x00",
        b"\x80\x04\x95.",
        b"[" * 200_000,
        b"<a>" * 200_000,
        b'{"nodes":' * 50_000,
        b"<graphml xmlns='http://graphml.graphdrawing.org/xmlns'>" + b"<graph edgedefault='directed'>" * 20_000,
        b'{"graph": {"jackfield_schema": ' + b"9" * 10_000 + b"}}",
        b'{"graph": {"jackfield_schema": 1e400}}',
        b'{"cfg": {"n_layers": 99999, "n_heads": 99999}, "nodes": {}, "edges": {"x": 1}}',
    ],
    ids=[
        "empty",
        "not UTF-8",
        "pickle",
        "deep lists",
        "deep XML",
        "deep objects",
        "deep graphs",
        "long",
        "huge",
        "wide",
    ],
)
def test_a_hostile_file_is_refused(name: str, content: bytes) -> None:
    with pytest.raises(CircuitFileError):
        read(name, content)


@pytest.mark.parametrize("huge", ["1e999", "-1e999", "9" * 400, "9" * 10_000])
def test_a_number_that_is_too_large_does_not_become_infinite(finding: dict[str, Any], huge: str) -> None:
    circuit = Circuit(edges=[Edge.parse("m0->m1", [Evidence(**finding)])], runs={"5f2c": {}})
    with pytest.raises(CircuitFileError):
        from_json(to_json(circuit).replace('"score": 1.2', f'"score": {huge}'))
    with pytest.raises(CircuitFileError):
        from_graphml(to_graphml(circuit).replace('"score":1.2', f'"score":{huge}'))


@pytest.mark.slow
@THOROUGH
@given(...)
def test_a_thousand_circuits_come_back_from_both_formats(circuit: Circuit) -> None:
    require_whole(circuit)
