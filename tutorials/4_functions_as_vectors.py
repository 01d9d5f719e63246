# %% [markdown]
# # 4. Functions as vectors
#
# Show a model *cat : cats , leaf : leaves , box :* and it says *boxes*. No weight changed; the examples showed a
# function. A few heads carry it to the last token. Sum what they write there, add it where **no** example is
# shown, and see whether the function happens.

# %%
import jackfield

model = jackfield.load_model("fieldmouse")
registry = jackfield.Registry.discover()
task, metric = registry.task("in_context.plural"), registry.metric("logit_difference")
bench = jackfield.Bench.prepare(model, task, metric, pairs=32, seed=0)
print(bench.pairs.pairs[0].clean, "->", bench.pairs.pairs[0].answers[0])

# %%
function_vectors = registry.analysis("function_vectors")()
config = function_vectors.Config(
    functions=["in_context.plural", "in_context.antonym", "in_context.capital"], strengths=[1, 2],
    mean_prompts=40, corrupted_prompts=15,
    corruptions=["random_words"], contexts=["spoilt_examples"],
)  # fmt: skip
result = function_vectors.run(bench, config)
for sentence in result.summary():
    print("*", sentence)

# %% [markdown]
# ## What it is compared with
#
# Adding *anything* at the last token changes answers, and the average output of a class of words is a strong
# guess. So beside the vector stand another function's vector, random vectors of the same length, random heads,
# and the plain average of the layer under the same examples, which is the hardest to beat.

# %%
first, *others = result.plot().values()
first

# %% [markdown]
# A vector is an object: save it, load it, add it to other prompts.

# %%
vector = result.vector("in_context.plural")
print(vector.heads)
print("read out as tokens:", result.decoded("in_context.plural")[:5])

# %% tags=["check"]
assert "in_context.plural" in result.functions
assert len(vector.heads) == config.heads

# %% [markdown]
# Next: [does the network implement the algorithm?](5_does_it_implement_the_algorithm.ipynb)
