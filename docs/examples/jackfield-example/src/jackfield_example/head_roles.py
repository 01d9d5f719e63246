"""The analysis: roles of all heads on repeated random tokens and on the task's prompts."""

from __future__ import annotations

import numpy as np
import torch
import xarray as xr
from pydantic import Field

from jackfield import Analysis, AnalysisConfig, Bench, Estimate, TokenBatch
from jackfield.errors import ConfigError
from jackfield.progress import track
from jackfield.statistics import bootstrap_mean, false_discovery_rate, paired_p_values
from jackfield.testing import Trial
from jackfield_example.result import HeadRolesResult
from jackfield_example.roles import ROLES, scores

__all__ = ["HeadRoles", "HeadRolesConfig"]

UNIT = {"unit": "share of attention"}
AT_ONCE = 16


class HeadRolesConfig(AnalysisConfig):
    """How many random sequences, how long, and what counts."""

    sequences: int = Field(32, ge=2, description="random sequences, each of which comes twice in a row")
    length: int = Field(12, ge=2, description="tokens in a random sequence, all different")
    margin: float = Field(0.1, ge=0, lt=1, description="how far above its control a score must surely be")


class HeadRoles(Analysis[HeadRolesConfig]):
    """Find the heads that look at the previous token, at duplicates, at what followed them, or at what is said next.

    A finding is a head whose score is above its control by more than the margin, on prompt after prompt. Less is no
    role, however surely it is there: every network attends to something by some hair more than by chance.
    """

    name = "head_roles"
    version = "1"
    summary = "previous-token, duplicate-token, induction and retrieval scores of every head"
    Config = HeadRolesConfig
    Result = HeadRolesResult
    trial = Trial(settings={"sequences": 12, "length": 5})

    def run(self, bench: Bench, config: HeadRolesConfig) -> HeadRolesResult:
        """Score every head; ``ConfigError`` if the sequences do not fit the model."""
        batches = {"repeats": repeats(bench, config), "task": bench.pairs.clean}
        parts = [
            (source, batch.select(range(start, min(start + AT_ONCE, len(batch)))))
            for source, batch in batches.items()
            for start in range(0, len(batch), AT_ONCE)
        ]
        measured = [(source, *scores(bench.model, part)) for source, part in track(parts, "roles", bench.progress)]
        tables = []
        for source in batches:
            score, control = (np.concatenate([part[i] for part in measured if part[0] == source], -1) for i in (1, 2))
            tables.append(self._compared(bench, config, source, score, control))
        data = xr.concat(tables, "place", join="exact")
        data["q_value"] = ("place", false_discovery_rate(data["p_value"].values), {"unit": "probability"})
        return HeadRolesResult(
            data.assign_coords(place=np.arange(data.sizes["place"])),
            {
                name: Estimate.of_mean(bench.graded(logits, bench.key()), bench.metric.unit, bench.rng(name))
                for name, logits in (("clean", bench.clean_logits()), ("corrupted", bench.corrupted_logits()))
            },
            {"random targets": "the same number of targets, placed at random among the tokens that are seen"},
            bench.provenance(self.name, self.version, config.model_dump(mode="json")),
        )

    def _compared(self, bench, config, source, score, control) -> xr.Dataset:
        """Scores ``[role, layer, head, prompt]`` beside their controls ``[role, prompt]``, by place."""
        shape = score.shape[:-1]
        effects = score.reshape(-1, score.shape[-1])
        controls = np.broadcast_to(control[:, None, None], score.shape).reshape(effects.shape)
        excess = effects - controls - config.margin
        p_values = np.where(excess.mean(-1) > 0, paired_p_values(excess, 0 * excess), 1.0)
        found = {"p_value": ("place", p_values, {"unit": "probability"})}
        for name, values in (("effect", effects), ("control", controls)):
            interval = bootstrap_mean(values, bench.rng(f"{source}/{name}"))
            ends = {name: values.mean(-1), f"{name}_low": interval.low, f"{name}_high": interval.high}
            found |= {part: ("place", ends[part], UNIT) for part in ends}
        role, layer, head = (index.ravel() for index in np.indices(shape))
        found["prompts"] = ("place", np.full(len(effects), effects.shape[-1]), {"unit": "prompts"})
        places = {"role": [ROLES[i] for i in role], "source": [source] * len(role), "layer": layer, "head": head}
        return xr.Dataset(found, {name: ("place", values) for name, values in places.items()})


def repeats(bench: Bench, config: HeadRolesConfig) -> TokenBatch:
    """Random tokens that come twice in a row, behind whatever the tokenizer begins with."""
    model, draw = bench.model, bench.draw("repeats")
    special = {*model.tokenizer.all_special_ids}
    tokens = [token for token in range(min(model.shape.d_vocab, len(model.tokenizer))) if token not in special]
    start = model.tokenizer("")["input_ids"]
    longest = min((model.shape.n_ctx - len(start)) // 2, len(tokens))
    if config.length > longest:
        raise ConfigError(f"length {config.length} does not fit: {model.name} takes at most {longest} tokens twice")
    rows = [start + 2 * draw.sample(tokens, config.length) for _ in range(config.sequences)]
    return TokenBatch.from_rows(rows, 0).to(torch.device(model.device))
