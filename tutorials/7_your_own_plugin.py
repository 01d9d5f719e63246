# %% [markdown]
# # 7. Your own plugin in fifty lines
#
# An analysis is a class with a name, settings and a `run`. It gets a **bench** (model, pairs, metric, seed,
# progress) and returns a **result**, which must come with a control. This one asks which heads of the last token
# look at a named position more than at any other.

# %%
from dataclasses import dataclass

import numpy as np
import xarray as xr

import jackfield
from jackfield import Analysis, AnalysisConfig, AnalysisResult, Circuit, Estimate, Evidence, Site, hookimpl
from jackfield.errors import ConfigError
from jackfield.plotting import heatmap, new_figure
from jackfield.progress import track
from jackfield.statistics import bootstrap_mean, false_discovery_rate, paired_p_values
from jackfield_circuits import Node


# %%
class LooksAtConfig(AnalysisConfig):
    position: str = "IO"


@dataclass(frozen=True, eq=False)
class LooksAtResult(AnalysisResult):
    variables = ("share", "share_low", "share_high", "elsewhere", "elsewhere_low", "elsewhere_high", "q_value")

    def to_frame(self):
        return self.data.to_dataframe().reset_index().sort_values("share", ascending=False)

    def to_circuit(self):
        def claim(row):
            return Evidence(
                plugin="looks_at", method="attention", metric="attention of the last token", unit="share",
                position=self.provenance.config["position"], score=row.share, low=row.share_low, high=row.share_high,
                n=self.provenance.pairs, control=row.elsewhere, control_low=row.elsewhere_low,
                control_high=row.elsewhere_high, control_kind="average of the other tokens", q_value=row.q_value,
                run=self.provenance.digest,
            )  # fmt: skip

        nodes = [Node(id=row.head, evidence=(claim(row),)) for row in self.to_frame().itertuples()]
        return Circuit(nodes=nodes, runs={self.provenance.digest: self.provenance.as_dict()})

    def plot(self):
        figure = new_figure(4, 3)
        layers = sorted({Site.parse(name).layer for name in self.data["head"].values})
        grid = self.data["share"].values.reshape(len(layers), -1)
        columns = [f"h{head}" for head in range(grid.shape[1])]
        image = heatmap(figure.subplots(), grid, grid > 2, [f"a{layer}" for layer in layers], columns, 1.0)
        figure.colorbar(image, label=f"attention to {self.provenance.config['position']}")
        return {"Who looks": figure}

    def summary(self):
        best = self.to_frame().iloc[0]
        return [
            f"{best['head']} looks there most: {best['share']:.0%} [{best['share_low']:.0%}, {best['share_high']:.0%}]."
        ]


class LooksAt(Analysis[LooksAtConfig]):
    name, version, summary = "looks_at", "1", "which heads of the last token look at a position"
    Config, Result = LooksAtConfig, LooksAtResult

    def run(self, bench, config):
        if config.position not in bench.pairs.positions:
            raise ConfigError(
                f"the task names no position {config.position!r}; it names {', '.join(bench.pairs.positions)}"
            )
        batch, shape = bench.pairs.clean, bench.model.shape
        sites = [Site.parse(f"a{layer}.h*.pattern") for layer in range(shape.n_layers)]
        rows, at = np.arange(len(batch)), bench.pairs.positions[config.position].numpy()
        last, first = batch.last_columns.numpy(), (~batch.mask).sum(1).numpy()
        there, elsewhere = [], []
        for site in track(sites, "attention", bench.progress):
            pattern = bench.model.run_with_cache(batch, [site])[site].double().numpy()
            looked = pattern[rows, :, last, :]
            there.extend(looked[rows, :, at].T)
            others = (last - first)[:, None]
            elsewhere.extend(((1 - looked[rows, :, at]) / others).T)
        variables = {}
        for name, values in (("share", np.array(there)), ("elsewhere", np.array(elsewhere))):
            interval = bootstrap_mean(values, bench.rng(name))
            ends = {"": values.mean(-1), "_low": interval.low, "_high": interval.high}
            variables |= {f"{name}{end}": ("head", found, {"unit": "share"}) for end, found in ends.items()}
        q_values = false_discovery_rate(paired_p_values(np.array(there), np.array(elsewhere)))
        variables["q_value"] = ("head", q_values, {"unit": "probability"})
        heads = [f"a{layer}.h{head}" for layer in range(shape.n_layers) for head in range(shape.n_heads)]
        baselines = {"even attention": Estimate.of_mean(1.0 / (1 + last - first), "share", bench.rng("even"))}
        controls = {"elsewhere": "average attention to each of the other tokens"}
        provenance = bench.provenance(self.name, self.version, config.model_dump(mode="json"))
        return LooksAtResult(xr.Dataset(variables, {"head": heads}), baselines, controls, provenance)


# %% [markdown]
# ## Register it
#
# A plugin is anything with hook implementations. In a package it would be an entry point; here, an object.


# %%
class Plugin:
    @staticmethod
    @hookimpl
    def register_analyses():
        return [LooksAt]


registry = jackfield.Registry.discover()
registry.register("looks_at", Plugin())
model = jackfield.load_model("fieldmouse")
bench = jackfield.Bench.prepare(model, registry.task("ioi"), registry.metric("logit_difference"), pairs=32, seed=0)
analysis = registry.analysis("looks_at")()
result = analysis.run(bench, analysis.Config(position="IO"))
print(*result.summary(), sep="\n")
[figure] = result.plot().values()
figure

# %% [markdown]
# The result is a citizen like any other: it becomes part of a circuit, merges with what other plugins found, and
# is written to the same GraphML.

# %%
circuit = result.to_circuit()
print(f"{len(circuit.findings().nodes)} of {len(circuit.nodes)} heads look at the indirect object more than elsewhere")

# %% tags=["check"]
assert len(circuit.nodes) == model.shape.n_layers * model.shape.n_heads
assert circuit.findings().nodes
assert circuit.merge(circuit) == circuit
try:
    analysis.run(bench, analysis.Config(position="NOWHERE"))
except ConfigError as error:
    print("refused:", error)
else:
    raise AssertionError("a position that does not exist must be refused")

# %% [markdown]
# `jackfield plugins new` writes a package with all of this, and the conformance kit tests it. Next: [a real
# language model](8_a_real_language_model.ipynb).
