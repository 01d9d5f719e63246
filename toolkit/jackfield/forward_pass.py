"""One forward pass: what it is to change and to keep at which hook, and whether it did."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial

from torch import Tensor

from jackfield.errors import InterventionError
from jackfield.interventions import Intervention
from jackfield.sites import Kind, Site

__all__ = ["ForwardPass", "Hook"]

Hook = Callable[..., Tensor | None]
"""What TransformerLens calls at a hook point, as ``hook(activation, hook=point)``."""


class ForwardPass:
    """The interventions and readings of one forward pass, and how often each took place.

    The bridge's own ``hook_resid_mid`` sits on the way into the MLP, so that what is written there never reaches the
    residual stream. A change to ``resid_mid`` is therefore made where the stream gets its value: it is added to
    ``attn_out``, after everything else at that site.

    Parameters
    ----------
    interventions
        Changes; those at one site apply in the order given.
    sites
        What to keep, as it is after all changes to the same site.
    """

    def __init__(self, interventions: Sequence[Intervention], sites: Collection[Site]) -> None:
        self.kept: dict[Site, Tensor] = {}
        self._planned = Counter([*(intervention.site for intervention in interventions), *sites])
        self._fired: Counter[Site] = Counter()
        self._edits: dict[Site, list[Intervention]] = defaultdict(list)
        self._readings: dict[Site, list[Site]] = defaultdict(list)
        self._streams: dict[Site, Tensor] = {}
        for intervention in interventions:
            self._edits[intervention.site.all_heads].append(intervention)
        for site in sites:
            self._readings[site.all_heads].append(site)

    @property
    def hooks(self) -> Mapping[str, Hook]:
        """The functions to attach, by hook name."""
        touched = {*self._edits, *self._readings}
        middles = {site for site in touched if site.kind is Kind.RESID_MID}
        summands = {Site(kind, site.layer) for site in middles for kind in (Kind.RESID_PRE, Kind.ATTN_OUT)}
        return {site.hook_name: partial(self._visit, site) for site in sorted((touched - middles) | summands)}

    def require_complete(self) -> None:
        """Raise ``InterventionError`` unless every change and every reading took place as often as planned."""
        for site, planned in self._planned.items():
            if self._fired[site] != planned:
                raise InterventionError(
                    f"{site} was to be touched {planned} time(s) in one forward pass and was touched "
                    f"{self._fired[site]} time(s); its hook {site.hook_name} cannot be relied on"
                )

    def _visit(self, site: Site, activation: Tensor, hook: object) -> Tensor | None:  # noqa: ARG002
        value = self._touch(site, activation)
        if site.kind in (Kind.RESID_PRE, Kind.ATTN_OUT):
            value = self._reach_middle(site, Site(Kind.RESID_MID, site.layer), value)
        return None if value is activation else value

    def _reach_middle(self, summand: Site, middle: Site, value: Tensor) -> Tensor:
        """Touch ``resid_mid`` at the second of its summands; the value that this summand then must have."""
        if middle not in self._edits and middle not in self._readings:
            return value
        if summand.kind is Kind.RESID_PRE:
            self._streams[middle] = value
        elif (stream := self._streams.pop(middle, None)) is not None:
            old = stream + value
            new = self._touch(middle, old)
            return value if new is old else value + (new - old)
        return value

    def _touch(self, site: Site, activation: Tensor) -> Tensor:
        for intervention in self._edits.get(site, ()):
            activation = intervention.apply(activation)
            self._fired[intervention.site] += 1
        for reading in self._readings.get(site, ()):
            self.kept[reading] = reading.part_of(activation).detach().clone()
            self._fired[reading] += 1
        return activation
