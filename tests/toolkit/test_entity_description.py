"""A state is described as what it stands for, and as nothing else where it does not stand for it yet."""

from __future__ import annotations

import pytest
import torch

from jackfield.entity_description import described
from jackfield.errors import AlignmentError, InterventionError, TaskError
from jackfield.hooked_model import HookedModel
from jackfield.organism import world
from jackfield.sites import Site

EMBEDDED = Site.parse("resid_pre.0")


def test_a_late_state_of_a_relation_stands_for_the_person_it_leads_to(fieldmouse: HookedModel) -> None:
    facts, names = world.knowledge_base().facts, world.NAMES[:20]
    asked = fieldmouse.tokenize([f"{name} 's boss" for name in names])
    wanted = [facts[facts[name, "boss"], "city"] for name in names]
    right = {}
    for site in (Site.parse("resid_post.0"), Site.parse("resid_post.5")):
        states = fieldmouse.run_with_cache(asked, [site])[site][:, -1]
        said = described(fieldmouse, states, "otto 's city", EMBEDDED, placeholder=-3, tokens=1)
        right[site.layer] = sum(one == other for one, other in zip(said, wanted, strict=True))
    assert right[5] >= 18
    assert right[0] <= 6


def test_a_prompt_described_by_its_own_placeholder_is_that_prompt(any_model: HookedModel) -> None:
    prompt = "anna : anna , ben : ben , clara"
    batch = any_model.tokenize([prompt])
    site = Site.parse("resid_post.1")
    state = any_model.run_with_cache(batch, [site])[site][:, -1]
    plain = described(any_model, any_model.run_with_cache(batch, [EMBEDDED])[EMBEDDED][:, -1], prompt, EMBEDDED)
    assert described(any_model, state, prompt, site) == plain
    assert described(any_model, torch.cat([state, state]), prompt, site) == plain * 2


def test_what_cannot_be_described_is_refused(gpt2: HookedModel) -> None:
    states = torch.zeros(2, gpt2.shape.d_model)
    with pytest.raises(TaskError, match="no state"):
        described(gpt2, states[:0], "anna and", EMBEDDED)
    with pytest.raises(InterventionError, match=r"resid_pre\.0"):
        described(gpt2, states[:, :3], "anna and", EMBEDDED)
    with pytest.raises(AlignmentError, match="positions"):
        described(gpt2, states, "anna and", EMBEDDED, placeholder=7)
    with pytest.raises(TaskError, match="at most 64"):
        described(gpt2, states, "anna and", EMBEDDED, tokens=100)
