"""The circuit graph of jackfield: nodes and edges, the evidence for each, merging, and files that others can read.

Names are loaded when they are first used, so that the errors can be had without networkx.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from jackfield_circuits.errors import CircuitError, CircuitFileError, JackfieldError

if TYPE_CHECKING:
    from jackfield_circuits.census import Census
    from jackfield_circuits.circuit import Circuit
    from jackfield_circuits.comparison import Comparison, compare
    from jackfield_circuits.difference import Difference, diff
    from jackfield_circuits.edge import Edge
    from jackfield_circuits.evidence import Evidence
    from jackfield_circuits.formats import read_circuit, write_circuit
    from jackfield_circuits.graphml import from_graphml, read_graphml, to_graphml, write_graphml
    from jackfield_circuits.neighbourhood import subgraph
    from jackfield_circuits.node import Node
    from jackfield_circuits.node_link import from_json, read_json, to_json, write_json
    from jackfield_circuits.page import render_page, write_page
    from jackfield_circuits.place import Place
    from jackfield_circuits.provenance import Provenance
    from jackfield_circuits.pruning import prune
    from jackfield_circuits.resolution import Resolution, resolve, speaker
    from jackfield_circuits.routes import Route, strongest_routes
    from jackfield_circuits.shape import Shape
    from jackfield_circuits.support import Support, consensus
    from jackfield_circuits.tasks import on_task, tasks_of
    from jackfield_circuits.weights import Weights

__all__ = [
    "Census",
    "Circuit",
    "CircuitError",
    "CircuitFileError",
    "Comparison",
    "Difference",
    "Edge",
    "Evidence",
    "JackfieldError",
    "Node",
    "Place",
    "Provenance",
    "Resolution",
    "Route",
    "Shape",
    "Support",
    "Weights",
    "compare",
    "consensus",
    "diff",
    "from_graphml",
    "from_json",
    "on_task",
    "prune",
    "read_circuit",
    "read_graphml",
    "read_json",
    "render_page",
    "resolve",
    "speaker",
    "strongest_routes",
    "subgraph",
    "tasks_of",
    "to_graphml",
    "to_json",
    "write_circuit",
    "write_graphml",
    "write_json",
    "write_page",
]

_HOMES = {
    "census": ("Census",),
    "circuit": ("Circuit",),
    "comparison": ("Comparison", "compare"),
    "difference": ("Difference", "diff"),
    "edge": ("Edge",),
    "evidence": ("Evidence",),
    "formats": ("read_circuit", "write_circuit"),
    "graphml": ("from_graphml", "read_graphml", "to_graphml", "write_graphml"),
    "neighbourhood": ("subgraph",),
    "node": ("Node",),
    "node_link": ("from_json", "read_json", "to_json", "write_json"),
    "page": ("render_page", "write_page"),
    "place": ("Place",),
    "provenance": ("Provenance",),
    "pruning": ("prune",),
    "resolution": ("Resolution", "resolve", "speaker"),
    "routes": ("Route", "strongest_routes"),
    "shape": ("Shape",),
    "support": ("Support", "consensus"),
    "tasks": ("on_task", "tasks_of"),
    "weights": ("Weights",),
}


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
