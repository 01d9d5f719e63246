"""What a hostile or damaged GraphML file meets."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jackfield_circuits import Circuit, CircuitFileError, from_graphml, read_graphml, to_graphml

STEADY = settings(deadline=None, derandomize=True, max_examples=40)
HEAD = '<graphml xmlns="http://graphml.graphdrawing.org/xmlns">'

LAUGHS = '<!DOCTYPE l [<!ENTITY a "ha">' + "".join(
    f'<!ENTITY {name} "{"&" + former + ";"}{"&" + former + ";"}">'
    for former, name in zip("abcdefg", "bcdefgh", strict=True)
)


@pytest.mark.parametrize(
    "text",
    [
        LAUGHS + f"]>{HEAD}&h;</graphml>",
        f'<!DOCTYPE g [<!ENTITY x SYSTEM "file:///etc/hostname">]>{HEAD}&x;</graphml>',
        f'<!DOCTYPE g SYSTEM "http://example.invalid/g.dtd">{HEAD}</graphml>',
        f'<!DOCTYPE g [<!ENTITY % x SYSTEM "file:///etc/hostname"> %x;]>{HEAD}</graphml>',
        f"<!DOCTYPE g>{HEAD}</graphml>",
    ],
    ids=["expansion", "external entity", "external document type", "parameter entity", "bare document type"],
)
def test_entities_and_document_types_are_refused(text: str) -> None:
    with pytest.raises(CircuitFileError, match="declares a document type or entities"):
        from_graphml(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "the text is empty"),
        (" \n", "the text is empty"),
        ("\x00\x01\x02", "not XML"),
        ("a circuit", "not XML"),
        (HEAD, "not XML, or not all of it"),
        (f"{HEAD}&undefined;</graphml>", "not XML"),
        ("<?xml version='1.0' encoding='no-such'?><g/>", "not XML|root is"),
        ("<graphml/>", "its root is 'graphml', not 'graphml' of the namespace http://graphml"),
        ("<html><body/></html>", "its root is 'html'"),
        (f"{HEAD}</graphml>", "it holds 0 graphs, not one"),
        (f'{HEAD}<graph edgedefault="directed"/><graph edgedefault="directed"/></graphml>', "it holds 2 graphs"),
        (f'{HEAD}<graph edgedefault="undirected"/></graphml>', "its graph is 'undirected', not 'directed'"),
        (f'{HEAD}<graph edgedefault="directed"/></graphml>', "no attribute jackfield_schema"),
        ("<a>" * 20_000 + "</a>" * 20_000, "its root is 'a'"),
        ("<g>\ud800</g>", "not XML"),
    ],
    ids=range(15),
)
def test_what_is_not_graphml_of_a_circuit_is_refused(text: str, reason: str) -> None:
    with pytest.raises(CircuitFileError, match=reason):
        from_graphml(text)


@pytest.mark.parametrize(
    ("pattern", "replacement", "reason"),
    [
        (r'(attr.name="score" attr.type=)"double"', r'\1"string"', "score is '.*', but its evidence gives"),
        (r'(attr.name="score" attr.type=)"double"', r'\1"long"', "does not fit its key"),
        (r'(attr.name="score" attr.type=)"double"', r'\1"colour"', "has the type 'colour'"),
        (r'(attr.name="score") attr.type="double"', r"\1", "has the type None"),
        (r'(attr.name="finding" attr.type=)"boolean"', r'\1"string"', "finding is 'True', but"),
        (
            r'(attr.name="jackfield_schema" attr.type="long") />',
            r"\1><default>1</default></key>",
            "has no place in .*key",
        ),
        (r">True<", ">maybe<", "does not fit its key"),
        (r">1\.2<", ">9.9<", r"node a0\.h1: score is 9\.9, but its evidence gives 1\.2"),
        (r'"score":1\.2', '"score":7.5', r"node a0\.h1: .*is 1\.2, but its evidence gives 7\.5"),
        (r'(<node id=)"m2"', r'\1"a0.h1"', "the node 'a0.h1' is given twice"),
        (r'(<node id=)"m2"', r"<node name='m2'", "a node has no name"),
        (r'(<edge source=)"m2"', r'\1"m9"', "an edge joins 'm9' to 'a3.h2', which are not both nodes"),
        (r'(?s)<node id="a3.h2">.*?</node>', "", "an edge joins '.*' to 'a3.h2', which are not both nodes"),
        (r'id="m2-&gt;a3.h2&lt;v&gt;"', 'id="a0.h1-&gt;a3.h2&lt;q&gt;"', "the edge 'a0.h1->a3.h2<q>' is given twice"),
        (r'<node id="m2">', '<node id="m2"><port name="p"/>', "port' has no place in .*node'"),
        (r'<node id="m2">', '<node id="m2"><graph edgedefault="directed"/>', "graph' has no place in .*node'"),
        (r"(<graph [^>]*>)", r"\1<hyperedge/>", "hyperedge' has no place in .*graph'"),
        (r'(<data key="d\d+">)1\.2</data>', r"\g<0>\g<0>", "the datum 'd\\d+' is given twice"),
        (r'(<data key="d\d+">)1\.2</data>', r"<data>1.2</data>", "a datum has no name"),
        (r'<data key="d\d+">mlp</data>', r'<data key="d999">mlp</data>', "no key d999"),
        (r">1\.2</data>", r">1.2<b/></data>", "b' has no place in .*data'"),
        (r'(attr.name=)"low"', r'\1"score"', "the key for '(node|edge) score' is given twice"),
        (r'(<key id=)"d\d+"', r'\1"d0"', "the key 'd0' is given twice"),
        (r'edgedefault="directed"', 'edgedefault="undirected"', "'undirected', not 'directed'"),
        (r'(<data key="d0">)1(</data>)', r"\g<1>2\2", "has schema 2, .*upgrade jackfield"),
        (r'="m2"', r'="\\ud800"', "lone surrogate"),
    ],
    ids=range(26),
)
def test_a_document_that_was_tampered_with_is_refused(
    circuit: Circuit, pattern: str, replacement: str, reason: str
) -> None:
    text = to_graphml(circuit)
    tampered = re.sub(pattern, replacement, text)
    assert tampered != text
    with pytest.raises(CircuitFileError, match=reason):
        from_graphml(tampered)


@settings(STEADY, max_examples=25)
@given(st.floats(0, 1, exclude_max=True))
def test_a_truncated_document_is_refused(share: float) -> None:
    text = to_graphml(Circuit(runs={"5f2c": {"seed": 0}})).rstrip()
    with pytest.raises(CircuitFileError):
        from_graphml(text[: int(share * len(text))])


@STEADY
@given(st.data())
def test_a_damaged_document_is_refused_or_still_a_circuit(data: st.DataObject) -> None:
    text = to_graphml(data.draw(st.from_type(Circuit)))
    start = data.draw(st.integers(0, len(text)))
    damaged = text[:start] + data.draw(st.text(max_size=3)) + text[start + data.draw(st.integers(0, 3)) :]
    try:
        read = from_graphml(damaged)
    except CircuitFileError:
        return
    assert from_graphml(to_graphml(read)) == read


@settings(STEADY, max_examples=25)
@given(st.binary(max_size=40))
def test_a_binary_file_is_refused_by_name(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "circuit.graphml"
        path.write_bytes(content)
        with pytest.raises(CircuitFileError, match=r"circuit\.graphml: the (file|text) is (not|empty)"):
            read_graphml(path)


def test_a_file_that_is_not_there_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(CircuitFileError, match=r"gone\.graphml: the file cannot be opened: No such file"):
        read_graphml(tmp_path / "gone.graphml")
    with pytest.raises(CircuitFileError, match="the file cannot be opened: Is a directory"):
        read_graphml(tmp_path)
