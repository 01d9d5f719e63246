"""Scores of all edges against auto-circuit's: same weights, same prompts, one run after the other.

gpt2-small's shape with random weights, 32,491 edges, 4 pairs of 15 tokens, as many threads as there are cores. The peer
lives in an environment of its own (``make peers``); without it only jackfield is measured. auto-circuit integrates over
masks at one point more than it has steps; jackfield over the input at as many points as steps.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from tests.benchmarks.memory import peak_bytes
from tests.benchmarks.shapes import random_network, random_prompts, word_tokenizer

from jackfield.bench import Bench
from jackfield.hooked_model import HookedModel
from jackfield.loading import load_model
from jackfield.metrics import BUILT_IN
from jackfield.pairs import END, PairBatch, PromptPair
from jackfield.quadrature import Rule
from jackfield_plugins.circuit_discovery.contrast import Contrast
from jackfield_plugins.circuit_discovery.scorers.gradient import CLEAN, EdgeScores, gradient_scores

PYTHON = Path("out/peers/auto_circuit/bin/python")
SCRIPT = Path(__file__).parent / "peers" / "auto_circuit_edges.py"
STEPS = 5
PAIRS, TOKENS = 4, 15
MODULES = {"q": "hook_q_input", "k": "hook_k_input", "v": "hook_v_input"}


def run() -> Mapping[str, float | int | str]:
    threads = torch.get_num_threads()
    torch.set_num_threads(os.cpu_count() or 1)
    try:
        with tempfile.TemporaryDirectory() as folder:
            return _measured(Path(folder))
    finally:
        torch.set_num_threads(threads)


def _measured(folder: Path) -> dict[str, float | int | str]:
    network = random_network("gpt2_small")
    network.save_pretrained(folder)
    model = load_model(network, tokenizer=word_tokenizer())
    bench = random_bench(model)
    started = perf_counter()
    contrast = Contrast.prepare(bench)
    measured: dict[str, float | int | str] = {"prepare_s": perf_counter() - started, "edges": contrast.grid.size}
    for name, points in (("eap", CLEAN), ("integrated", Rule.MIDPOINT.points(STEPS))):
        work: Callable[[], EdgeScores] = lambda points=points: gradient_scores(contrast, points)  # noqa: E731
        work()
        started = perf_counter()
        scores = work()
        measured[f"{name}_s"] = perf_counter() - started
        measured[f"{name}_peak_mb"] = peak_bytes(work) / 2**20
        measured[f"{name}_planned_mb"] = PAIRS * contrast.pair_bytes(len(points)) / 2**20
        if name == "eap":
            eap = scores.values.mean(0)
    return measured | _peer(folder, bench, contrast, eap, measured)


def random_bench(model: HookedModel) -> Bench:
    """Random prompts, the answer and foil of each being any two tokens."""
    clean, corrupted = random_prompts(model, PAIRS, TOKENS)
    answers, foils = torch.zeros(2, PAIRS, model.shape.d_vocab, dtype=torch.bool)
    for row in range(PAIRS):
        answers[row, 100 + row], foils[row, 200 + row] = True, True
    pairs = PairBatch(
        tuple(PromptPair(f"clean {row}", f"corrupted {row}", ("a",), ("b",), {}) for row in range(PAIRS)),
        clean, corrupted, answers, foils, {END: torch.full((PAIRS,), TOKENS - 1)}, (), PAIRS,
    )  # fmt: skip
    metric = next(metric for metric in BUILT_IN if metric.name == "logit_difference")
    return Bench(model, pairs, metric, "random tokens")


def _peer(
    folder: Path, bench: Bench, contrast: Contrast, eap: NDArray[np.float64], ours: Mapping[str, float | int | str]
) -> dict[str, float | int | str]:
    if not PYTHON.exists():
        return {"auto_circuit": "missing; `make peers` installs it"}
    pairs = bench.pairs
    job = {
        "threads": torch.get_num_threads(), "clean": pairs.clean.tokens.tolist(),
        "corrupted": pairs.corrupted.tokens.tolist(), "answers": pairs.answers.int().argmax(-1).tolist(),
        "foils": pairs.foils.int().argmax(-1).tolist(), "steps": STEPS, "memory": True,
    }  # fmt: skip
    (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")
    done = subprocess.run([PYTHON, SCRIPT, folder], check=False, capture_output=True, text=True)
    if done.returncode:
        return {"auto_circuit": f"failed: {(done.stderr.strip().splitlines() or ['no message'])[-1]}"}
    said = json.loads(done.stdout.strip().splitlines()[-1])
    theirs = _in_our_order(contrast, load_file(folder / "scores.safetensors"))
    measured: dict[str, float | int | str] = {"auto_circuit": f"version {said['version']}"}
    for name, seconds in said["seconds"].items():
        peak = said["peaks"][name] / 2**20
        measured |= {
            f"auto_circuit_{name}_s": seconds, f"{name}_ratio": seconds / float(ours[f"{name}_s"]),
            f"auto_circuit_{name}_peak_mb": peak, f"{name}_memory_share": float(ours[f"{name}_peak_mb"]) / peak,
        }  # fmt: skip
    measured["largest_relative_difference"] = float(np.abs(theirs - eap).max() / np.abs(eap).max())
    return measured


def _in_our_order(contrast: Contrast, parts: Mapping[str, torch.Tensor]) -> NDArray[np.float64]:
    """auto-circuit's scores in the order of the grid."""
    grid = contrast.grid
    matrix = torch.zeros(len(grid.senders), len(grid.receivers))
    for column, receiver in enumerate(grid.receivers):
        if receiver.layer is None:
            row = parts[f"blocks.{grid.shape.n_layers - 1}.hook_resid_post"]
        elif receiver.head is None:
            row = parts[f"blocks.{receiver.layer}.hook_mlp_in"]
        else:
            row = parts[f"blocks.{receiver.layer}.{MODULES[str(receiver)[-2]]}"][receiver.head]
        row = row.flatten()
        matrix[: len(row), column] = row
    found: NDArray[np.float64] = grid.listed(matrix).double().numpy()
    return found
