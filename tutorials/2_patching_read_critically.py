# %% [markdown]
# # 2. Patching, read critically
#
# A patch always gives a number. Whether the number means anything depends on what it is compared with. This page
# takes one experiment and asks it four questions that a reviewer would ask.

# %%
import numpy as np

import jackfield

model = jackfield.load_model("fieldmouse")
registry = jackfield.Registry.discover()
bench = jackfield.Bench.prepare(model, registry.task("ioi"), registry.metric("logit_difference"), pairs=48, seed=0)
patching = registry.analysis("activation_patching")()

# %% [markdown]
# ## Is it more than any other prompt would do?
#
# Beside each patch runs its control: the same place, patched with an *unrelated* prompt. An effect that the
# control has too is disturbance. The table shows both, each with its interval.

# %%
denoising = patching.run(bench, patching.Config(streams=["attn_out"], strongest=4))
frame = denoising.to_frame()
columns = [name for name in frame.columns if name.startswith(("effect", "control"))]
frame[["site", *columns, "q_value", "finding"]].head(6).round(3)

# %%
first, *others = denoising.plot().values()
first

# %% [markdown]
# ## Sufficient, or necessary?
#
# *Denoising* puts clean activations into the corrupted run: what restores the answer is **sufficient** there.
# *Noising* puts corrupted activations into the clean run: what destroys the answer was **necessary**. The two
# need not agree: with a backup, nothing is necessary; with an AND, nothing is sufficient.

# %%
noising = patching.run(bench, patching.Config(streams=["attn_out"], strongest=4, direction="noising"))


def heads(result):
    rows = result.to_frame()
    rows = rows[rows["site"].str.fullmatch(r"a\d+\.h\d+")]
    return rows.groupby("site")["effect"].first()


both = np.array([(heads(denoising)[name], heads(noising)[name]) for name in heads(denoising).index])
agreement = np.corrcoef(both.T)[0, 1]
print(f"correlation of {len(both)} heads' effects, denoising with noising: {agreement:.2f}")

# %% [markdown]
# ## Do the strongest few do it together?
#
# Effects of single heads do not add up. So the analysis chooses the strongest heads on one half of the pairs,
# patches them **together**, and reports the other half; beside it, as many random heads.

# %%
for sentence in denoising.summary():
    print("*", sentence)

# %% [markdown]
# ## Would a gradient have said the same?
#
# Attribution patching estimates all effects from two passes. It is fast, and it is an approximation; so it comes
# with its agreement with exact patching on places that were checked.

# %%
attribution = registry.analysis("attribution_patching")()
estimated = attribution.run(bench, attribution.Config())
for sentence in estimated.summary():
    print("*", sentence)

# %% tags=["check"]
assert len(both) == model.shape.n_layers * model.shape.n_heads
assert -1 <= agreement <= 1
assert frame["finding"].any()
assert not frame["finding"].all()

# %% [markdown]
# The habit to take away: a number without its control is not drawn as a finding, here or in the graph. Next: [why
# two-hop questions fail](3_why_two_hop_questions_fail.ipynb).
