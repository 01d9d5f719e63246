"""Train a low-rank rotation with pyvene, in an environment that has it: ``python pyvene_alignment.py FOLDER``.

The folder holds a Hugging Face model, ``job.json`` and the rotation to begin with. Prints the seconds that the steps
took and the first and last loss; the trained rotation goes to ``trained.safetensors``.
"""

from __future__ import annotations

import json
import sys
import time
from importlib.metadata import version
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch.nn.functional import cross_entropy
from transformers import AutoModelForCausalLM


def main(folder: Path) -> None:
    import pyvene

    job = json.loads((folder / "job.json").read_text())
    torch.set_num_threads(job["threads"])
    network = AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager").eval()
    begun = load_file(str(folder / "begun.safetensors"))["rotation"]
    place = {
        "layer": job["layer"], "component": "block_output", "low_rank_dimension": begun.shape[1],
        "intervention_type": pyvene.LowRankRotatedSpaceIntervention,
    }  # fmt: skip
    model = pyvene.IntervenableModel(pyvene.IntervenableConfig([place]), network)
    model.disable_model_gradients()
    [rotation] = (each.rotate_layer for each in model.interventions.values())
    rotation.weight = begun
    optimizer = torch.optim.Adam(rotation.parameters(), lr=job["learning_rate"])
    base, source = ({"input_ids": torch.tensor(job[name])} for name in ("base", "source"))
    labels, choice = torch.tensor(job["labels"]), torch.tensor(job["tokens"])
    losses = []

    def step() -> None:
        _, output = model(base, [source], unit_locations={"sources->base": job["position"]})
        loss = cross_entropy(output.logits[:, -1, choice], labels)
        losses.append(float(loss))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    started = time.perf_counter()
    for _ in range(job["steps"]):
        step()
    seconds = time.perf_counter() - started
    save_file({"rotation": rotation.weight.detach().contiguous()}, str(folder / "trained.safetensors"))
    print(json.dumps({"seconds": seconds, "losses": losses, "version": version("pyvene")}))  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]))
