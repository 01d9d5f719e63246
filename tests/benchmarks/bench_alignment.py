"""Training steps of distributed alignment search against pyvene's: same weights, prompts, place, rank and beginning.

gpt2-small's shape with random weights, the output of its middle layer, 16 pairs of 15 tokens, rank 4, one thread. The
peer lives in an environment of its own (``make peers``); without it only jackfield is measured. jackfield runs the
prompts once beforehand, which is reported apart and counted in the ratio of the whole. Both find nearly the same
subspace; Adam's steps depend on how each completes its directions to a basis.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from time import perf_counter

import torch
from safetensors.torch import load_file, save_file
from tests.benchmarks.shapes import random_network, random_prompts, word_tokenizer

from jackfield.loading import load_model
from jackfield.progress import silent
from jackfield.sites import Site
from jackfield.token_batch import TokenBatch
from jackfield_plugins.causal_alignment.config import CausalAlignmentConfig, MapChoice
from jackfield_plugins.causal_alignment.featuriser import make_featuriser
from jackfield_plugins.causal_alignment.interchange import Interchange
from jackfield_plugins.causal_alignment.lessons import Rows
from jackfield_plugins.causal_alignment.training import train

PYTHON = Path("out/peers/pyvene/bin/python")
SCRIPT = Path(__file__).parent / "peers" / "pyvene_alignment.py"
LAYER, POSITIONS, RANK, STEPS, SEED = 6, (7, 14), 4, 10, 0
PAIRS, TOKENS, LABELS = 16, 15, 100
RATE = 0.01


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
    base, source = random_prompts(model, PAIRS, TOKENS)
    both = TokenBatch(torch.cat([base.tokens, source.tokens]), torch.cat([base.mask, source.mask]))
    everyone = torch.arange(PAIRS)
    labels = (torch.arange(PAIRS) * 7) % LABELS
    rows = Rows(everyone, everyone + PAIRS, labels, labels)
    config = CausalAlignmentConfig(train_pairs=PAIRS, batch=PAIRS, steps=STEPS, learning_rate=RATE)
    choice = MapChoice.read(f"das:{RANK}")
    measured: dict[str, float | int | str] = {"steps": STEPS}
    for position in POSITIONS:
        started = perf_counter()
        part = Interchange.record(model, both, Site.parse(f"resid_post.{LAYER}"), position, [*range(LABELS)])
        recorded = perf_counter() - started
        begun = make_featuriser(choice.kind, RANK, part.states, torch.Generator().manual_seed(SEED))
        started = perf_counter()
        trained = train(choice, part, rows, rows, config, SEED, silent, "benchmark")
        seconds = perf_counter() - started
        name = f"token_{position}"
        measured |= {f"{name}_record_s": recorded, f"{name}_train_s": seconds}
        directions = [made.directions(model.shape.d_model) for made in (begun, trained.featuriser)]
        job = {
            "threads": 1, "layer": LAYER, "position": position, "steps": STEPS, "learning_rate": RATE,
            "base": base.tokens.tolist(), "source": source.tokens.tolist(), "labels": labels.tolist(),
            "tokens": [*range(LABELS)],
        }  # fmt: skip
        measured |= _peer(folder, name, job, directions, recorded, seconds)
    return measured


def _peer(
    folder: Path, name: str, job: Mapping[str, object], directions: list[torch.Tensor | None], recorded: float,
    seconds: float,
) -> dict[str, float | int | str]:  # fmt: skip
    begun, wanted = (rows for rows in directions if rows is not None)
    if not PYTHON.exists():
        return {"pyvene": "missing; `make peers` installs it"}
    (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")
    save_file({"rotation": begun.T.contiguous()}, str(folder / "begun.safetensors"))
    done = subprocess.run([PYTHON, SCRIPT, folder], check=False, capture_output=True, text=True)
    if done.returncode:
        return {"pyvene": f"failed: {(done.stderr.strip().splitlines() or ['no message'])[-1]}"}
    said = json.loads(done.stdout.strip().splitlines()[-1])
    theirs = load_file(str(folder / "trained.safetensors"))["rotation"]
    moved = wanted.T @ wanted - begun.T @ begun
    return {
        "pyvene": f"version {said['version']}",
        f"{name}_pyvene_s": said["seconds"],
        f"{name}_ratio": said["seconds"] / seconds,
        f"{name}_ratio_with_recording": said["seconds"] / (seconds + recorded),
        f"{name}_subspace_moved": float(moved.abs().max()),
        f"{name}_subspace_difference": float((theirs @ theirs.T - wanted.T @ wanted).abs().max()),
    }
