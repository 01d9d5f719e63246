"""Patch block inputs with pyvene, in an environment that has it: ``python pyvene_patching.py FOLDER``.

The folder holds a Hugging Face model and ``job.json`` with the prompts and the places. Prints the seconds that it
took; the logits go to ``answers.safetensors``.
"""

from __future__ import annotations

import json
import sys
import time
from importlib.metadata import version
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM


def main(folder: Path) -> None:
    import pyvene

    job = json.loads((folder / "job.json").read_text())
    torch.set_num_threads(job["threads"])
    network = AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager").eval()
    base, source = ({"input_ids": torch.tensor(job[name])} for name in ("base", "source"))
    answers = []
    started = time.perf_counter()
    with torch.no_grad():
        for layer, position in job["places"]:
            config = pyvene.IntervenableConfig(
                [{"layer": layer, "component": "block_input", "intervention_type": pyvene.VanillaIntervention}]
            )
            patched = pyvene.IntervenableModel(config, network)
            _, output = patched(base, [source], unit_locations={"sources->base": position})
            answers.append(output.logits[:, -1])
    seconds = time.perf_counter() - started
    save_file({"answers": torch.stack(answers)}, str(folder / "answers.safetensors"))
    print(json.dumps({"seconds": seconds, "version": version("pyvene")}))  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]))
