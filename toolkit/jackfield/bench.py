"""Everything that an analysis is handed: model, pairs, metric, seed and a place to report progress."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from jackfield.checkpoint import Checkpoint, NoCheckpoint
from jackfield.errors import TaskError
from jackfield.metrics import AnswerKey, Metric
from jackfield.progress import Progress, silent
from jackfield.provenance import Provenance, versions

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import Float
    from numpy.typing import NDArray
    from torch import Tensor

    from jackfield.hooked_model import HookedModel
    from jackfield.pairs import PairBatch
    from jackfield.tasks import Task

__all__ = ["Bench"]


def _built_in_causal_models() -> Mapping[str, object]:
    from jackfield.builtins.algorithms import ALGORITHMS

    return ALGORITHMS


@dataclass(frozen=True, eq=False)
class Bench:
    """What an analysis works on.

    An analysis draws randomness only from ``rng`` and ``draw``, reports through ``progress``, and touches
    nothing else.

    Parameters
    ----------
    model
        The network.
    pairs
        The prompt pairs, tokenized for it.
    metric
        How predictions are graded.
    task
        Name of the task that made the pairs.
    seed
        Seed of all randomness.
    progress
        Called as ``progress(description, done, total)``.
    checkpoint
        Where sweeps keep what they have computed; nowhere unless told.
    set_aside
        The pairs that were drawn and that the model gets wrong, for analyses of failures; ``None`` if there are none or
        nobody looked. They follow from model, task, seed and the number drawn, which the provenance states.
    causal_models
        Algorithms to align networks with, by name; those that jackfield comes with unless told. Studies hand on what
        plugins register.
    """

    model: HookedModel
    pairs: PairBatch
    metric: Metric
    task: str
    seed: int = 0
    progress: Progress = silent
    checkpoint: Checkpoint = field(default_factory=NoCheckpoint)
    set_aside: PairBatch | None = None
    causal_models: Mapping[str, object] = field(default_factory=_built_in_causal_models)

    @classmethod
    def prepare(
        cls,
        model: HookedModel,
        task: Task,
        metric: Metric,
        pairs: int = 64,
        seed: int = 0,
        *,
        progress: Progress = silent,
    ) -> Bench:
        """Draw a task's pairs and set aside those that the model gets wrong.

        A pair is right when, after the clean prompt, the answers' best logit is above the foils'. How many were drawn
        stays known as ``bench.pairs.drawn``, and those that are wrong as ``bench.set_aside``.

        Raises
        ------
        TaskError
            If the task cannot make the pairs, or the model gets fewer than two of them right.
        """
        batch = task.pairs(model, pairs, seed)
        bench = cls(model, batch, metric, task.name, seed, progress)
        logits = bench.clean_logits()
        right = logits.masked_fill(~batch.answers, -float("inf")).amax(-1) > logits.masked_fill(
            ~batch.foils, -float("inf")
        ).amax(-1)
        rows, wrong = (mask.nonzero().flatten().tolist() for mask in (right, ~right))
        if len(rows) < 2:
            raise TaskError(f"{model.name} gets {len(rows)} of {len(batch)} pairs of {task.name!r} right; 2 are needed")
        return replace(bench, pairs=batch.select(rows), set_aside=batch.select(wrong) if wrong else None)

    def clean_logits(self) -> Float[Tensor, "batch d_vocab"]:
        """Logits at the answer's position after the clean prompts."""
        return self.model.answer_logits(self.model.run(self.pairs.clean), self.pairs.clean)

    def corrupted_logits(self) -> Float[Tensor, "batch d_vocab"]:
        """Logits at the answer's position after the corrupted prompts."""
        return self.model.answer_logits(self.model.run(self.pairs.corrupted), self.pairs.corrupted)

    def key(self, clean_logits: Float[Tensor, "batch d_vocab"] | None = None) -> AnswerKey:
        """What this bench's predictions are graded against."""
        return AnswerKey(self.pairs.answers, self.pairs.foils, clean_logits)

    def draw(self, purpose: str) -> random.Random:
        """A generator for choices, the same for the same seed and purpose."""
        return random.Random(f"{self.seed}/{purpose}")

    def rng(self, purpose: str) -> np.random.Generator:
        """A numpy generator, the same for the same seed and purpose."""
        import numpy as np

        digest = hashlib.sha256(f"{self.seed}/{purpose}".encode()).digest()
        return np.random.default_rng(int.from_bytes(digest[:8], "big"))

    def provenance(self, analysis: str, analysis_version: str, config: Mapping[str, Any]) -> Provenance:
        """Where a result of this bench comes from."""
        return Provenance(
            analysis, analysis_version, dict(config), self.model.identity, self.task, self.metric.name, self.seed,
            len(self.pairs), self.pairs.drawn, self.pairs.digest, versions(),
        )  # fmt: skip

    def graded(self, logits: Float[Tensor, "batch d_vocab"], key: AnswerKey) -> NDArray[np.float64]:
        """The metric of some answer-position logits, one value per prompt."""
        import numpy as np

        return np.asarray(self.metric(logits, key).double().cpu().numpy())
