"""Training a featuriser: each step runs only what follows the site."""

from __future__ import annotations

import math
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import cross_entropy

from jackfield.errors import UndefinedMetricError
from jackfield.progress import Progress
from jackfield_plugins.causal_alignment.config import CausalAlignmentConfig, MapChoice
from jackfield_plugins.causal_alignment.featuriser import Featuriser, make_featuriser
from jackfield_plugins.causal_alignment.interchange import Interchange
from jackfield_plugins.causal_alignment.lessons import Rows

__all__ = ["Trained", "fit", "successes", "train"]

_EVERY = 10
_SURE = 0.02
"""A perfect map that is so sure, in nats, is not trained on."""


@dataclass(frozen=True, eq=False)
class Trained:
    """A featuriser after training.

    Parameters
    ----------
    featuriser
        As it was at the best check on the validation split.
    steps
        The training steps that were taken.
    validation
        Its accuracy on the validation split.
    """

    featuriser: Featuriser
    steps: int
    validation: float


def successes(
    featuriser: Featuriser, interchange: Interchange, rows: Rows, *, soft: bool = False
) -> NDArray[np.float64]:
    """1 where the network answers as the causal model under the interchange, else 0, ``[row]``.

    Parameters
    ----------
    featuriser, interchange, rows
        What is swapped where, and in which prompts.
    soft
        Whether the gate is that of the end of training, rather than the hard one.
    """
    with torch.no_grad():
        gate = featuriser.gate.soft(1.0) if soft else None
        written = featuriser.swap(interchange.states[rows.base], interchange.states[rows.source], gate)
        right = interchange.answers(rows.base, written).argmax(-1) == rows.label
    return np.asarray(right.double().cpu().numpy())


def train(
    choice: MapChoice,
    interchange: Interchange,
    rows: Rows,
    validation: Rows,
    config: CausalAlignmentConfig,
    seed: int,
    progress: Progress,
    description: str,
) -> Trained:
    """Train a map so that its interchanges make the network answer as the causal model does.

    The network stays as it is. Cross-entropy over the labels is minimised by Adam. The map of the best check on the
    validation split is kept, and training ends when there was no better one for a while, or hardly could be. A gate
    that cools is trained to the end, and its last map is kept, since only then is it what it is judged by.

    Parameters
    ----------
    choice
        The kind of map and its size.
    interchange
        The network from the site on.
    rows, validation
        What to train on and what to stop by.
    config
        Most steps, batch, learning rate and patience.
    seed
        Fixes where training begins and the order of the rows.
    progress, description
        Where steps are reported, and under which name.

    Raises
    ------
    UndefinedMetricError
        If the loss is not finite; nothing half-trained is returned.
    ConfigError
        If the site has fewer dimensions than the map asks for.
    """
    generator = torch.Generator().manual_seed(seed)
    made = make_featuriser(choice.kind, choice.dimensions, interchange.states[rows.base], generator, config.sae)
    return fit(made, interchange, rows, validation, config, generator, progress, description)


def fit(
    made: Featuriser,
    interchange: Interchange,
    rows: Rows,
    validation: Rows,
    config: CausalAlignmentConfig,
    generator: torch.Generator,
    progress: Progress,
    description: str,
) -> Trained:
    """Train a featuriser that is there, such as one of linked variables; see ``train``.

    Parameters
    ----------
    made
        The featuriser; it is changed.
    generator
        The order of the rows is drawn from it.
    interchange, rows, validation, config, progress, description
        As for ``train``.

    Raises
    ------
    UndefinedMetricError
        If the loss is not finite.
    """
    most = config.steps
    weights = [*made.parameters()]
    best, best_state, best_step = _score(made, interchange, validation), deepcopy(made.state_dict()), 0
    step = 0
    progress(description, 0, most)
    optimizer = torch.optim.Adam(weights, lr=config.learning_rate) if weights else None
    while optimizer is not None and step < most:
        chosen = torch.randperm(len(rows), generator=generator)[: config.batch].to(rows.base.device)
        base, source = rows.base[chosen], rows.source[chosen]
        with torch.enable_grad():
            gate = made.gate.soft(step / most)
            written = made.swap(interchange.states[base], interchange.states[source], gate)
            loss = cross_entropy(interchange.answers_differentiably(base, written), rows.label[chosen])
            loss = loss + made.gate.penalty()
        _require_finite(float(loss.detach()), description, step, config)
        optimizer.zero_grad()
        torch.autograd.backward([loss])
        optimizer.step()
        step += 1
        progress(description, step, most)
        if step % _EVERY == 0 or step == most:
            found = _score(made, interchange, validation)
            _require_finite(found[1], description, step, config)
            if (step == most) if made.gate.cools else (found > best):
                best, best_state, best_step = found, deepcopy(made.state_dict()), step
            elif not made.gate.cools and step - best_step >= _EVERY * config.patience:
                break
            if not made.gate.cools and found[0] == 1 and -found[1] < _SURE:
                break
    made.load_state_dict(best_state)
    progress(description, most, most)
    return Trained(made.requires_grad_(False), step, best[0])


def _score(made: Featuriser, interchange: Interchange, rows: Rows) -> tuple[float, float]:
    """Accuracy, and for ties the negative loss, with the hard gate."""
    with torch.no_grad():
        written = made.swap(interchange.states[rows.base], interchange.states[rows.source])
        logits = interchange.answers(rows.base, written)
        accuracy = (logits.argmax(-1) == rows.label).double().mean()
        return float(accuracy), -float(cross_entropy(logits, rows.label))


def _require_finite(loss: float, description: str, step: int, config: CausalAlignmentConfig) -> None:
    if not math.isfinite(loss):
        raise UndefinedMetricError(
            f"the loss of {description} is not finite at step {step}; lower the learning rate, now "
            f"{config.learning_rate}"
        )
