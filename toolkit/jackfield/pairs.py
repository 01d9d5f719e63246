"""Pairs of prompts that differ in what a task tests, and their tokens on one model."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from jackfield.errors import AlignmentError, TaskError
from jackfield.side_questions import SideQuestion
from jackfield.token_batch import PaddingSide, TokenBatch

if TYPE_CHECKING:
    from jackfield.hooked_model import HookedModel

__all__ = ["END", "PairBatch", "PromptPair"]

END = "END"
"""The name of the last position, where the answer is read; every pair has it."""

_OPTIONAL = ("hops", "shortcuts", "aliases")


@dataclass(frozen=True)
class PromptPair:
    """A clean prompt and its corrupted twin.

    Parameters
    ----------
    clean, corrupted
        The prompts; of equal length in tokens.
    answers
        Continuations that are right after the clean prompt, each a single token; most tasks have one.
    foils
        Continuations that are wrong after the clean prompt; as a rule those that are right after the corrupted one.
    positions
        Named places as indices of white-space-separated words; each stands for the word's last token. ``END`` is added.
    template
        Pairs with the same template have the same positions, so that their activations can be exchanged.
    glue
        What stands between prompt and continuation: a space, or nothing where a word is to be completed.
    hops
        Questions whose answers the clean prompt's answer rests on, one after the other; none for most tasks.
    shortcuts
        Prompts without part of the question; who answers them like the clean prompt need not have used the hops.
    aliases
        Other ways to say the answer, of any length, for criteria that read what a model goes on to say.
    """

    clean: str
    corrupted: str
    answers: tuple[str, ...]
    foils: tuple[str, ...]
    positions: Mapping[str, int]
    template: str = ""
    glue: str = " "
    hops: tuple[SideQuestion, ...] = ()
    shortcuts: tuple[SideQuestion, ...] = ()
    aliases: tuple[str, ...] = ()

    @property
    def stated(self) -> dict[str, Any]:
        """Every field as JSON-able values, but of side questions and aliases only those that there are."""
        return {name: value for name, value in asdict(self).items() if value or name not in _OPTIONAL}


@dataclass(frozen=True, eq=False)
class PairBatch:
    """Prompt pairs as tokens on one model.

    Parameters
    ----------
    pairs
        The pairs, in row order.
    clean, corrupted
        Their prompts; real tokens stand in the same columns.
    answers, foils
        True at the token ids of the right and the wrong continuations, ``[batch, d_vocab]``.
    positions
        Named token positions, counted from each prompt's first token: name -> ``[batch]``.
    dropped_words
        Words that the task would have used, had they been single tokens.
    drawn
        Pairs drawn before those that the model gets wrong were set aside.
    """

    pairs: tuple[PromptPair, ...]
    clean: TokenBatch
    corrupted: TokenBatch
    answers: Bool[Tensor, "batch d_vocab"]
    foils: Bool[Tensor, "batch d_vocab"]
    positions: Mapping[str, Int[Tensor, " batch"]]
    dropped_words: tuple[str, ...] = ()
    drawn: int = 0

    @classmethod
    def tokenize(
        cls,
        model: HookedModel,
        pairs: Sequence[PromptPair],
        dropped_words: Sequence[str] = (),
        padding_side: PaddingSide = "right",
    ) -> PairBatch:
        """Tokenize pairs for a model.

        Raises
        ------
        AlignmentError
            If a pair's prompts have unequal token lengths, or a named position cannot be found among the tokens.
        TaskError
            If a continuation is not a single token.
        """
        clean = model.tokenize([pair.clean for pair in pairs], padding_side)
        corrupted = model.tokenize([pair.corrupted for pair in pairs], padding_side)
        clean.require_aligned_with(corrupted)
        names = list(dict.fromkeys(name for pair in pairs for name in pair.positions))
        for pair in pairs:
            if missing := set(names) - set(pair.positions):
                raise TaskError(f"all pairs of a batch need the same named positions; {pair.clean!r} lacks {missing}")
        positions = {
            name: torch.tensor([_token_position(model, pair, pair.positions[name]) for pair in pairs]) for name in names
        }
        positions[END] = clean.lengths.cpu() - 1
        return cls(
            tuple(pairs),
            clean,
            corrupted,
            _continuation_mask(model, [(pair, pair.answers) for pair in pairs]),
            _continuation_mask(model, [(pair, pair.foils) for pair in pairs]),
            {name: value.to(clean.tokens.device) for name, value in positions.items()},
            tuple(dropped_words),
            len(pairs),
        )

    def __len__(self) -> int:
        return len(self.pairs)

    @property
    def digest(self) -> str:
        """Sixteen hexadecimal digits that stand for the pairs, word for word and in their order."""
        text = json.dumps([pair.stated for pair in self.pairs], sort_keys=True, ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def rows_by_template(self) -> dict[tuple[str, int], list[int]]:
        """The rows of each template and length, whose activations can be exchanged token by token."""
        groups: dict[tuple[str, int], list[int]] = {}
        for row, (pair, length) in enumerate(zip(self.pairs, self.clean.lengths.tolist(), strict=True)):
            groups.setdefault((pair.template, length), []).append(row)
        return groups

    def select(self, rows: Sequence[int]) -> PairBatch:
        """The pairs of some rows, in the order given."""
        index = torch.as_tensor(rows, dtype=torch.long, device=self.answers.device)
        return replace(
            self,
            pairs=tuple(self.pairs[row] for row in rows),
            clean=self.clean.select(index),
            corrupted=self.corrupted.select(index),
            answers=self.answers[index],
            foils=self.foils[index],
            positions={name: value[index] for name, value in self.positions.items()},
        )

    def joined(self, other: PairBatch) -> PairBatch:
        """These pairs and behind them those of another batch, padded to one length.

        Raises
        ------
        AlignmentError
            If the batches name different positions.
        """
        if self.positions.keys() != other.positions.keys():
            raise AlignmentError(
                f"pairs that are joined name the same positions; these name {', '.join(self.positions)} and those "
                f"{', '.join(other.positions)}"
            )
        return replace(
            self,
            pairs=self.pairs + other.pairs,
            clean=self.clean.joined(other.clean),
            corrupted=self.corrupted.joined(other.corrupted),
            answers=torch.cat([self.answers, other.answers]),
            foils=torch.cat([self.foils, other.foils]),
            positions={name: torch.cat([value, other.positions[name]]) for name, value in self.positions.items()},
        )

    def half_rows(self, draw: random.Random) -> tuple[list[int], list[int]]:
        """Two disjoint random halves of the rows and of each template's: one to choose on, one to report on."""
        halves: tuple[list[int], list[int]] = [], []
        shorter = 0
        for rows in self.rows_by_template.values():
            shuffled = draw.sample(rows, len(rows))
            halves[shorter].extend(shuffled[::2])
            halves[1 - shorter].extend(shuffled[1::2])
            shorter = 0 if len(halves[0]) <= len(halves[1]) else 1
        return sorted(halves[0]), sorted(halves[1])

    def unrelated_rows(self, draw: random.Random) -> list[int]:
        """For each row another row of the same template and length, whose continuations differ where possible.

        Raises
        ------
        AlignmentError
            If a template occurs only once.
        """
        groups = self.rows_by_template
        partners = []
        for row, (pair, length) in enumerate(zip(self.pairs, self.clean.lengths.tolist(), strict=True)):
            others = [other for other in groups[pair.template, length] if other != row]
            if not others:
                raise AlignmentError(
                    f"no unrelated prompt for {pair.clean!r}: it alone has template {pair.template!r}; use more pairs"
                )
            words = {*pair.answers, *pair.foils}
            foreign = [
                other for other in others if words.isdisjoint(self.pairs[other].answers + self.pairs[other].foils)
            ]
            partners.append(draw.choice(foreign or others))
        return partners


def _token_position(model: HookedModel, pair: PromptPair, word: int) -> int:
    """The token position of a word's last token, the same in both prompts of a pair."""
    found = []
    for prompt in (pair.clean, pair.corrupted):
        words = prompt.split(" ")
        if not -len(words) <= word < len(words):
            raise AlignmentError(f"word {word} named in a prompt of {len(words)} words: {prompt!r}")
        end = word % len(words) + 1
        head, whole = model.tokenize([" ".join(words[:end])]), model.tokenize([prompt])
        length = head.tokens.shape[1]
        if not torch.equal(head.tokens[0], whole.tokens[0, :length]):
            raise AlignmentError(f"the tokens of {prompt!r} do not break after word {word}, {words[word]!r}")
        found.append(length - 1)
    if found[0] != found[1]:
        raise AlignmentError(
            f"word {word} has token position {found[0]} in {pair.clean!r}, {found[1]} in {pair.corrupted!r}"
        )
    return found[0]


def _continuation_mask(
    model: HookedModel, wanted: Sequence[tuple[PromptPair, tuple[str, ...]]]
) -> Bool[Tensor, "batch d_vocab"]:
    mask = torch.zeros(len(wanted), model.shape.d_vocab, dtype=torch.bool)
    for row, (pair, words) in enumerate(wanted):
        if not words:
            raise TaskError(f"{pair.clean!r} needs at least one answer and one foil")
        for word in words:
            token = model.single_token(word, after=pair.clean, glue=pair.glue)
            if token is None:
                raise TaskError(f"{word!r} after {pair.clean!r} is not a single token of {model.name}")
            mask[row, token] = True
    return mask.to(model.device)
