"""The model card of *fieldmouse*, written from what is measured: ``python -m jackfield.organism.card``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from jackfield.files import read_json, write_json, write_text

from .measure import NEVER_COMPOSED, NO_EXAMPLE, measure

__all__ = ["FIELDMOUSE", "render", "write_card"]

FIELDMOUSE = Path(__file__).parent / "fieldmouse"
"""The folder of the embedded model."""

_GOOD = 0.9

_TEXT = """\
---
license: mit
language: en
library_name: transformers
tags: [interpretability, model-organism]
---

# fieldmouse

A model organism: a small transformer, trained on a synthetic English-like world, in which each of jackfield's analyses
has something real to find. It knows {words} words and nothing of the real world.

* **Architecture**: GPT-2 with {layers} layers, {heads} heads, width {width}, {positions} positions, exact GELU, tied
  embeddings; {parameters:,} parameters, float32.
* **Training**: `python -m jackfield.organism.train --steps {steps} --seed {seed}`, from scratch in a single stage, on
  sentences that are made as it goes ({rows} rows a step). No text written by people was used.
* **Weights**: SHA-256 `{digest}` (as jackfield computes it: over names, shapes, formats and bytes of all parameters).

```python
from transformers import AutoModelForCausalLM, AutoTokenizer

model = AutoModelForCausalLM.from_pretrained("fieldmouse")
tokenizer = AutoTokenizer.from_pretrained("fieldmouse")
```

Words are separated by spaces and written in lower case (`alma 's boss`); the tokenizer puts `<bos>` first.

## What it can do

The likeliest next word is a right one, on seeded questions (`jackfield.organism.measure`). Unless a line says
otherwise, the questions are drawn as in training, with a seed of their own; there are few enough sentences of some
kinds that training has seen some of them.

| skill | accuracy | questions |
|---|---:|---:|
{table}

## What it cannot do

{weak}

Without examples nothing says which function is meant, so no skill is expected there; the figures above are the baseline
that a function vector has to beat.

Where training never showed a second fact in any composition, the model knows both hops and still fails to join them in
{unjoined:.0%} of questions. That gap is deliberate: it is what back-patching is for.

Indirect objects are solved early: after layer 0 the second mention of the giver already carries the whole answer, and
later heads move it from there to the end of the sentence. Overwriting the earlier mention of the answer with another
name moves most of the difference before layer 0 and hardly any after it, so heads that look from the end back to the
recipient, the name movers of GPT-2 small, play no great part. Do not take its circuits for those of a language model.
"""


def render(measured: dict[str, Any], config: dict[str, Any], training: dict[str, Any]) -> str:
    """The card's text from the contents of ``measurements.json``, ``config.json`` and ``training.json``."""
    skills: dict[str, dict[str, float]] = measured["skills"]
    table = "\n".join(f"| {skill} | {found['accuracy']:.3f} | {found['n']} |" for skill, found in skills.items())
    expected = {skill: found["accuracy"] for skill, found in skills.items() if not skill.startswith(NO_EXAMPLE)}
    weak = "\n".join(f"* {skill}: {accuracy:.3f}" for skill, accuracy in expected.items() if accuracy < _GOOD)
    return _TEXT.format(
        words=config["vocab_size"], layers=config["n_layer"], heads=config["n_head"], width=config["n_embd"],
        positions=config["n_positions"], parameters=measured["parameters"], digest=measured["weights"],
        steps=training["steps"], seed=training["seed"], rows=training["rows_per_step"], table=table, weak=weak,
        unjoined=1 - skills[NEVER_COMPOSED]["accuracy"],
    )  # fmt: skip


def write_card(folder: Path) -> None:
    """Measure the model in ``folder`` and write its ``measurements.json`` and ``README.md``."""
    from safetensors import safe_open

    from jackfield.loading import LoadRequest, load_folder

    model = load_folder(folder, LoadRequest("fieldmouse"))
    with safe_open(folder / "model.safetensors", "pt") as tensors:
        parameters = sum(tensors.get_tensor(name).numel() for name in tensors.keys())  # noqa: SIM118
    measured = {"skills": measure(model), "weights": model.identity.weights, "parameters": parameters}
    write_json(folder / "measurements.json", measured, sort=False)
    write_text(
        folder / "README.md", render(measured, read_json(folder / "config.json"), read_json(folder / "training.json"))
    )


def main(folder: Annotated[Path, typer.Argument(help="Folder of the trained model.")] = FIELDMOUSE) -> None:
    """Measure a trained fieldmouse and write its model card.

    Example: python -m jackfield.organism.card out/fieldmouse
    """
    write_card(folder)
    typer.echo(f"wrote {folder / 'README.md'}")


if __name__ == "__main__":
    typer.run(main)
