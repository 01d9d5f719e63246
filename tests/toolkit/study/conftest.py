"""A plugin that is quick to run and easy to upset: a model, a task, three analyses, and a ledger of what was called."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pytest
from pydantic import Field

from jackfield.analysis import Analysis, AnalysisConfig
from jackfield.hookspecs import hookimpl
from jackfield.metrics import BUILT_IN
from jackfield.organism.world import NAMES
from jackfield.progress import track
from jackfield.registry import Registry
from jackfield.results import AnalysisResult
from jackfield.statistics import Estimate
from jackfield.study import Study
from jackfield.study_config import StudyConfig
from jackfield.tasks import PairMaker, Task, Words
from jackfield_circuits import Circuit, Evidence, Node

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from jackfield.bench import Bench
    from jackfield.hooked_model import HookedModel
    from jackfield.loading import LoadRequest
    from jackfield.pairs import PromptPair

HOSTILE = "<script>alert('S2')</script>"


@dataclass
class Ledger:
    """What was called how often, and what is to go wrong: the name of a thing -> the exception that it raises."""

    calls: Counter[str] = field(default_factory=Counter)
    raises: dict[str, BaseException] = field(default_factory=dict)
    version: str = "1"

    def enter(self, name: str) -> None:
        self.calls[name] += 1
        if name in self.raises:
            raise self.raises[name]


class TallyConfig(AnalysisConfig):
    scale: float = Field(1.0, gt=0, description="what every effect is multiplied with")
    places: tuple[str, ...] = Field(("a0.h0", "a1.h3", "m0"), description="the nodes to tally")


class TallyResult(AnalysisResult):
    variables: ClassVar[tuple[str, ...]] = ("effect", "low", "high")
    ledger: ClassVar[Ledger]

    def to_frame(self) -> pd.DataFrame:
        frame = self.data.to_dataframe().reset_index()
        return frame.assign(finding=[True, *[False] * (len(frame) - 1)], token=HOSTILE)

    def plot(self) -> Mapping[str, Figure]:
        from matplotlib.figure import Figure

        self.ledger.enter(f"plot {self.provenance.analysis}")
        figure = Figure(figsize=(2, 1))
        figure.subplots().plot(self.data["effect"].values)
        return {"Effects": figure}

    def summary(self) -> list[str]:
        return [f"The largest effect is {float(self.data['effect'].max()):.3f}.", f"A token: {HOSTILE}\x1b[2J"]

    def to_circuit(self) -> Circuit:
        self.ledger.enter(f"circuit {self.provenance.analysis}")
        digest = self.provenance.digest
        rows = zip(*(self.data[name].values for name in ("place", "effect", "low", "high")), strict=True)
        nodes = [
            Node(
                id=str(place),
                evidence=(
                    Evidence(
                        plugin=self.provenance.analysis, method="tally", metric=self.provenance.metric, unit="logits",
                        score=effect, low=low, high=high, control=0.0, control_kind="nothing", q_value=0.01,
                        n=self.provenance.pairs, run=digest,
                    ),
                ),
            )
            for place, effect, low, high in rows
        ]  # fmt: skip
        return Circuit(nodes, runs={digest: self.provenance.as_dict()})


def tally(named: str, ledger: Ledger) -> type[Analysis[TallyConfig]]:
    """An analysis of some name that writes into a ledger."""

    class LedgerResult(TallyResult):
        pass

    LedgerResult.ledger = ledger

    class Tally(Analysis[TallyConfig]):
        name: ClassVar[str] = named
        version: ClassVar[str] = ledger.version
        summary: ClassVar[str] = "draws numbers and counts them"
        Config = TallyConfig
        Result = LedgerResult

        def run(self, bench: Bench, config: TallyConfig) -> TallyResult:
            import xarray as xr

            drawn = [bench.rng(place).normal() for place in track(config.places, "tally", bench.progress)]
            ledger.enter(named)
            effect = config.scale * np.array(drawn)
            unit = {"unit": "logits"}
            data = xr.Dataset(
                {
                    "effect": ("place", effect, unit),
                    "low": ("place", effect - 0.1, unit),
                    "high": ("place", effect + 0.1, unit),
                },
                {"place": list(config.places)},
            )
            return LedgerResult(
                data,
                {"clean": Estimate(1.5, 1.0, 2.0, len(bench.pairs), "logits")},
                {"nothing": "what is there without any effect"},
                bench.provenance(self.name, self.version, config.model_dump(mode="json")),
            )

    return Tally


class Names(Task):
    name = "names"
    description = "whether the model prefers one name to another"
    positions = ("NAME",)

    def pair_maker(self, words: Words) -> PairMaker:
        from jackfield.pairs import PromptPair

        known = words.single([*NAMES, "xylophone"])

        def make(draw: random.Random) -> PromptPair:
            first, second, third, fourth = draw.sample(known, 4)
            return PromptPair(f"{first} and", f"{second} and", (third,), (fourth,), {"NAME": 0})

        return make


class Upset:
    """The plugin; every hook that a study calls is in the ledger."""

    def __init__(self, model: HookedModel, ledger: Ledger) -> None:
        self._model, self._ledger = model, ledger

    @hookimpl
    def register_models(self, request: LoadRequest) -> HookedModel | None:
        self._ledger.enter("load")
        return self._model if request.name == "tiny" else None

    @hookimpl
    def list_models(self) -> list[tuple[str, str]]:
        return [("tiny", "a random model \x1b[31m of two layers")]

    @hookimpl
    def register_tasks(self) -> list[Task]:
        return [Names()]

    @hookimpl
    def register_metrics(self) -> Any:
        return BUILT_IN

    @hookimpl
    def register_analyses(self) -> list[type[Analysis[TallyConfig]]]:
        return [tally(name, self._ledger) for name in ("first", "second", "third.x")]

    @hookimpl
    def before_analysis(self, analysis: Analysis[Any]) -> None:
        self._ledger.enter(f"before {analysis.name}")

    @hookimpl
    def after_analysis(self, analysis: Analysis[Any]) -> None:
        self._ledger.enter(f"after {analysis.name}")

    @hookimpl
    def contribute_circuit(self, result: AnalysisResult) -> Circuit | None:
        self._ledger.enter(f"contribute {result.provenance.analysis}")
        return Circuit([Node(id="logits")]) if result.provenance.analysis == "first" else None

    @hookimpl
    def finalize_circuit(self, circuit: Circuit) -> Circuit | None:
        self._ledger.enter("finalize")
        return None


Asks = Callable[..., Study]


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


@pytest.fixture
def registry(gpt2: HookedModel, ledger: Ledger) -> Registry:
    return Registry({"upset": Upset(gpt2, ledger)})


@pytest.fixture
def study(gpt2: HookedModel, ledger: Ledger) -> Asks:
    """Makes the study of the tiny model with the analyses ``first`` and ``second``, or with other fields."""

    def ask(**fields: Any) -> Study:
        asked = {
            "model": "tiny",
            "task": {"name": "names", "pairs": 12},
            "analyses": ["first", {"second": {"scale": 2.0}}],
        }
        return Study(StudyConfig.parse(asked | fields), Registry({"upset": Upset(gpt2, ledger)}))

    return ask


@pytest.fixture
def written() -> Callable[[Path], dict[str, bytes]]:
    """Reads all files of a folder, by their paths in it."""
    return lambda folder: {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }
