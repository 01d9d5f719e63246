"""Products are counted as torch's own counter counts them."""

from __future__ import annotations

import torch
from torch.utils.flop_counter import FlopCounterMode

from jackfield.hooked_model import HookedModel
from jackfield.replay.counting import CountingProducts


def test_a_forward_pass_takes_what_torch_says_it_takes(any_model: HookedModel) -> None:
    batch = any_model.tokenize(["alice gave the book to mary", "the cat"])
    with CountingProducts() as counted:
        found = any_model.run(batch)
    with FlopCounterMode(display=False) as counter:
        wanted = any_model.run(batch)
    assert torch.equal(found, wanted)
    assert 2 * counted.multiply_adds == counter.get_total_flops() > 0
