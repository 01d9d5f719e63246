"""Gradients of what a model answers, by the activations at any of its sites."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from jackfield.errors import InterventionError, UndefinedMetricError
from jackfield.hooked_model import CachedRun, HookedModel, held
from jackfield.interventions import Intervention
from jackfield.sites import Site
from jackfield.token_batch import TokenBatch

__all__ = ["GradientRun", "Objective", "run_with_gradients"]

Objective = Callable[[Tensor], Tensor]
"""A differentiable function of the logits at the answers' positions, ``[batch, d_vocab] -> [batch]``."""


@dataclass(frozen=True, eq=False)
class GradientRun(CachedRun):
    """A forward pass with what an objective made of it, and the objective's slope at some sites.

    Parameters
    ----------
    logits, activations
        As in ``CachedRun``.
    values
        The objective, one value for each prompt.
    gradients
        Site -> derivative of each prompt's value by its own activation there, with the axes that ``site.axes`` names.
    """

    values: Float[Tensor, " batch"]
    gradients: Mapping[Site, Tensor]

    def gradient(self, site: Site | str) -> Tensor:
        """The gradient at ``site``, with the axes that ``site.axes`` names."""
        return held(self.gradients, site)


def run_with_gradients(
    model: HookedModel,
    batch: TokenBatch,
    sites: Collection[Site],
    objective: Objective,
    interventions: Sequence[Intervention] = (),
    read: Collection[Site] = (),
) -> GradientRun:
    """Run a batch, keep the activations of ``sites``, and differentiate an objective by each.

    Prompts do not touch each other, so one backward pass from the sum of all values gives each prompt its own gradient.
    The model's weights are constants: nothing is computed for them and nothing is left at them.

    Parameters
    ----------
    model, batch
        What to run on what.
    sites
        Where to differentiate.
    objective
        What to differentiate, such as ``lambda logits: bench.metric(logits, key)``.
    interventions
        Changes. Where one is made at a site, the gradient is that by the new activation.
    read
        More sites whose activations are kept, and nothing is differentiated by.

    Raises
    ------
    SiteError
        If the model lacks a site.
    InterventionError
        If no site is given, an intervention or a reading did not fire exactly once, or nothing of a site reaches the
        objective.
    UndefinedMetricError
        If the objective cannot be differentiated, does not give one value for each prompt, or has an infinite slope.

    Notes
    -----
    Whatever the forward pass computes from the earliest site on is kept until the backward pass is done. For each layer
    and token that is some twenty times ``d_model`` numbers and, for each head, a few rows of attention. Where it is too
    much, run the batch in parts (``batch.select``): gradients are those of each prompt by itself.

    Examples
    --------
    >>> from jackfield import Site, load_model
    >>> model = load_model("fieldmouse")
    >>> batch = model.tokenize(["john and mary went to the park"])
    >>> run = run_with_gradients(model, batch, [Site.parse("a2.h*.z")], lambda logits: logits[:, 5])
    >>> run.gradient("a2.h3.z").shape == run["a2.h3.z"].shape
    True
    """
    taps = {site: _Tap() for site in sites}
    if not taps:
        raise InterventionError("no site was given to differentiate by; use run_with_cache")
    tapped = [Intervention(site, tap) for site, tap in taps.items()]
    run = model.run_differentiably(batch, {*taps, *read}, [*interventions, *tapped])
    with torch.enable_grad():
        values = _valued(objective, model.answer_logits(run.logits, batch))
        found = torch.autograd.grad(values.sum(), [tap.nothing for tap in taps.values()], allow_unused=True)
    gradients = {site: _arrived(site, gradient) for site, gradient in zip(taps, found, strict=True)}
    return GradientRun(run.logits.detach(), run.activations, values.detach(), gradients)


class _Tap:
    """The edit that adds nothing, by which one can differentiate."""

    nothing: Tensor

    def __call__(self, old: Tensor) -> Tensor:
        self.nothing = torch.zeros_like(old, requires_grad=True)
        return old + self.nothing


def _valued(objective: Objective, logits: Tensor) -> Tensor:
    if not logits.requires_grad:
        raise InterventionError("none of the sites reaches the logits: the interventions cut all of them off")
    values = objective(logits)
    if values.shape != (len(logits),):
        raise UndefinedMetricError(
            f"an objective gives one value for each of {len(logits)} prompts, got shape {tuple(values.shape)}"
        )
    if not values.requires_grad:
        raise UndefinedMetricError("the objective cannot be differentiated: its values do not follow the logits' slope")
    return values


def _arrived(site: Site, gradient: Tensor | None) -> Tensor:
    if gradient is None:
        raise InterventionError(f"no gradient arrived at {site}: the objective does not depend on it in this run")
    if not bool(gradient.isfinite().all()):
        raise UndefinedMetricError(
            f"the gradient at {site} is infinite or not a number; the objective has no slope there"
        )
    return gradient
