"""Training follows its schedule, learns, and resumes as if it had never stopped."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
import typer

from jackfield.organism import batches, train
from jackfield.organism.network import Network, Shape
from jackfield.organism.world import vocabulary

STEPS = 5


@pytest.fixture(autouse=True)
def little_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """A smaller network on fewer rows."""

    def small(words: int) -> Shape:
        return Shape(words, layers=1, width=16, heads=2, hidden=32)

    monkeypatch.setattr(train, "Shape", small)
    monkeypatch.setattr(batches, "ROWS_PER_STEP", dict.fromkeys(batches.ROWS_PER_STEP, 2))


def trained(folder: Path, until: int) -> train.Trainer:
    folder.mkdir(exist_ok=True)
    trainer = train.Trainer(folder, STEPS, seed=0)
    while trainer.step < until:
        trainer.history.append({"step": trainer.step, **trainer.advance()})
    trainer.save()
    return trainer


def test_a_resumed_run_ends_as_an_uninterrupted_one_does(tmp_path: Path) -> None:
    whole = trained(tmp_path / "whole", STEPS)
    trained(tmp_path / "parts", 3)
    resumed = trained(tmp_path / "parts", STEPS)
    assert resumed.step == whole.step == STEPS
    assert resumed.history == whole.history
    left, right = (trainer.network.state_dict() for trainer in (whole, resumed))
    assert all(torch.equal(left[name], right[name]) for name in left)


def test_a_checkpoint_of_another_run_is_not_continued(tmp_path: Path) -> None:
    trained(tmp_path, 1)
    with pytest.raises(typer.BadParameter, match="a run of 5 steps, seed 0"):
        train.Trainer(tmp_path, STEPS, seed=1)
    with pytest.raises(typer.BadParameter, match="a run of 5 steps, seed 0"):
        train.Trainer(tmp_path, STEPS + 1, seed=0)


def test_a_step_changes_every_parameter_that_training_reaches(tmp_path: Path) -> None:
    before = train.Trainer(tmp_path, STEPS, seed=0)
    start = {name: value.clone() for name, value in before.network.state_dict().items()}
    before.advance()
    still = {name for name, value in before.network.state_dict().items() if torch.equal(value, start[name])}
    assert not still


def test_the_learning_rate_warms_up_holds_and_falls_to_zero() -> None:
    steps = 1000
    rates = [train.learning_rate(step, steps) / train.LEARNING_RATE for step in range(steps)]
    assert rates[0] == pytest.approx(1 / train.WARM_UP)
    assert rates[train.WARM_UP - 1 : 601] == [1.0] * (602 - train.WARM_UP)
    assert rates[800] == pytest.approx(0.5)
    assert rates[-1] == pytest.approx(1 / 400)
    assert train.learning_rate(steps, steps) == 0.0


def test_a_network_that_knows_nothing_is_surprised_by_every_word_alike() -> None:
    network = Network(Shape(len(vocabulary()), layers=1, width=16, heads=2, hidden=32))
    network.initialise(seed=0, scale=0.0)
    for batch in batches.step_batches(seed=0, step=0):
        found = train.losses(network, batch)
        assert found.keys() == {*batch.names, "plain"}
        for loss in found.values():
            assert loss.item() == pytest.approx(math.log(len(vocabulary())), rel=1e-5)


def test_the_command_trains_and_exports(tmp_path: Path) -> None:
    threads = torch.get_num_threads()
    try:
        train.train(tmp_path / "out", steps=2, seed=0, threads=threads)
    finally:
        torch.set_num_threads(threads)
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= {
        file.name for file in (tmp_path / "out").iterdir()
    }
