"""Circuits of 10^5 edges to and from GraphML, beside networkx' own writer and reader on the same graph.

networkx checks nothing: it neither refuses a hostile document nor holds the attributes against the evidence. The other
formats are written once each, to show that none of them is slow.
"""

from __future__ import annotations

import io
import random
import time
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import networkx as nx

from jackfield_circuits import Circuit, Edge, Evidence, from_graphml, to_graphml
from jackfield_circuits.formats import FORMATS

EDGES = 100_000
LAYERS, HEADS = 20, 16

T = TypeVar("T")


def run() -> Mapping[str, float | int | str]:
    circuit = random_circuit(EDGES)
    text, write_s = timed(lambda: to_graphml(circuit))
    back, read_s = timed(lambda: from_graphml(text))
    if back != circuit:
        raise RuntimeError("what was read is not what was written")
    graph = circuit.to_networkx()
    plain, networkx_write_s = timed(lambda: written_by_networkx(graph))
    _, networkx_read_s = timed(lambda: nx.parse_graphml(plain, edge_key_type=str, force_multigraph=True))
    measured: dict[str, float | int | str] = {
        "edges": len(circuit.edges),
        "megabytes": len(text) / 1e6,
        "write_s": write_s,
        "networkx_write_s": networkx_write_s,
        "write_ratio": write_s / networkx_write_s,
        "read_s": read_s,
        "networkx_read_s": networkx_read_s,
        "read_ratio": read_s / networkx_read_s,
    }
    with TemporaryDirectory() as folder:
        for each in FORMATS.values():
            path = Path(folder) / f"circuit{each.suffix}"
            _, measured[f"{each.name}_file_s"] = timed(lambda: each.write(circuit, path))  # noqa: B023
    return measured


def written_by_networkx(graph: nx.MultiDiGraph) -> str:
    document = io.BytesIO()
    nx.write_graphml_xml(graph, document)
    return document.getvalue().decode()


def timed(call: Callable[[], T]) -> tuple[T, float]:
    """What a call gives, and its processor time in seconds: all of it is the work of one thread."""
    started = time.process_time()
    return call(), time.process_time() - started


def random_circuit(edges: int) -> Circuit:
    """The first edges of a model's graph, each with one full claim."""
    draw = random.Random(0)
    found = [Edge.parse(name, [claim(draw)]) for name in islice(names(), edges)]
    return Circuit(edges=found, runs={"5f2c": {"task": "ioi", "seed": 0}})


def names() -> Iterator[str]:
    stream = ["input"]
    for layer in range(LAYERS):
        heads = [f"a{layer}.h{head}" for head in range(HEADS)]
        yield from (f"{source}->{head}<{letter}>" for head in heads for source in stream for letter in "qkv")
        stream += heads
        yield from (f"{source}->m{layer}" for source in stream)
        stream.append(f"m{layer}")


def claim(draw: random.Random) -> Evidence:
    score = draw.gauss(0, 1)
    return Evidence(
        plugin="circuit_discovery", method="EAP-IG (inputs), 5 steps", metric="logit_difference", unit="logits",
        score=score, low=score - 0.1, high=score + 0.1, n=64, control=0.01, control_low=-0.05, control_high=0.05,
        control_kind="unrelated prompt", p_value=draw.random(), q_value=draw.random(), run="5f2c",
    )  # fmt: skip
