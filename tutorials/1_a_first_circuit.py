# %% [markdown]
# # 1. A first circuit
#
# *fieldmouse* is a small transformer that comes with jackfield. It was trained on an English-like world in which
# people give things to each other. Read
#
# > when milo and iris went to the station , iris gave a ball to
#
# and it says *milo*: the one of the two who is not the giver. Which parts of it find that out? At the end of this
# page the answer is a graph in a file, and every claim in it has an interval and a control.

# %%
import tempfile
from pathlib import Path

import networkx as nx

import jackfield
from jackfield_circuits import write_graphml

model = jackfield.load_model("fieldmouse")
model

# %% [markdown]
# Loading checks the model: that a patch of an activation with itself changes nothing, that every hook fires, that
# padding does no harm. A **task** draws pairs of prompts. Each pair has a clean prompt and a corrupted one, which
# differ in one thing; here, in who gives. A **metric** grades what the model says.

# %%
registry = jackfield.Registry.discover()
task, metric = registry.task("ioi"), registry.metric("logit_difference")
bench = jackfield.Bench.prepare(model, task, metric, pairs=48, seed=0)
pair = bench.pairs.pairs[0]
print("clean:    ", pair.clean, "->", pair.answers)
print("corrupted:", pair.corrupted, "->", pair.foils)
print(f"{len(bench.pairs)} of {bench.pairs.drawn} pairs are answered right and kept")

# %% [markdown]
# ## Patch one place at a time
#
# Run the corrupted prompt, but put the clean prompt's activation at one place. If the answer comes back, the
# place carried what makes the difference. An effect of 1 restores the whole difference, 0 none of it.

# %%
patching = registry.analysis("activation_patching")()
result = patching.run(bench, patching.Config(streams=["resid_pre", "attn_out"], strongest=4))
layers, *_ = result.plot().values()
layers

# %% [markdown]
# Early on, the second mention of the giver (`S2`) carries the answer; late, the last token (`END`) does.
# Something moves the information from one to the other. Dots mark **findings**: effects that are significant
# after correction for the many places tested, and beyond the effect of a patch from an unrelated prompt. What has
# no dot is not claimed.

# %%
for sentence in result.summary():
    print("*", sentence)

# %%
frame = result.to_frame()
frame.head(8)

# %% [markdown]
# ## The circuit
#
# Every result becomes nodes and edges with evidence. `findings()` keeps what stands; the file is GraphML, which
# networkx, igraph, Gephi and yEd read.

# %%
circuit = result.to_circuit().findings()
file = Path(tempfile.mkdtemp()) / "first_circuit.graphml"
write_graphml(circuit, file)
graph = nx.read_graphml(file, force_multigraph=True)
heads = [(name, fields["score"]) for name, fields in graph.nodes(data=True) if fields["kind"] == "head"]
sorted(heads, key=lambda head: -abs(head[1]))[:5]

# %% tags=["check"]
assert len(bench.pairs) > 30
assert heads
assert max(abs(score) for _, score in heads) > 0.05
assert all(any(claim.is_finding() for claim in node.evidence) for node in circuit.nodes if node.evidence)

# %% [markdown]
# Next: [what such a number is worth](2_patching_read_critically.ipynb).
