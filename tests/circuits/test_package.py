from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import jackfield_circuits
from jackfield_circuits import Circuit, write_circuit


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


ALONE = """
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "transformers", "transformer_lens", "xarray", "pandas", "jackfield"):
            raise ImportError(name)
sys.meta_path.insert(0, Refuse())
from pathlib import Path
from jackfield_circuits import Circuit, compare, consensus, diff, prune, read_circuit, read_eap_ig, write_circuit
from jackfield_circuits.formats import FORMATS
folder = Path(sys.argv[1])
first, second = read_circuit(folder / "a.graphml"), read_circuit(folder / "b.json")
merged = first | second
assert merged == second.merge(first) and len(merged.edges) == 3
compare(first, second), diff(first, second), consensus(merged.edges, 1), merged.resolutions()
prune(merged, "m2", "a3.h2")
for each in FORMATS.values():
    write_circuit(each.part(merged), folder / f"out{each.suffix}")
    if each.read:
        assert each.read(folder / f"out{each.suffix}") == merged
assert len(read_eap_ig(folder / "out.eap.json", prompts=1, metric="m").edges) == 3
sys.stdout.write(" ".join(sorted(sys.modules)))
"""


def test_the_graph_alone_reads_merges_compares_and_writes_every_format(circuit: Circuit, tmp_path: Path) -> None:
    write_circuit(circuit, tmp_path / "a.graphml")
    write_circuit(circuit.filter(lambda element: "m2" not in str(element)), tmp_path / "b.json")
    done = subprocess.run([sys.executable, "-c", ALONE, tmp_path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert {"torch", "jackfield", "pandas"}.isdisjoint(name.partition(".")[0] for name in done.stdout.split())
    assert {path.name for path in tmp_path.glob("out*")} == {
        "out.graphml", "out.json", "out.gexf", "out.dot", "out.nodes.csv", "out.edges.csv", "out.eap.json",
    }  # fmt: skip


@pytest.mark.parametrize("name", jackfield_circuits.__all__)
def test_every_name_on_offer_is_there(name: str) -> None:
    assert getattr(jackfield_circuits, name).__name__ == name
    assert name in dir(jackfield_circuits)


def test_other_names_are_not() -> None:
    with pytest.raises(AttributeError, match="module 'jackfield_circuits' has no attribute 'Cirquit'"):
        jackfield_circuits.Cirquit  # noqa: B018
