# %% [markdown]
# # 6. One graph from five plugins
#
# A study runs several analyses, each on a task that suits it, and weaves what they claim into **one** circuit.
# Nothing is averaged away: every node and edge keeps each claim with its plugin, task, interval and control.

# %%
import tempfile
from pathlib import Path

import networkx as nx

from jackfield import Study, StudyConfig
from jackfield_circuits import write_graphml

study = StudyConfig.parse(
    {
        "model": "fieldmouse",
        "task": {"name": "ioi", "pairs": 32},
        "analyses": [
            {"activation_patching": {"streams": ["attn_out"], "strongest": 4}},
            {"circuit_discovery": {}},
            {
                "back_patching": {"positions": ["FIRST"], "sources": [3, 4, 5], "targets": [0, 1]},
                "task": {"name": "two_hop.out_of_distribution", "pairs": 200},
            },
            {
                "function_vectors": {
                    "functions": ["in_context.plural", "in_context.capital"], "mean_prompts": 30,
                    "corrupted_prompts": 10, "corruptions": ["random_words"], "contexts": ["spoilt_examples"],
                    "strengths": [1, 2],
                },
                "task": {"name": "in_context.plural", "pairs": 16},
            },
            {
                "causal_alignment": {
                    "variables": ["WX"], "sites": ["resid_post.0"], "positions": ["X"], "map": "das:1", "curve": [],
                    "trainings": 1, "random_copies": 1, "random_subspaces": 2, "steps": 60, "train_pairs": 128,
                    "validation_pairs": 48, "test_pairs": 80, "batch": 32,
                },
                "task": {"name": "hierarchical_equality", "pairs": 48},
            },
        ],
    }
)  # fmt: skip
folder = Path(tempfile.mkdtemp()) / "run"
run = Study(study).run(folder)
sorted(path.name for path in folder.iterdir())

# %%
circuit = run.circuit()
plugins = sorted({claim.plugin for part in (*circuit.nodes, *circuit.edges) for claim in part.evidence})
print(f"{len(circuit.nodes)} nodes, {len(circuit.edges)} edges, claims by {', '.join(plugins)}")

# %% [markdown]
# ## What stands
#
# `findings()` keeps what is significant after correction, and beyond its control. Of thousands of edges that were
# looked at, few are left.

# %%
findings = circuit.findings()
print(f"{len(findings.nodes)} nodes and {len(findings.edges)} edges stand")
for part in [*findings.nodes, *findings.edges][:200]:
    if len({claim.plugin for claim in part.evidence}) > 1:
        print(part, "<-", ", ".join(sorted({claim.plugin for claim in part.evidence})))

# %% [markdown]
# The picture counts each plugin's claims, and those that stand. Everything that causal alignment claims stands
# here: it speaks of one place alone, which the settings name.

# %%
from jackfield.plotting import new_figure

claims = [claim for part in (*circuit.nodes, *circuit.edges) for claim in part.evidence]
counts = {
    name: [sum(c.plugin == name for c in claims), sum(c.plugin == name and c.is_finding() for c in claims)]
    for name in plugins
}
figure = new_figure(6, 2.4)
axes = figure.subplots()
axes.barh(plugins, [every for every, _ in counts.values()], color="#cccccc", label="claims")
axes.barh(plugins, [found for _, found in counts.values()], color="#1b5e9b", label="findings")
axes.set_xscale("symlog")
axes.legend(frameon=False, fontsize=8)
figure

# %% [markdown]
# ## Into networkx
#
# The file is plain GraphML with scalar attributes: any program that reads GraphML can go on from here.

# %%
write_graphml(findings, folder / "findings.graphml")
graph = nx.read_graphml(folder / "findings.graphml", force_multigraph=True)
degrees = sorted(graph.degree, key=lambda pair: -pair[1])[:6]
print("busiest nodes:", degrees)
simple = nx.DiGraph(graph)
print(
    "can the input reach the logits?",
    "input" in simple and "logits" in simple and nx.has_path(simple, "input", "logits"),
)

# %% tags=["check"]
assert plugins == ["activation_patching", "back_patching", "causal_alignment", "circuit_discovery", "function_vectors"]
assert set(graph.nodes) == {node.id for node in findings.nodes}
assert graph.number_of_edges() == len(findings.edges)

# %% [markdown]
# `jackfield verify` on the folder would make every run again and compare claim by claim. Next: [your own
# plugin](7_your_own_plugin.ipynb).
