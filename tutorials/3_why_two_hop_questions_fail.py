# %% [markdown]
# # 3. Why two-hop questions fail
#
# *alma's boss's sport* takes two steps: who is alma's boss, and what is that person's sport. fieldmouse knows
# many facts of both kinds and still fails to join some of them. One explanation: the first fact is found in a
# layer so late that no layer is left to look up the second. **Back-patching** tests it: take a late hidden state,
# write it to an early layer, and let the model go on.

# %%
import jackfield

model = jackfield.load_model("fieldmouse")
registry = jackfield.Registry.discover()
task = registry.task("two_hop.out_of_distribution")
bench = jackfield.Bench.prepare(model, task, registry.metric("logit_difference"), pairs=1000, seed=0)
pair = bench.set_aside.pairs[0]
print(f"{pair.clean} -> should be {pair.answers[0]}, and the model gets it wrong")
for hop in pair.hops:
    print(f"  {hop.name}: {hop.prompt} -> {hop.answers[0]}")

# %% [markdown]
# Only some failures count: both hops must be known when asked alone, and no shortcut may lead to the answer. The
# analysis sorts the pairs, and says how many there are of each kind.

# %%
back_patching = registry.analysis("back_patching")()
result = back_patching.run(bench, back_patching.Config(positions=["FIRST", "END"], sources=[2, 3, 4, 5]))
for sentence in result.summary():
    print("*", sentence)

# %%
grid, best = result.plot().values()
grid

# %% [markdown]
# ## Read the controls first
#
# With many pairs of layers to choose from, *some* pair repairs any question. So the pair is chosen on one half of
# the cases and reported on the other, and so are its controls: another prompt's state, noise, and patches
# *forward*, which give no layer a second chance.

# %%
best

# %% [markdown]
# Written back to the embedding, the late state is read like a name, and nearly every case is repaired; neither
# noise nor another prompt's state does that. Block to block the picture is different: look whether the bar stands
# clear of the one for *forward*. If it does not, back-patching may work by removing a wrong answer rather than by
# giving a fact time.

# %% tags=["check"]
from jackfield_plugins.back_patching.routes import Route

assert result.uncleared(Route.EMBEDDING) == []
assert result.findings.values.any()

# %% [markdown]
# Next: [functions as vectors](4_functions_as_vectors.ipynb).
