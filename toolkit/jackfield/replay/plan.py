"""What a replay will do and take, stated before it is done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Plan", "Step"]


@dataclass(frozen=True)
class Step:
    """Rows that are computed together from one column on, in batches of at most ``batch_rows``.

    ``layers`` are the first and the last that a row of them starts at.
    """

    layers: tuple[int, int]
    column: int
    rows: int
    batch_rows: int

    def __str__(self) -> str:
        first, last = self.layers
        layers = f"layer {first}" if first == last else f"layers {first} to {last}"
        return f"{self.rows} rows from {layers}, column {self.column}, in batches of {self.batch_rows}"


@dataclass(frozen=True)
class Plan:
    """What a replay takes.

    Parameters
    ----------
    patches, prompts
        How many patches there are, and of how many prompts each.
    steps
        What is resumed where.
    unchanged_rows
        Rows (a patch of a prompt) that the patch leaves as they are, so that nothing is computed.
    plain
        Patches that are run as a whole, one by one: how many, by reason.
    fallbacks
        What this model does not let be left out, and why.
    multiply_adds, least_multiply_adds, plain_multiply_adds
        Of the replay; of the same rows if each were computed from its own column on, though in smaller batches; of a
        plain loop that runs everything once per patch.
    peak_bytes
        The most that is in use at one time beside the model and the patches' own values; estimated from above.
    budget
        Bytes that a batch is to take at most. A single row, and a patch that cannot be cut, may take more. What is kept
        of the base run comes on top.

    Examples
    --------
    >>> print(Plan(3, 2, (Step((1, 3), 4, 4, 4),), 2, {}, (), 1000, 900, 8000, 2**20, 2**30))
    3 patches of 2 prompts: 6 rows, of which 2 stay as they are
    4 rows from layers 1 to 3, column 4, in batches of 4
    1e+03 multiply-adds, 8.0 times fewer than one plain run per patch
    at most 1.0 MiB, with a budget of 1024.0 MiB per batch
    """

    patches: int
    prompts: int
    steps: tuple[Step, ...]
    unchanged_rows: int
    plain: Mapping[str, int]
    fallbacks: tuple[str, ...]
    multiply_adds: int
    least_multiply_adds: int
    plain_multiply_adds: int
    peak_bytes: int
    budget: int

    @property
    def saving(self) -> float:
        """How many times fewer multiply-adds the replay takes than the plain loop."""
        return self.plain_multiply_adds / max(1, self.multiply_adds)

    def __str__(self) -> str:
        rows, same = self.patches * self.prompts, self.unchanged_rows
        return "\n".join(
            [
                f"{self.patches} patches of {self.prompts} prompts: {rows} rows, of which {same} stay as they are",
                *map(str, self.steps),
                *(f"{count} patches run as a whole: {reason}" for reason, count in self.plain.items()),
                *(f"fallback: {reason}" for reason in self.fallbacks),
                f"{self.multiply_adds:.3g} multiply-adds, {self.saving:.1f} times fewer than one plain run per patch",
                f"at most {_mebibytes(self.peak_bytes)}, with a budget of {_mebibytes(self.budget)} per batch",
            ]
        )


def _mebibytes(count: int) -> str:
    return f"{count / 2**20:.1f} MiB"
