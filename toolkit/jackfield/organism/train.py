"""Train *fieldmouse*: ``python -m jackfield.organism.train``.

About an hour on one CPU core. Seeded; writes a checkpoint every hundred steps and resumes from it; the steps, not the
seconds, are counted, so the same command gives the same weights on the same machine and torch version.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor
from torch.nn.functional import cross_entropy

from jackfield.files import write_json, write_tensors

from .batches import ROWS_PER_STEP, Batch, digest, step_batches
from .network import Network, Shape
from .world import vocabulary

LEARNING_RATE, WARM_UP, DECAY_FROM, CLIP = 2e-3, 100, 0.6, 1.0
PLAIN_WEIGHT = 0.1
SKILL_WEIGHT = {"greater_than": 0.3}
CHECKPOINT_EVERY = 100


def learning_rate(step: int, steps: int) -> float:
    """Linear warm-up, then constant, then linear to zero over the last part of the budget."""
    warm = min(1.0, (step + 1) / WARM_UP)
    cool = min(1.0, (steps - step) / (steps * (1 - DECAY_FROM)))
    return LEARNING_RATE * min(warm, cool)


def losses(network: Network, batch: Batch) -> dict[str, Tensor]:
    """Mean cross-entropy of each skill's answers, and of all other words under ``plain``."""
    logits = network(batch.tokens[:, :-1])
    surprise = cross_entropy(logits.flatten(0, 1), batch.tokens[:, 1:].flatten(), reduction="none")
    surprise = surprise.view(batch.tokens.shape[0], -1)
    graded, plain = batch.graded[:, 1:], batch.plain[:, 1:]
    found = {}
    for skill, name in enumerate(batch.names):
        mask = graded & (batch.skills == skill)[:, None]
        found[name] = surprise[mask].mean()
    found["plain"] = surprise[plain].mean()
    return found


def _optimiser(network: Network) -> torch.optim.AdamW:
    matrices = [p for p in network.parameters() if p.ndim >= 2]
    vectors = [p for p in network.parameters() if p.ndim < 2]
    groups = [{"params": matrices, "weight_decay": 0.05}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=LEARNING_RATE, betas=(0.9, 0.98))


class Trainer:
    """A training run in ``folder``; constructing it resumes from the folder's checkpoint if there is one."""

    def __init__(self, folder: Path, steps: int, seed: int) -> None:
        self.folder, self.steps, self.seed = folder, steps, seed
        self.network = Network(Shape(len(vocabulary())))
        self.network.initialise(seed)
        self.optimiser = _optimiser(self.network)
        self.step = 0
        self.history: list[dict[str, float]] = []
        if self._notes.exists():
            self._resume()

    @property
    def _notes(self) -> Path:
        return self.folder / "checkpoint.json"

    @property
    def _weights(self) -> Path:
        return self.folder / "checkpoint.safetensors"

    def advance(self) -> dict[str, float]:
        """Take one optimiser step and return the loss of each skill."""
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate(self.step, self.steps)
        found: dict[str, float] = {}
        self.optimiser.zero_grad(set_to_none=True)
        for batch in step_batches(self.seed, self.step):
            parts = losses(self.network, batch)
            weights = {name: SKILL_WEIGHT.get(name, 1.0) for name in parts} | {"plain": PLAIN_WEIGHT}
            torch.stack([weights[name] * loss for name, loss in parts.items()]).sum().backward()  # type: ignore[no-untyped-call]
            found |= {name: loss.item() for name, loss in parts.items() if name != "plain"}
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), CLIP)
        self.optimiser.step()
        self.step += 1
        return found

    def save(self) -> None:
        tensors = {f"network.{name}": value for name, value in self.network.state_dict().items()}
        for index, parameter in enumerate(self.network.parameters()):
            state = self.optimiser.state[parameter]
            tensors |= {f"adam.{index}.{name}": value for name, value in state.items()}
        write_tensors(self._weights, tensors, {"step": str(self.step)})
        notes = {"step": self.step, "steps": self.steps, "seed": self.seed, "history": self.history}
        write_json(self._notes, notes)

    def facts(self) -> dict[str, object]:
        """What it takes to repeat the run, and how the losses fell."""
        return {
            "steps": self.steps,
            "seed": self.seed,
            "rows_per_step": sum(ROWS_PER_STEP.values()),
            "first_batches": digest(step_batches(self.seed, 0)),
            "torch": torch.__version__,
            "history": self.history,
        }

    def _resume(self) -> None:
        from safetensors.torch import load_file

        notes = json.loads(self._notes.read_text())
        if (notes["steps"], notes["seed"]) != (self.steps, self.seed):
            raise typer.BadParameter(f"{self.folder} holds a run of {notes['steps']} steps, seed {notes['seed']}")
        tensors = load_file(self._weights)
        self.network.load_state_dict(
            {name.removeprefix("network."): value for name, value in tensors.items() if name.startswith("network.")}
        )
        for index, parameter in enumerate(self.network.parameters()):
            self.optimiser.state[parameter] = {
                name.split(".", 2)[2]: value for name, value in tensors.items() if name.startswith(f"adam.{index}.")
            }
        self.step, self.history = notes["step"], notes["history"]


def train(
    out: Annotated[Path, typer.Option(help="Folder for the finished model.")] = Path("out/fieldmouse"),
    steps: Annotated[int, typer.Option(min=1, help="Optimiser steps.")] = 5000,
    seed: Annotated[int, typer.Option(help="Seed of initial weights and data.")] = 0,
    threads: Annotated[int, typer.Option(min=1, help="Torch threads; one is fastest for so small a network.")] = 1,
) -> None:
    """Train the embedded model from scratch, resuming an interrupted run, and export it as a GPT-2 folder.

    Example: python -m jackfield.organism.train --out out/fieldmouse --steps 5000
    """
    from .card import write_card
    from .export import export

    torch.set_num_threads(threads)
    out.mkdir(parents=True, exist_ok=True)
    trainer = Trainer(out / "training", steps, seed)
    trainer.folder.mkdir(exist_ok=True)
    columns = (
        TextColumn("training"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns) as progress:
        bar = progress.add_task("", total=steps, completed=trainer.step)
        while trainer.step < steps:
            found = trainer.advance()
            worst = max(found, key=lambda name: found[name])
            progress.update(
                bar, advance=1, description=f"mean loss {sum(found.values()) / len(found):.3f}, worst {worst}"
            )
            if trainer.step % CHECKPOINT_EVERY == 0 or trainer.step == steps:
                trainer.history.append({"step": trainer.step, **{k: round(v, 4) for k, v in found.items()}})
                trainer.save()
    export(trainer.network, out)
    write_json(out / "training.json", trainer.facts())
    write_card(out)
    typer.echo(f"wrote {out}")


if __name__ == "__main__":
    typer.run(train)
