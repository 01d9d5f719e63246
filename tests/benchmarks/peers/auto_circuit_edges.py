"""Score edges with auto-circuit, in an environment that has it: ``python auto_circuit_edges.py FOLDER``.

The folder holds a Hugging Face GPT-2 and ``job.json`` with the prompts and their answers. Prints the seconds and the
peak memory of EAP and of its integrated gradients; the scores of EAP go to ``scores.safetensors``, by module.
"""

from __future__ import annotations

import json
import sys
import time
from importlib.metadata import version
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModelForCausalLM

sys.path.insert(0, str(Path(__file__).parents[1]))


def hooked(folder: Path) -> object:
    """The same network as a HookedTransformer, without asking a hub."""
    from transformer_lens import HookedTransformer, HookedTransformerConfig
    from transformer_lens.pretrained.weight_conversions import convert_gpt2_weights

    network, found = AutoModelForCausalLM.from_pretrained(folder), AutoConfig.from_pretrained(folder)
    config = HookedTransformerConfig(
        n_layers=found.n_layer, d_model=found.n_embd, n_heads=found.n_head, d_head=found.n_embd // found.n_head,
        d_mlp=4 * found.n_embd, d_vocab=found.vocab_size, n_ctx=found.n_positions, act_fn="gelu_new",
        normalization_type="LN", eps=found.layer_norm_epsilon, use_split_qkv_input=True, use_attn_result=True,
        use_hook_mlp_in=True, device="cpu",
    )  # fmt: skip
    model = HookedTransformer(config)
    model.load_state_dict(convert_gpt2_weights(network, config), strict=False)
    return model.eval()


def main(folder: Path) -> None:
    from auto_circuit.data import PromptDataLoader, PromptDataset
    from auto_circuit.prune_algos.mask_gradient import mask_gradient_prune_scores
    from auto_circuit.utils.graph_utils import patchable_model
    from memory import peak_bytes

    job = json.loads((folder / "job.json").read_text())
    torch.set_num_threads(job["threads"])
    model = patchable_model(hooked(folder), factorized=True, slice_output="last_seq", separate_qkv=True)  # type: ignore[arg-type]
    prompts = PromptDataset(
        torch.tensor(job["clean"]), torch.tensor(job["corrupted"]),
        list(torch.tensor(job["answers"])[:, None]), list(torch.tensor(job["foils"])[:, None]),
    )  # fmt: skip
    loader = PromptDataLoader(prompts, seq_len=len(job["clean"][0]), diverge_idx=0, batch_size=len(job["clean"]))

    def scores(**options: float) -> dict[str, torch.Tensor]:
        with torch.enable_grad():
            found: dict[str, torch.Tensor] = mask_gradient_prune_scores(
                model, loader, None, grad_function="logit", answer_function="avg_diff", **options
            )
        return found

    seconds, peaks = {}, {}
    for name, options in (("eap", {"mask_val": 0.0}), ("integrated", {"integrated_grad_samples": job["steps"]})):
        started = time.perf_counter()
        found = scores(**options)
        seconds[name] = time.perf_counter() - started
        if name == "eap":
            save_file({module: part.contiguous() for module, part in found.items()}, str(folder / "scores.safetensors"))
        if job["memory"]:
            peaks[name] = peak_bytes(lambda options=options: scores(**options))
    print(json.dumps({"seconds": seconds, "peaks": peaks, "version": version("auto-circuit")}))  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]))
