"""Directions of a stream have names, and are orthogonal."""

from __future__ import annotations

import pytest
import torch

from jackfield.errors import ConfigError
from jackfield.testing.stream import Stream


def test_all_directions_together_are_an_orthonormal_basis() -> None:
    stream = Stream(8, {"word": ["red", "blue"], "answer": ["red", "blue"]})
    rows = torch.cat([stream("word"), stream("answer"), stream.one, stream.waste])
    torch.testing.assert_close(rows @ rows.T, torch.eye(8))


def test_directions_come_in_the_order_asked_for_and_add_up() -> None:
    stream = Stream(8, {"word": ["red", "blue", "green"]})
    red, blue, green = stream("word")
    assert torch.equal(stream("word", "green", "red"), torch.stack([green, red]))
    assert torch.equal(stream.any_of("word", "red", "blue"), (red + blue)[None])
    assert torch.equal(stream.any_of("word"), (red + blue + green)[None])


@pytest.mark.parametrize("asked", [("colour",), ("word", "pink"), ("word", "red", "pink")])
def test_an_unknown_direction_is_refused(asked: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError, match="the stream has no direction"):
        Stream(8, {"word": ["red"]})(*asked)


def test_a_stream_has_room_for_waste() -> None:
    assert len(Stream(4, {"word": ["red", "blue"]}).waste) == 1
    with pytest.raises(ConfigError, match="width 3 has no room for 2 directions"):
        Stream(3, {"word": ["red", "blue"]})
