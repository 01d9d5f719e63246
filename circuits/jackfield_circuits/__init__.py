"""The circuit graph of jackfield: nodes and edges, the evidence for each, merging, and files that others can read.

Names are loaded when they are first used, so that the errors can be had without networkx.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from jackfield_circuits.errors import CircuitError, CircuitFileError, JackfieldError

if TYPE_CHECKING:
    from jackfield_circuits.circuit import Circuit
    from jackfield_circuits.edge import Edge
    from jackfield_circuits.evidence import Evidence
    from jackfield_circuits.graphml import from_graphml, read_graphml, to_graphml, write_graphml
    from jackfield_circuits.node import Node
    from jackfield_circuits.node_link import from_json, read_json, to_json, write_json
    from jackfield_circuits.place import Place
    from jackfield_circuits.provenance import Provenance

__all__ = [
    "Circuit",
    "CircuitError",
    "CircuitFileError",
    "Edge",
    "Evidence",
    "JackfieldError",
    "Node",
    "Place",
    "Provenance",
    "from_graphml",
    "from_json",
    "read_graphml",
    "read_json",
    "to_graphml",
    "to_json",
    "write_graphml",
    "write_json",
]

_HOMES = {
    "circuit": ("Circuit",),
    "edge": ("Edge",),
    "evidence": ("Evidence",),
    "graphml": ("from_graphml", "read_graphml", "to_graphml", "write_graphml"),
    "node": ("Node",),
    "node_link": ("from_json", "read_json", "to_json", "write_json"),
    "place": ("Place",),
    "provenance": ("Provenance",),
}


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
