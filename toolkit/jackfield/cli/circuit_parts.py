"""``jackfield circuit prune``, ``subgraph`` and ``merge``: parts of circuits, or several as one, written to a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jackfield.cli.circuit_files import CircuitPath, OnTask, OutPath, circuit_at, tell_of_file
from jackfield.cli.terminal import AsJson, output, print_json, text

if TYPE_CHECKING:
    from jackfield_circuits import Circuit

__all__ = ["merge", "prune", "subgraph"]


def prune(
    circuit: CircuitPath,
    out: OutPath,
    source: Annotated[str, typer.Option("--from", help="Where information enters.")] = "input",
    target: Annotated[str, typer.Option("--to", help="Where it has to arrive.")] = "logits",
    findings: Annotated[bool, typer.Option("--findings", help="Leave out what is no finding first.")] = False,
    json: AsJson = False,
) -> None:
    """Write the part of a circuit through which something passes from the input to the logits."""
    import jackfield_circuits

    whole = circuit_at(circuit)
    _write(whole, jackfield_circuits.prune(whole.findings() if findings else whole, source, target), out, json)


def subgraph(
    circuit: CircuitPath,
    patterns: Annotated[list[str], typer.Argument(metavar="NODE...", help="Ids of nodes; * stands for any text.")],
    out: OutPath,
    hops: Annotated[int, typer.Option(help="How many edges to go from them, forward or back.")] = 0,
    json: AsJson = False,
) -> None:
    """Write the part of a circuit around some nodes."""
    import jackfield_circuits

    whole = circuit_at(circuit)
    _write(whole, jackfield_circuits.subgraph(whole, patterns, hops), out, json)


def merge(
    circuits: Annotated[
        list[Path],
        typer.Argument(metavar="CIRCUIT...", help="Circuits' files, or folders that `jackfield run` wrote."),
    ],
    out: OutPath,
    task: OnTask = None,
    json: AsJson = False,
) -> None:
    """Write one circuit of all that several hold: every node, edge, claim and run, or those about one task.

    Claims that contradict each other are all kept. The order of the circuits makes no difference.
    """
    from jackfield_circuits import Circuit, on_task, write_circuit

    whole = Circuit().merge(*map(circuit_at, circuits))
    if task is not None:
        whole = on_task(whole, task)
    write_circuit(whole, out)
    if json:
        print_json({"file": str(out), "nodes": len(whole.nodes), "edges": len(whole.edges), "runs": len(whole.runs)})
    else:
        said = f"{len(whole.nodes)} nodes and {len(whole.edges)} edges of {len(whole.runs)} runs"
        output().print(text(f"{out}: {said}"), soft_wrap=True)


def _write(whole: Circuit, part: Circuit, path: Path, json: bool) -> None:
    from jackfield_circuits import write_circuit

    write_circuit(part, path)
    tell_of_file(whole, part, path, json)
