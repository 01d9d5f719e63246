"""Whether a result is whole, can be kept and told, and becomes a circuit."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jackfield.plugin_record import describe
from jackfield.testing.conformance.check import BrokenPromise, Check, NotApplicable

if TYPE_CHECKING:
    from jackfield.testing.conformance.subject import Subject
    from jackfield_circuits import Circuit

__all__ = ["CHECKS", "same"]


def _result(subject: Subject) -> str:
    run, wanted = subject.first, subject.analysis.Result
    if run.raised is not None:
        raise BrokenPromise(f"on its trial it raised {describe(run.raised)}")
    if not isinstance(run.returned, wanted):
        raise BrokenPromise(f"it returned a {type(run.returned).__name__}; Result says {wanted.__name__}")
    settings = subject.config.model_dump(mode="json")
    expected = subject.stage.bench.provenance(subject.name, subject.analysis.version, settings)
    if run.returned.provenance.digest != expected.digest:
        raise BrokenPromise("the result states another provenance than that of the run")
    return f"{len(run.returned.data.data_vars)} variables over {', '.join(map(str, run.returned.data.dims))}"


def _controls(subject: Subject) -> str:
    result, claims = subject.result, [*subject.claims.values()]
    if not result.baselines:
        raise BrokenPromise("the result has no baselines")
    if not claims:
        raise NotApplicable("the result claims nothing about a node or edge")
    if bare := [claim for claim in claims if claim.low is None]:
        raise BrokenPromise(f"{len(bare)} of {len(claims)} claims have no interval")
    controlled = [claim for claim in claims if claim.control is not None]
    corrected = [claim for claim in controlled if claim.q_value is not None]
    if not controlled:
        raise BrokenPromise(f"none of {len(claims)} claims has a control")
    if not corrected:
        raise BrokenPromise(f"none of {len(controlled)} claims with a control has a q-value")
    return f"{len(corrected)} of {len(claims)} claims have interval, control and q-value; the others are never findings"


def _saved(subject: Subject) -> str:
    result = subject.result
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "result.nc"
        try:
            result.save(path)
            read = subject.analysis.Result.load(path)
        except Exception as error:
            raise BrokenPromise(f"it cannot be written and read: {describe(error)}") from error
        size = path.stat().st_size
    if lost := same(result, read):
        raise BrokenPromise(f"{lost} is not what it was after writing and reading")
    return f"read back as it was from {size / 1024:.0f} KiB"


def _circuit(subject: Subject) -> str:
    from jackfield_circuits import Circuit, read_graphml, read_json, write_graphml, write_json

    result = subject.result
    try:
        circuit = result.to_circuit()
    except Exception as error:
        raise BrokenPromise(f"to_circuit raised {describe(error)}") from error
    if not isinstance(circuit, Circuit):
        raise BrokenPromise(f"to_circuit returned a {type(circuit).__name__}")
    if strange := {claim.run for claim in subject.claims.values()} - {result.provenance.digest}:
        raise BrokenPromise(f"claims name the run {min(strange)}, which is not that of the result")
    _require_in_model(subject, circuit)
    with tempfile.TemporaryDirectory() as folder:
        for name, write, read in (("graphml", write_graphml, read_graphml), ("json", write_json, read_json)):
            path = Path(folder) / f"circuit.{name}"
            write(circuit, path)
            if read(path) != circuit:
                raise BrokenPromise(f"the circuit is not what it was after writing and reading {name}")
    return f"{len(circuit.nodes)} nodes, {len(circuit.edges)} edges, {len(subject.claims)} claims"


def _require_in_model(subject: Subject, circuit: Circuit) -> None:
    """What is spelled like a place in the model lies in it; some node is one."""
    shape = subject.stage.bench.model.shape
    for node in circuit.nodes:
        if (node.layer or 0) >= shape.n_layers or (node.head or 0) >= shape.n_heads:
            raise BrokenPromise(
                f"the node {node.id} is no place in a model of {shape.n_layers} layers with {shape.n_heads} heads"
            )
    if circuit.nodes and all(node.kind == "other" for node in circuit.nodes):
        raise BrokenPromise(f"no node is spelled like a place in a model, such as {next(iter(circuit.nodes)).id}")


def _told(subject: Subject) -> str:
    from jackfield.chapter import Chapter

    try:
        chapter = Chapter.of(subject.result)
    except NotApplicable:
        raise
    except Exception as error:
        raise BrokenPromise(f"a report cannot tell the result: {describe(error)}") from error
    parts = {"to_frame has no row": chapter.table.length, "plot": chapter.pictures, "summary": chapter.summary}
    if empty := [name for name, part in parts.items() if not part]:
        raise BrokenPromise(f"{empty[0]} is empty" if " " not in empty[0] else empty[0])
    return f"{len(chapter.summary)} sentences, {len(chapter.pictures)} pictures, {chapter.table.length} rows"


def same(left: Any, right: Any) -> str | None:
    """The part in which two results differ, in words; ``None`` if they are the same."""
    if not left.data.identical(right.data):
        names = [*map(str, left.data.data_vars)]
        changed = [name for name in names if name not in right.data or not left.data[name].identical(right.data[name])]
        return f"the variable {changed[0]}" if changed else "the data's variables, coordinates or attributes"
    for part in ("baselines", "controls"):
        if dict(getattr(left, part)) != dict(getattr(right, part)):
            return part
    if left.provenance.digest != right.provenance.digest:
        return "the provenance"
    return None if left.to_circuit() == right.to_circuit() else "the circuit"


CHECKS = (
    Check(
        "result",
        "The analysis runs on its trial and returns what Result names, with the provenance of that very run.",
        "Set the class attributes Result and trial, and make the provenance with bench.provenance(self.name, "
        "self.version, config.model_dump(mode='json')).",
        _result,
    ),
    Check(
        "controls",
        "The result has baselines, every claim has an interval, and claims have controls and q-values.",
        "Make claims with jackfield.comparison, which takes effects and controls prompt by prompt.",
        _controls,
    ),
    Check(
        "saved",
        "A result that is written and read is the same.",
        "Keep in data only what netCDF holds: numbers, text and truth values; None, lists and objects do not survive.",
        _saved,
    ),
    Check(
        "circuit",
        "The result becomes a circuit whose nodes are places in the model, whose claims name the run, and which "
        "survives GraphML and JSON.",
        "Spell nodes as sites are spelled, and give runs={provenance.digest: provenance.as_dict()}.",
        _circuit,
    ),
    Check(
        "told",
        "A report can tell the result: rows, at least one picture that can be drawn, and sentences.",
        "Make figures with jackfield.plotting.new_figure, and return an empty list nowhere.",
        _told,
    ),
)
