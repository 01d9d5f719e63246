"""The schema that is shipped agrees with the reader."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings

from jackfield_circuits import Circuit, CircuitFileError, Edge, Evidence, Node, from_json, json_schema, to_json
from jackfield_circuits.schema import SCHEMA

STEADY = settings(deadline=None, derandomize=True, max_examples=60)
VALIDATOR = jsonschema.Draft202012Validator(json_schema())


def test_it_is_a_schema_of_this_version() -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema())
    assert json_schema()["$id"] == f"urn:jackfield:circuit:{SCHEMA}"
    assert json_schema()["properties"]["graph"]["properties"]["jackfield_schema"]["const"] == SCHEMA


@pytest.mark.parametrize(("name", "record"), [("claim", Evidence), ("node", Node), ("edge", Edge)])
def test_it_lists_the_fields_of_every_record(name: str, record: Any) -> None:
    found = json_schema()["$defs"][name]
    assert set(found["properties"]) == set(record.model_fields)
    needed = {field for field, told in record.model_fields.items() if told.is_required()}
    assert needed <= set(found["required"]) <= needed | {"evidence"}


@STEADY
@given(...)
def test_it_accepts_every_circuit(circuit: Circuit) -> None:
    VALIDATOR.validate(json.loads(to_json(circuit)))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["graph", "jackfield_schema"], 2),
        (["graph", "runs"], []),
        (["graph", "more"], 1),
        (["directed"], False),
        (["nodes"], {}),
        (["nodes", 0, "id"], ""),
        (["nodes", 0, "id"], "a->b"),
        (["nodes", 0, "colour"], "red"),
        (["edges", 0, "receiver"], "<q>"),
        (["nodes", 0, "evidence"], None),
        (["nodes", 0, "evidence", 0, "score"], "nan"),
        (["nodes", 0, "evidence", 0, "score"], True),
        (["nodes", 0, "evidence", 0, "n"], 0),
        (["nodes", 0, "evidence", 0, "n"], 1.5),
        (["nodes", 0, "evidence", 0, "level"], 1),
        (["nodes", 0, "evidence", 0, "plugin"], "a,b"),
        (["nodes", 0, "evidence", 0, "method"], ""),
        (["nodes", 0, "evidence", 0, "q_value"], 1.1),
        (["nodes", 0, "evidence", 0, "colour"], "red"),
    ],
    ids=str,
)
def test_what_it_refuses_the_reader_refuses(circuit: Circuit, path: list[Any], value: Any) -> None:
    document = json.loads(to_json(circuit))
    VALIDATOR.validate(document)
    *steps, last = path
    place = document
    for step in steps:
        place = place[step]
    place[last] = value
    assert not VALIDATOR.is_valid(document)
    with pytest.raises(CircuitFileError):
        from_json(json.dumps(document))


@pytest.mark.parametrize("name", ["low", "high", "control_low", "plugin", "run", "score", "n"])
def test_what_is_needed_cannot_be_left_out(circuit: Circuit, name: str) -> None:
    document = json.loads(to_json(circuit))
    claim = next(claim for claim in document["nodes"][0]["evidence"] if name in claim)
    del claim[name]
    assert not VALIDATOR.is_valid(document)
    with pytest.raises(CircuitFileError):
        from_json(json.dumps(document))


def test_each_caller_has_its_own_copy() -> None:
    json_schema().clear()
    assert json_schema()
