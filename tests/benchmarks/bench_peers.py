"""Replay against other packages' patching: same weights, same prompts, answers compared, one run after the other.

Each peer lives in an environment of its own (``make peers``) and works on gpt2-small's shape with random weights: 8
prompts of 15 tokens on one thread, ``resid_pre`` of three layers at four positions, one peer run for each. Replay
computes the same twelve patches. A peer whose environment is missing is reported as missing.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from time import perf_counter

import torch
from safetensors.torch import load_file
from tests.benchmarks.shapes import random_network, random_prompts, word_tokenizer

from jackfield.hooked_model import HookedModel
from jackfield.interventions import replace
from jackfield.loading import load_model
from jackfield.replay import Replay
from jackfield.sites import Kind, Site
from jackfield.token_batch import TokenBatch

PEERS = Path("out/peers")
SCRIPTS = Path(__file__).parent / "peers"
PLACES = [(layer, position) for layer in (0, 6, 11) for position in (0, 5, 10, 14)]


def run() -> Mapping[str, float | int | str]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with tempfile.TemporaryDirectory() as folder:
            return _measured(Path(folder))
    finally:
        torch.set_num_threads(threads)


def _measured(folder: Path) -> dict[str, float | int | str]:
    network = random_network("gpt2_small")
    network.save_pretrained(folder)
    model = load_model(network, tokenizer=word_tokenizer())
    base, source = random_prompts(model, 8, 15)
    places = [list(place) for place in PLACES]
    job = {"threads": 1, "base": base.tokens.tolist(), "source": source.tokens.tolist(), "places": places}
    (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")
    started = perf_counter()
    wanted = _replayed(model, base, source)
    measured: dict[str, float | int | str] = {"patches": len(PLACES), "replay_s": perf_counter() - started}
    for script in sorted(SCRIPTS.glob("*_patching.py")):
        name = script.stem.removesuffix("_patching")
        measured |= {f"{name}_{what}": value for what, value in _peer(name, script, folder, wanted).items()}
        if f"{name}_s" in measured:
            measured[f"{name}_ratio"] = float(measured[f"{name}_s"]) / float(measured["replay_s"])
    return measured


def _replayed(model: HookedModel, base: TokenBatch, source: TokenBatch) -> torch.Tensor:
    sites = {layer: Site(Kind.RESID_PRE, layer) for layer, _ in PLACES}
    values = model.run_with_cache(source, sites.values())
    patches = [
        [replace(sites[layer], values[sites[layer]], base.at([position] * len(base)))] for layer, position in PLACES
    ]
    found = torch.empty(len(PLACES), len(base), model.shape.d_vocab)
    for indices, prompts, logits in Replay(model, base, patches).answers():
        found[indices, prompts] = logits
    return found


def _peer(name: str, script: Path, folder: Path, wanted: torch.Tensor) -> dict[str, float | str]:
    python = PEERS / name / "bin" / "python"
    if not python.exists():
        return {"status": "missing; `make peers` installs it"}
    done = subprocess.run([python, script, folder], check=False, capture_output=True, text=True)
    if done.returncode:
        return {"status": f"failed: {(done.stderr.strip().splitlines() or ['no message'])[-1]}"}
    said = json.loads(done.stdout.strip().splitlines()[-1])
    answers = load_file(folder / "answers.safetensors")["answers"]
    return {
        "status": f"version {said['version']}",
        "s": said["seconds"],
        "largest_difference": (answers - wanted).abs().max().item(),
    }
