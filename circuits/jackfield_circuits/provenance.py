"""Provenance: what each run that made claims was, under the run's digest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, final

from jackfield_circuits import strict_json
from jackfield_circuits.errors import CircuitError

__all__ = ["Provenance"]


@final
class Provenance(Mapping[str, dict[str, Any]]):
    """An immutable mapping from the digest of a run to what the run was.

    Looking a digest up gives a fresh copy, which the caller may change.

    Parameters
    ----------
    runs
        For each digest a mapping of JSON's types: model digest, task, seed, versions, conventions and the like.

    Raises
    ------
    CircuitError
        If a run cannot be spelled as JSON and read back the same.

    Examples
    --------
    >>> runs = Provenance({"5f2c": {"task": "ioi", "seed": 0}})
    >>> runs["5f2c"]["seed"]
    0
    """

    def __init__(self, runs: Mapping[str, Mapping[str, Any]]) -> None:
        self._texts = {digest: _seal(digest, run) for digest, run in sorted(runs.items())}

    def __getitem__(self, digest: str) -> dict[str, Any]:
        run: dict[str, Any] = strict_json.parse(self._texts[digest])
        return run

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts)

    def __len__(self) -> int:
        return len(self._texts)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Provenance):
            return self._texts == other._texts
        return NotImplemented

    def __hash__(self) -> int:
        return hash(tuple(self._texts.items()))

    def __repr__(self) -> str:
        return f"Provenance({dict(self)!r})"

    def merge(self, other: Provenance) -> Provenance:
        """All runs of both.

        Raises
        ------
        CircuitError
            If the two tell different things of one digest.
        """
        for digest in self._texts.keys() & other._texts.keys():
            if self._texts[digest] != other._texts[digest]:
                ours, theirs = self[digest], other[digest]
                fields = sorted(key for key in {**ours, **theirs} if not _agree(ours, theirs, key))
                raise CircuitError(
                    f"run {digest!r} has two provenances, which differ in {', '.join(fields)}; "
                    "a digest names one run: one of the two circuits was changed after it was made"
                )
        return Provenance({**self, **other})


def _seal(digest: str, run: Mapping[str, Any]) -> str:
    if not isinstance(digest, str) or not digest or not isinstance(run, Mapping):
        raise CircuitError(f"a run is kept as a mapping under a digest, found {run!r} under {digest!r}")
    value = dict(run)
    try:
        text = strict_json.spell(value)
        (digest + text).encode("utf-8")
        same = strict_json.parse(text) == value
    except ValueError as error:
        raise CircuitError(f"the provenance of run {digest!r} cannot be written as JSON: {error}") from error
    if not same:
        raise CircuitError(
            f"the provenance of run {digest!r} would not come back from JSON as it is; "
            "make every key a string and every sequence a list"
        )
    return text


def _agree(ours: Mapping[str, Any], theirs: Mapping[str, Any], key: str) -> bool:
    if key not in ours or key not in theirs:
        return False
    return strict_json.spell(ours[key]) == strict_json.spell(theirs[key])
