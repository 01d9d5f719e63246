"""How settings of a causal model's inputs are put into prompts, and its outputs into tokens."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from jackfield.bench import Bench
from jackfield.causal_models import CausalModel, Setting, Value
from jackfield.errors import AlignmentError, ConfigError, TaskError
from jackfield.hooked_model import HookedModel
from jackfield.token_batch import TokenBatch

__all__ = ["Wording", "spoken_domains"]


@dataclass(frozen=True)
class Wording:
    """A task's prompt, with a causal model's inputs in the place of its words.

    Parameters
    ----------
    words
        The words of the prompt.
    places
        Index of the word that spells each input.
    positions
        Token positions by the names that the task has for them.
    labels
        The values of the output, in the order in which answers are compared.
    tokens
        The token id of each label.
    """

    words: tuple[str, ...]
    places: Mapping[str, int]
    positions: Mapping[str, int]
    labels: tuple[Value, ...]
    tokens: tuple[int, ...]

    @classmethod
    def of(cls, bench: Bench, causal: CausalModel) -> Self:
        """The wording of a bench's commonest template.

        Raises
        ------
        ConfigError
            If the causal model has inputs for which the task names no position.
        TaskError
            If a label is not a single token of the model.
        """
        _require_positions(bench, causal)
        pairs = bench.pairs.pairs
        template, _ = Counter(pair.template for pair in pairs).most_common(1)[0]
        row = next(index for index, pair in enumerate(pairs) if pair.template == template)
        frame = pairs[row]
        labels = causal[causal.output].domain
        tokens = [bench.model.single_token(str(label), frame.clean, frame.glue) for label in labels]
        if None in tokens:
            lost = ", ".join(str(label) for label, token in zip(labels, tokens, strict=True) if token is None)
            raise TaskError(f"{lost} after {frame.clean!r} is not a single token of {bench.model.name}")
        return cls(
            tuple(frame.clean.split(" ")),
            {name: frame.positions[name] for name in causal.inputs},
            {name: int(value[row]) for name, value in bench.pairs.positions.items()},
            labels,
            tuple(token for token in tokens if token is not None),
        )

    def prompt(self, setting: Setting) -> str:
        """The prompt that spells a setting."""
        words = [*self.words]
        for name, place in self.places.items():
            words[place] = str(setting[name])
        return " ".join(words)

    def tokenize(self, model: HookedModel, settings: Sequence[Setting]) -> TokenBatch:
        """The prompts of some settings as tokens.

        Raises
        ------
        AlignmentError
            If some have more tokens than others, so that named positions are not the same in all of them.
        """
        batch = model.tokenize([self.prompt(setting) for setting in settings])
        if not bool(batch.mask.all()):
            raise AlignmentError(
                f"prompts like {self.prompt(settings[0])!r} have {int(batch.lengths.min())} to "
                f"{int(batch.lengths.max())} tokens on {model.name}; choose words that are single tokens"
            )
        return batch


def spoken_domains(bench: Bench, causal: CausalModel) -> CausalModel:
    """The causal model over the words that a bench's prompts hold; inputs that share a domain share their words.

    Raises
    ------
    ConfigError
        If the causal model has inputs for which the task names no position.
    CausalModelError
        If a mechanism cannot deal with the words.
    """
    _require_positions(bench, causal)
    found: dict[tuple[Value, ...], dict[Value, None]] = {}
    for name in causal.inputs:
        words = found.setdefault(causal[name].domain, {})
        for pair in bench.pairs.pairs:
            for prompt in (pair.clean, pair.corrupted):
                words[prompt.split(" ")[pair.positions[name]]] = None
    return causal.over({name: tuple(sorted(map(str, found[causal[name].domain]))) for name in causal.inputs})


def _require_positions(bench: Bench, causal: CausalModel) -> None:
    named = bench.pairs.pairs[0].positions
    if missing := [name for name in causal.inputs if name not in named]:
        raise ConfigError(
            f"causal model {causal.name!r} has inputs {', '.join(missing)}, and task {bench.task!r} names positions "
            f"{', '.join(named) or '(none)'}; choose a causal model whose inputs are named like the task's positions"
        )
