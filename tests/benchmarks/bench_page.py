"""How smoothly the page shows ten thousand edges: what a reader waits for in Chromium without a graphics card.

Every edge is shown, which is the worst that a filter can ask for. Frames are timed while the picture zooms and moves;
``redraw`` waits until every curve is on the canvas. There is no peer: the bound is a frame, 16.7 ms at 60 Hz.
"""

from __future__ import annotations

import random
import tempfile
import time
from pathlib import Path

from tests.circuits.page.browser import Browser, chromium

from jackfield_circuits import Circuit, Edge, Evidence, Place, write_page

EDGES = 10_000
FRAMES = 60
MEASURE = """(async () => {
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  const took = (work) => { const started = performance.now(); work(); return performance.now() - started; };
  const median = (times) => times.sort((one, other) => one - other)[Math.floor(times.length / 2)];
  const frames = async (work) => {
    const times = [];
    for (let index = 0; index < %(frames)d; index++) {
      const started = performance.now();
      work(index);
      await frame();
      times.push(performance.now() - started);
    }
    return times;
  };
  const finished = () => { picture.drawNow(); picture.below.getContext("2d").getImageData(0, 0, 1, 1); };
  filter.findings = false;
  refresh();
  picture.fit();
  await frame();
  await frame();
  const zoomed = await frames((index) => picture.scaleBy(index %% 2 ? 1.05 : 1 / 1.05));
  const move = (index) => d3.select(picture.frame).call(picture.zoom.translateBy, index %% 2 ? 9 : -9, 4);
  const moved = await frames(move);
  picture.fit();
  await frame();
  const [x, y] = [picture.width / 2 + 31, picture.height / 2];
  const corner = picture.frame.getBoundingClientRect();
  const points = [...Array(%(frames)d).keys()].map((index) => [corner.left + x + index, corner.top + y + index]);
  picture.at(points[0]);
  const strict = () => { filter.least = filter.least ? 0 : 0.01; refresh(); };
  return {
    redraw_ms: median([1, 2, 3, 4, 5].map(() => took(finished))),
    zoom_frame_ms: median(zoomed), zoom_frame_worst_ms: Math.max(...zoomed),
    move_frame_ms: median(moved), move_frame_worst_ms: Math.max(...moved),
    find_edge_ms: median(points.map((point) => took(() => picture.at(point)))),
    filter_ms: median([1, 2, 3, 4, 5, 6].map(() => took(strict))),
    select_ms: median(circuit.nodes.slice(20, 40).map((node) => took(() => select(node)))),
  };
})()"""


def _circuit() -> Circuit:
    """Random edges between the nodes of a model of twelve layers with twelve heads each."""
    dice = random.Random(0)
    layers = [[*(f"a{layer}.h{head}" for head in range(12)), f"m{layer}"] for layer in range(12)]
    nodes = ["input", *(node for layer in layers for node in layer), "logits"]
    edges: dict[str, Edge] = {}
    while len(edges) < EDGES:
        source, target = dice.sample(nodes, 2)
        if Place.of(source).block < Place.of(target).block:
            edge = Edge(source=source, target=target, receiver=dice.choice("qkv") if target.startswith("a") else "")
            edges[edge.name] = edge.claiming([_claim(dice)])
    return Circuit(edges=edges.values(), runs={"5f2c": {"task": "ioi"}})


def _claim(dice: random.Random) -> Evidence:
    score = dice.gauss(0, 1) ** 3
    return Evidence(
        plugin="circuit_discovery", method="edge attribution", metric="logit_difference", unit="logits", score=score,
        low=score - 0.2, high=score + 0.2, n=64, control=0.0, control_low=-0.1, control_high=0.1, run="5f2c",
        q_value=dice.random() ** 4,
    )  # fmt: skip


def run() -> dict[str, float]:
    program = chromium()
    if program is None:
        raise SystemExit("there is no Chromium to measure in; JACKFIELD_CHROMIUM can name one")
    circuit = _circuit()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "page.html"
        started = time.perf_counter()
        write_page(circuit, path)
        written = time.perf_counter()
        with Browser(program) as browser:
            ready = time.perf_counter()
            browser.open(path)
            opened = time.perf_counter()
            measured: dict[str, float] = browser.run(MEASURE % {"frames": FRAMES})
        return {
            "edges": len(circuit.edges),
            "write_seconds": written - started,
            "megabytes": path.stat().st_size / 1e6,
            "open_seconds": opened - ready,
            **measured,
        }
