# %% [markdown]
# # 5. Does the network implement the algorithm?
#
# *Are both pairs of words equal, or both different?* One algorithm: find out whether the first pair is equal
# (`WX`), whether the second is (`YZ`), and compare. fieldmouse answers right. Does it do it *that way*?
#
# Distributed alignment search looks for a subspace that plays the part of `WX`: put there what another prompt
# puts there, and the answer must change exactly as the algorithm says. This page finds one. Then it shows how the
# same test passes for a network that has learned nothing.

# %%
import jackfield
from jackfield.builtins.algorithms import HIERARCHICAL_EQUALITY

base, source = {"W": "cat", "X": "cat", "Y": "box", "Z": "cup"}, {"W": "pen", "X": "pig", "Y": "box", "Z": "box"}
print("base:", HIERARCHICAL_EQUALITY.run(base))
print("with WX from the source:", HIERARCHICAL_EQUALITY.run_interchange(base, {"WX": source})["ANSWER"])
HIERARCHICAL_EQUALITY.plot()

# %% [markdown]
# ## Find it

# %%
model = jackfield.load_model("fieldmouse")
registry = jackfield.Registry.discover()
task, metric = registry.task("hierarchical_equality"), registry.metric("logit_difference")
bench = jackfield.Bench.prepare(model, task, metric, pairs=96, seed=0)
alignment = registry.analysis("causal_alignment")()
config = alignment.Config(
    variables=["WX"], sites=["resid_post.0"], positions=["X", "Y"], map="das:1", curve=[], trainings=1, random_copies=1,
    random_subspaces=2, steps=60, search_steps=10, finalists=1, train_pairs=128, validation_pairs=48, test_pairs=80,
    batch=32,
)  # fmt: skip
result = alignment.run(bench, config)
for sentence in result.summary():
    print("*", sentence)

# %%
controls, *others = result.plot().values()
controls

# %% [markdown]
# One direction is enough, on words that the search has never seen. The verdict is careful all the same: `YZ` was
# not looked for, so nothing is said of the algorithm as a whole.
#
# ## Be fooled
#
# Now a stronger map: two halves of the activation, each changed by small networks that look at the other half. It
# can be inverted exactly, so an interchange through it is as legitimate, on paper, as one through a rotation.
# Train it on a **copy of the model with random weights**.

# %%
import random

from jackfield.builtins.algorithms import EQUALITY
from jackfield.progress import silent
from jackfield.random_copy import random_copy
from jackfield_plugins.causal_alignment.config import CausalAlignmentConfig, MapChoice
from jackfield_plugins.causal_alignment.interchange import Interchange
from jackfield_plugins.causal_alignment.lessons import Split, draw_lessons
from jackfield_plugins.causal_alignment.training import successes, train
from jackfield_plugins.causal_alignment.wording import Wording, spoken_domains

equal = jackfield.Bench.prepare(model, registry.task("equality"), metric, pairs=96, seed=0)
causal = spoken_domains(equal, EQUALITY)
wording = Wording.of(equal, causal)
settings = CausalAlignmentConfig(steps=200, batch=128, learning_rate=0.003, patience=20)
lessons = draw_lessons(causal, "SAME", settings, random.Random(0))
untaught = random_copy(model, 0)
prompts = wording.tokenize(untaught, lessons.settings)
part = Interchange.record(
    untaught, prompts, jackfield.Site.parse("resid_post.4"), wording.positions["END"], wording.tokens
)
shares = {}
for spelling in ("das:4", "coupling:4"):
    rows = lessons.rows
    trained = train(
        MapChoice.read(spelling), part, rows[Split.TRAIN], rows[Split.VALIDATION], settings, 0, silent, spelling
    )
    shares[spelling] = {
        str(split): successes(trained.featuriser, part, rows[split]).mean() for split in (Split.PAIRS, Split.VALUES)
    }
    print(spelling, {name: f"{share:.0%}" for name, share in shares[spelling].items()})

# %% [markdown]
# Doing nothing scores 50 %. The rotation cannot do much more. The coupling makes a network that has learned
# *nothing* follow the algorithm in most interchanges, on the words that it was trained on; on held-out words it
# falls back. The power is the map's, not the network's. That is why the analysis trains every map on random
# weights too, reports held-out words, and never says "implements" of a map that is not linear.

# %% tags=["check"]
assert result.objections("WX") == []
assert result.claims["WX"].is_finding()
assert shares["coupling:4"]["pairs"] > shares["das:4"]["pairs"] + 0.1

# %% [markdown]
# Next: [one graph from five plugins](6_one_graph_from_five_plugins.ipynb).
