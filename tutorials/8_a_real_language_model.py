# %% [markdown]
# # 8. A real language model
#
# Everything so far ran on a small model made for the purpose. SmolLM2-135M-Instruct is a real one: 30 layers, 9
# heads with 3 shared key/value heads, a vocabulary of 49,152. Its 4-bit file is fetched once by `jackfield models
# pull smollm2-135m`; without it this page has nothing to show, and says so.

# %%
import sys

import jackfield
from jackfield.errors import ModelLoadError

try:
    model = jackfield.load_model("smollm2-135m")
except ModelLoadError as error:
    print(f"skipped: {error}")
    sys.exit(0)
model

# %% [markdown]
# The same task, spelled for another tokenizer. Pairs that the model gets wrong are set aside and counted.

# %%
registry = jackfield.Registry.discover()
bench = jackfield.Bench.prepare(model, registry.task("ioi"), registry.metric("logit_difference"), pairs=12, seed=0)
pair = bench.pairs.pairs[0]
print(pair.clean, "->", pair.answers[0])
print(f"{len(bench.pairs)} of {bench.pairs.drawn} pairs are kept")

# %%
patching = registry.analysis("activation_patching")()
result = patching.run(bench, patching.Config(streams=["resid_pre"], layers=[0, 10, 20, 29], heads=False, strongest=2))
for sentence in result.summary():
    print("*", sentence)

# %%
first, *others = result.plot().values()
first

# %% tags=["check"]
assert len(bench.pairs) >= 8
assert result.to_frame()["finding"].any()

# %% [markdown]
# The picture is like fieldmouse's: the answer moves from the second mention of the giver to the last token.
# Twelve pairs and four layers are a look, not a result. For one, use more of both; a run that is interrupted
# resumes.
