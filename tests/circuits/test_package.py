from __future__ import annotations

import subprocess
import sys

import pytest

import jackfield_circuits


def loaded_by(statement: str) -> set[str]:
    code = f"import sys; {statement}; sys.stdout.write(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in done.stdout.split()}


def test_the_errors_come_without_the_graph() -> None:
    assert loaded_by("from jackfield_circuits.errors import CircuitError").isdisjoint({"networkx", "pydantic", "numpy"})


def test_the_graph_comes_without_torch_numpy_or_the_toolkit() -> None:
    loaded = loaded_by("from jackfield_circuits import *")
    assert {"networkx", "jackfield_circuits"} <= loaded
    assert loaded.isdisjoint({"torch", "numpy", "lxml", "jackfield", "jackfield_plugins"})


@pytest.mark.parametrize("name", jackfield_circuits.__all__)
def test_every_name_on_offer_is_there(name: str) -> None:
    assert getattr(jackfield_circuits, name).__name__ == name
    assert name in dir(jackfield_circuits)


def test_other_names_are_not() -> None:
    with pytest.raises(AttributeError, match="module 'jackfield_circuits' has no attribute 'Cirquit'"):
        jackfield_circuits.Cirquit  # noqa: B018
