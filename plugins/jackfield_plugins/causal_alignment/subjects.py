"""What maps are trained on: the model, and copies of it with random weights."""

from __future__ import annotations

from jackfield.bench import Bench
from jackfield.errors import ModelLoadError
from jackfield.hooked_model import HookedModel
from jackfield.random_copy import random_copy
from jackfield_plugins.causal_alignment.hypothesis import Hypothesis
from jackfield_plugins.causal_alignment.interchange import Interchange, Recording

__all__ = ["Copies", "Subjects"]


class Copies:
    """Copies of a bench's model with random weights, made when they are needed; one at a time is kept.

    Parameters
    ----------
    bench
        Gives the model and the randomness.
    count
        How many to make, if the model can be copied.
    """

    def __init__(self, bench: Bench, count: int) -> None:
        self._bench = bench
        self._made: tuple[int, HookedModel] | None = None
        self.missing = "none was asked for" if count == 0 else ""
        """Why there are no copies; empty if there are."""
        if count:
            try:
                self[0]
            except ModelLoadError as error:
                self.missing = str(error)
        self.count = 0 if self.missing else count

    def __getitem__(self, number: int) -> HookedModel:
        if self._made is None or self._made[0] != number:
            seed = self._bench.draw(f"random weights/{number}").randrange(2**31)
            self._made = number, random_copy(self._bench.model, seed)
        return self._made[1]


class Subjects:
    """The model and its copies from a place on; one recording at a time is kept.

    Parameters
    ----------
    model, copies
        What to record.
    """

    def __init__(self, model: HookedModel, copies: Copies) -> None:
        self._model, self._copies = model, copies
        self._recorded: tuple[object, Recording] | None = None

    def of(self, hypothesis: Hypothesis, copy: int | None = None) -> Interchange:
        """What follows a place: in the model, or in one of its copies."""
        what = copy, id(hypothesis.batch), hypothesis.place.site
        if self._recorded is None or self._recorded[0] != what:
            model = self._model if copy is None else self._copies[copy]
            self._recorded = what, Recording.of(model, hypothesis.batch, hypothesis.place.site)
        return self._recorded[1].at(hypothesis.place.column, hypothesis.tokens)
