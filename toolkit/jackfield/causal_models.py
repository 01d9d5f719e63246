"""High-level causal models: variables with domains, parents and mechanisms, whose variables can be interchanged."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import networkx as nx

from jackfield.errors import CausalModelError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["CausalModel", "Sampler", "Setting", "Value", "Variable"]

Value = str | int
"""What a variable can be; truth values are integers."""

Setting = Mapping[str, Value]
"""Values by the names of variables."""

Sampler = Callable[[random.Random, Mapping[str, tuple[Value, ...]]], Setting]
"""Draws a setting of the inputs from their domains."""

_MOST_TRIED = 4096


@dataclass(frozen=True)
class Variable:
    """A variable of a causal model.

    Parameters
    ----------
    name
        Its name. An input is named like the task's position at which prompts spell its value.
    domain
        The values that it can take, all different. Prompts and answers spell them with ``str``.
    parents
        The variables that it is computed from; none for an input.
    mechanism
        Computes it from its parents' values, given in the order of ``parents``; ``None`` for an input.
    like
        The input whose values it passes on, if it does; where that has another domain, it has too.

    Raises
    ------
    CausalModelError
        If the domain is empty or holds a value twice, or there are parents without a mechanism or the reverse.
    """

    name: str
    domain: tuple[Value, ...]
    parents: tuple[str, ...] = ()
    mechanism: Callable[..., Value] | None = None
    like: str | None = None

    def __post_init__(self) -> None:
        if not self.domain or len({*self.domain}) < len(self.domain):
            raise CausalModelError(f"the domain of {self.name} needs at least one value and each but once")
        if bool(self.parents) != (self.mechanism is not None):
            raise CausalModelError(f"{self.name} needs both parents and a mechanism, or neither if it is an input")

    @property
    def is_input(self) -> bool:
        return not self.parents


@dataclass(frozen=True)
class CausalModel:
    """An algorithm as an acyclic graph of variables.

    Parameters
    ----------
    name, description
        What to call it, and what it computes, in a sentence.
    variables
        The variables, in any order.
    output
        The variable that a network's answer is compared with.
    sampler
        How settings of the inputs are drawn, where drawing each by itself would hardly ever give some values of some
        variables; each by itself if omitted.

    Raises
    ------
    CausalModelError
        If names recur or are unknown, variables depend on each other in a circle, or a mechanism fails or leaves its
        domain for some values of its parents. Of more than 4096 combinations of these, as many are drawn and tried.

    Examples
    --------
    >>> bits = (0, 1)
    >>> model = CausalModel(
    ...     "both_or_third", "a and b, or c",
    ...     (
    ...         Variable("A", bits), Variable("B", bits), Variable("C", bits),
    ...         Variable("BOTH", bits, ("A", "B"), lambda a, b: a & b),
    ...         Variable("OUT", bits, ("BOTH", "C"), lambda both, c: both | c),
    ...     ),
    ...     output="OUT",
    ... )
    >>> base, source = {"A": 0, "B": 1, "C": 0}, {"A": 1, "B": 1, "C": 1}
    >>> model.run(base)["OUT"], model.run_interchange(base, {"BOTH": source})["OUT"]
    (0, 1)
    """

    name: str
    description: str
    variables: tuple[Variable, ...]
    output: str
    sampler: Sampler | None = None

    def __post_init__(self) -> None:
        if len(self._by_name) < len(self.variables):
            raise CausalModelError(f"a name recurs among the variables of {self.name}")
        known = ", ".join(self._by_name)
        for variable in self.variables:
            if unknown := [parent for parent in variable.parents if parent not in self._by_name]:
                raise CausalModelError(f"{variable.name} of {self.name} has unknown parents {unknown}; known: {known}")
            if variable.like is not None and variable.like not in self.inputs:
                raise CausalModelError(f"{variable.name} of {self.name} is like {variable.like!r}, which is no input")
        if self.output not in self._by_name or self._by_name[self.output].is_input:
            raise CausalModelError(f"{self.name} computes no variable {self.output!r} to be its output; known: {known}")
        self._order  # noqa: B018
        for variable in self.variables:
            for values in self._combinations(variable):
                self._computed(variable, values)

    @property
    def inputs(self) -> tuple[str, ...]:
        return tuple(variable.name for variable in self.variables if variable.is_input)

    @property
    def hidden(self) -> tuple[str, ...]:
        """The variables between inputs and output, which a network may or may not have."""
        return tuple(each.name for each in self.variables if not each.is_input and each.name != self.output)

    def __getitem__(self, name: str) -> Variable:
        """A variable by its name; ``CausalModelError`` if there is none."""
        if name not in self._by_name:
            raise CausalModelError(f"{self.name} has no variable {name!r}; it has {', '.join(self._by_name)}")
        return self._by_name[name]

    def draw(self, draw: random.Random) -> Setting:
        """A random setting of the inputs.

        Raises
        ------
        CausalModelError
            If the domains have too few values to draw from.
        """
        domains = {name: self._by_name[name].domain for name in self.inputs}
        if self.sampler is None:
            return {name: draw.choice(domain) for name, domain in domains.items()}
        try:
            return self.sampler(draw, domains)
        except (ValueError, IndexError) as error:
            sizes = ", ".join(f"{name}: {len(domain)}" for name, domain in domains.items())
            raise CausalModelError(f"{self.name} cannot draw from so few values ({sizes}): {error}") from error

    def run(self, setting: Setting) -> dict[str, Value]:
        """The value of every variable.

        Parameters
        ----------
        setting
            A value for each input.

        Raises
        ------
        CausalModelError
            If an input is missing or superfluous, or its value is outside its domain.
        """
        return self._run(setting, {})

    def run_interchange(self, base: Setting, sources: Mapping[str, Setting]) -> dict[str, Value]:
        """The value of every variable on ``base``, when some variables have the values that they have on sources.

        Parameters
        ----------
        base
            A value for each input.
        sources
            For each variable to be interchanged, the setting of the inputs that its value is taken from.

        Raises
        ------
        CausalModelError
            As for ``run``, or if there is no such variable.
        """
        return self._run(base, {self[name].name: self.run(source)[name] for name, source in sources.items()})

    def over(self, domains: Mapping[str, tuple[Value, ...]]) -> CausalModel:
        """The same model with other domains of some inputs, and of what is computed to be like them.

        Raises
        ------
        CausalModelError
            If there is no such input, or a mechanism cannot deal with the new values.
        """
        for name in domains:
            if not self[name].is_input:
                raise CausalModelError(f"{name} of {self.name} is computed; only inputs can be given another domain")
        return replace(
            self,
            variables=tuple(
                replace(each, domain=domains.get(each.like or each.name, each.domain)) for each in self.variables
            ),
        )

    def split(self, draw: random.Random, share: float) -> tuple[CausalModel, CausalModel]:
        """The same model twice, over values of the inputs that the two do not share.

        Inputs that have the same domain are split in the same way, so that their values can still be equal.

        Parameters
        ----------
        draw
            Source of randomness.
        share
            Share of the values that the second model gets.

        Raises
        ------
        CausalModelError
            If a domain has fewer than four values, or too few for a mechanism or the sampler.
        """
        parts: dict[tuple[Value, ...], tuple[tuple[Value, ...], tuple[Value, ...]]] = {}
        for name in self.inputs:
            domain = self[name].domain
            if len(domain) < 4:
                raise CausalModelError(f"{name} of {self.name} has {len(domain)} values; 4 are needed to hold some out")
            if domain not in parts:
                held = {*draw.sample(domain, min(len(domain) - 2, max(2, round(share * len(domain)))))}
                parts[domain] = (
                    tuple(value for value in domain if value not in held),
                    tuple(value for value in domain if value in held),
                )
        first, second = (self.over({name: parts[self[name].domain][side] for name in self.inputs}) for side in (0, 1))
        return first, second

    def graph(self) -> nx.DiGraph[str]:
        """The variables and what they are computed from, with GraphML-safe attributes ``kind`` and ``values``."""
        graph: nx.DiGraph[str] = nx.DiGraph(name=self.name)
        for variable in self.variables:
            kind = "input" if variable.is_input else "output" if variable.name == self.output else "hidden"
            graph.add_node(variable.name, kind=kind, values=len(variable.domain))
        graph.add_edges_from((parent, each.name) for each in self.variables for parent in each.parents)
        return graph

    def plot(self) -> Figure:
        """The graph from inputs, at the bottom, to the output, at the top."""
        from jackfield.plotting import new_figure

        generations = [*nx.topological_generations(self.graph())]
        widest = max(map(len, generations))
        figure = new_figure(1.5 + 1.1 * widest, 0.8 + 0.9 * len(generations))
        axes = figure.subplots()
        axes.set_axis_off()
        places = {
            name: ((index + 0.5) * widest / len(row), float(level))
            for level, row in enumerate(generations)
            for index, name in enumerate(sorted(row, key=[each.name for each in self.variables].index))
        }
        boxes = {
            name: axes.text(*place, name, ha="center", va="center", bbox={"boxstyle": "round", "facecolor": "#dce6f2"})
            for name, place in places.items()
        }
        for parent, child in self.graph().edges:
            ends = {"patchA": boxes[parent].get_bbox_patch(), "patchB": boxes[child].get_bbox_patch()}
            axes.annotate("", places[child], places[parent], arrowprops={"arrowstyle": "->", "shrinkB": 3, **ends})
        axes.set_xlim(0, widest)
        axes.set_ylim(-0.5, len(generations) - 0.5)
        return figure

    @cached_property
    def _by_name(self) -> dict[str, Variable]:
        return {variable.name: variable for variable in self.variables}

    @cached_property
    def _order(self) -> tuple[Variable, ...]:
        """The variables, each behind its parents."""
        try:
            return tuple(self._by_name[name] for name in nx.topological_sort(self.graph()))
        except nx.NetworkXUnfeasible:
            circle = " -> ".join(edge[0] for edge in nx.find_cycle(self.graph()))
            raise CausalModelError(f"variables of {self.name} depend on each other in a circle: {circle}") from None

    def _combinations(self, variable: Variable) -> Iterator[tuple[Value, ...]]:
        """Values of a variable's parents: all combinations, or some if there are too many."""
        domains = [self._by_name[parent].domain for parent in variable.parents]
        if not domains:
            return
        if math.prod(map(len, domains)) <= _MOST_TRIED:
            yield from itertools.product(*domains)
            return
        draw = random.Random(variable.name)
        for _ in range(_MOST_TRIED):
            yield tuple(draw.choice(domain) for domain in domains)

    def _computed(self, variable: Variable, values: tuple[Value, ...]) -> Value:
        given = ", ".join(f"{name}={value!r}" for name, value in zip(variable.parents, values, strict=True))
        mechanism: Any = variable.mechanism
        try:
            found: Value = mechanism(*values)
        except Exception as error:
            raise CausalModelError(
                f"{variable.name} of {self.name} is not defined for {given}: {type(error).__name__}: {error}"
            ) from error
        if found not in variable.domain:
            raise CausalModelError(f"{variable.name} of {self.name} is {found!r} for {given}: outside its domain")
        return found

    def _run(self, setting: Setting, fixed: Setting) -> dict[str, Value]:
        if {*setting} != {*self.inputs}:
            raise CausalModelError(f"{self.name} needs values of {', '.join(self.inputs)}, got {', '.join(setting)}")
        found: dict[str, Value] = {}
        for variable in self._order:
            if variable.is_input and setting[variable.name] not in variable.domain:
                raise CausalModelError(
                    f"{variable.name} of {self.name} cannot be {setting[variable.name]!r}: outside its domain"
                )
            if variable.name in fixed:
                found[variable.name] = fixed[variable.name]
            elif variable.is_input:
                found[variable.name] = setting[variable.name]
            else:
                found[variable.name] = self._computed(variable, tuple(found[parent] for parent in variable.parents))
        return found
