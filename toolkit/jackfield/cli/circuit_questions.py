"""``jackfield circuit stats``, ``consensus``, ``compare``, ``diff``, ``paths`` and ``resolve``: what circuits say."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jackfield.cli.circuit_files import Alpha, CircuitPath, Metric, OnTask, circuit_at
from jackfield.cli.plugins_at_hand import discover
from jackfield.cli.terminal import AsJson, output, print_json, print_table, text

if TYPE_CHECKING:
    from jackfield.agreement import Settlement
    from jackfield_circuits import Evidence
    from jackfield_circuits.comparison import Overlap

__all__ = ["compare", "consensus", "diff", "paths", "resolve", "stats"]


class By(StrEnum):
    """What counts as one voice."""

    PLUGIN = "plugin"
    METHOD = "method"
    RUN = "run"


def stats(circuit: CircuitPath, alpha: Alpha = 0.05, json: AsJson = False) -> None:
    """Count what a circuit holds: nodes, edges, claims and findings."""
    from jackfield_circuits import Census

    census = Census.of(circuit_at(circuit), alpha)
    if json:
        print_json(asdict(census))
        return
    console = output()
    console.print(f"{census.nodes} nodes, {census.node_findings} with a finding; {census.loose} without an edge")
    console.print(f"{census.edges} edges, {census.edge_findings} with a finding")
    if census.conflicts:
        console.print(f"{census.conflicts} with findings that contradict each other; see jackfield circuit resolve")
    for noun, counts in (("kinds", census.kinds), ("nodes by layer", census.layers)):
        console.print(text(f"{noun}: {', '.join(f'{name} {count}' for name, count in counts.items()) or 'none'}"))
    for digest, told in census.runs.items():
        console.print(text(f"run {digest}: {', '.join(f'{field} {value}' for field, value in told.items())}"))
    if census.claims:
        console.print()
        columns = ("plugin", "method", "metric", "unit", "nodes", "edges", "findings")
        print_table(columns, (asdict(claims).values() for claims in census.claims))


def consensus(
    circuits: Annotated[
        list[Path], typer.Argument(metavar="CIRCUIT...", help="Circuits of one model; they are merged.")
    ],
    least: Annotated[int, typer.Option(help="How many voices have to agree, on the sign too.")] = 2,
    by: Annotated[By, typer.Option(help="What counts as one voice.")] = By.PLUGIN,
    nodes: Annotated[bool, typer.Option("--nodes", help="Ask about nodes, not edges.")] = False,
    task: OnTask = None,
    alpha: Alpha = 0.05,
    json: AsJson = False,
) -> None:
    """List the edges that several plugins, methods or runs find."""
    import jackfield_circuits

    whole = jackfield_circuits.Circuit().merge(*map(circuit_at, circuits))
    merged = jackfield_circuits.on_task(whole, task)
    found = jackfield_circuits.consensus(merged.nodes if nodes else merged.edges, least, by.value, alpha)
    if json:
        print_json([{**asdict(support), "count": support.count} for support in found])
        return
    noun = "nodes" if nodes else "edges"
    of = len(merged.nodes if nodes else merged.edges)
    output().print(f"{len(found)} of {of} {noun} are found by at least {least} {by.value}s that agree on the sign")
    columns = ("positive", "negative", "mixed", "silent")
    rows = ((each.name, *("; ".join(getattr(each, column)) for column in columns)) for each in found)
    print_table((noun.removesuffix("s"), *columns), rows)


def compare(
    first: CircuitPath,
    second: CircuitPath,
    every: Annotated[bool, typer.Option("--all", help="Compare all that was claimed, not only findings.")] = False,
    shape: Annotated[
        str | None, typer.Option(metavar="LxH", help="The model's layers and heads, such as 12x12.", show_default=False)
    ] = None,
    possible_edges: Annotated[
        int | None, typer.Option(help="How many edges are possible, in place of --shape.", show_default=False)
    ] = None,
    metric: Metric = None,
    json: AsJson = False,
) -> None:
    """Compare two circuits: what they share, and what blind draws would share.

    Names are compared, so both belong to one model or to models of one shape. Overlap is no substitute for running one
    circuit on the other's task.
    """
    import jackfield_circuits
    from jackfield_circuits import Shape

    possible = Shape.parse(shape) if shape else None
    ours, theirs = (found if every else found.findings() for found in map(circuit_at, (first, second)))
    comparison = jackfield_circuits.compare(
        ours,
        theirs,
        possible_nodes=possible.nodes if possible else None,
        possible_edges=possible_edges or (possible.edges if possible else None),
        metric=metric,
    )
    if json:
        print_json(asdict(comparison))
        return
    print_table(
        ("", "first", "second", "shared", "Jaccard", "of the smaller", "weighted", "by chance", "p"),
        (_overlap_row(noun, overlap) for noun, overlap in vars(comparison).items()),
    )
    if not possible and not possible_edges:
        output().print(text("Name the model's --shape to see what blind draws would share.", "dim"))


def diff(first: CircuitPath, second: CircuitPath, alpha: Alpha = 0.05, json: AsJson = False) -> None:
    """List the claims that changed from one circuit to another, by their intervals."""
    import jackfield_circuits

    found = jackfield_circuits.diff(circuit_at(first), circuit_at(second), alpha)
    if json:
        print_json([_plain(asdict(each) | {"question": each.question._asdict()}) for each in found])
        return
    counts = Counter(each.verdict for each in found)
    output().print(", ".join(f"{count} {verdict}" for verdict, count in counts.items()) or "no claims")
    print_table(
        ("changed", "method", "position", "first", "second", "change", "q"),
        (
            (
                *(each.question.name, f"{each.question.plugin}: {each.question.method}", each.question.position or ""),
                *(_number(each.first), _number(each.second)),
                f"{_number(each.change)} [{_number(each.low)}, {_number(each.high)}]",
                _number(each.q_value),
            )
            for each in found
            if each.verdict == "changed"
        ),
    )


def paths(
    circuit: CircuitPath,
    count: Annotated[int, typer.Option(help="How many to list.")] = 10,
    source: Annotated[str, typer.Option("--from", help="Where they begin.")] = "input",
    target: Annotated[str, typer.Option("--to", help="Where they end.")] = "logits",
    metric: Metric = None,
    plugin: Annotated[str | None, typer.Option(help="Look at this plugin's scores.", show_default=False)] = None,
    task: OnTask = None,
    json: AsJson = False,
) -> None:
    """List the strongest paths, each as strong as its weakest edge."""
    from jackfield_circuits import on_task, strongest_routes

    found = strongest_routes(on_task(circuit_at(circuit), task), count, source, target, metric, plugin)
    if json:
        print_json([_plain({**asdict(route), "strength": route.strength}) for route in found])
        return
    rows = ((_number(each.strength), ", ".join(each.edges), ", ".join(map(_number, each.scores))) for each in found)
    print_table(("strength", "path", "scores"), rows)


def resolve(
    circuit: CircuitPath,
    conflicts: Annotated[
        bool, typer.Option("--conflicts", help="List only what findings contradict each other about.")
    ] = False,
    alpha: Alpha = 0.05,
    json: AsJson = False,
) -> None:
    """Say of every node and edge what its claims support together, and which one speaks for it.

    Claims about different tasks are not put together.
    """
    from jackfield.agreement import settle

    settlements = settle(circuit_at(circuit), discover().resolve_evidence, alpha)
    if conflicts:
        settlements = tuple(each for each in settlements if any(r.verdict == "conflict" for r in each.resolutions))
    if json:
        print_json([_settled(each) for each in settlements])
        return
    counts = Counter(each.verdict for settled in settlements for each in settled.resolutions)
    output().print(", ".join(f"{count} {verdict}" for verdict, count in counts.items()) or "no claims to resolve")
    print_table(
        ("", "task", "metric", "position", "verdict", "q", "positive", "negative", "speaker"),
        (
            (
                *(settled.name, settled.task or "", each.metric, each.position or "", each.verdict),
                _number(each.q_value),
                *("; ".join(map(_said, claims)) for claims in (each.positive, each.negative)),
                _said(settled.speaker) if settled.speaker else "(abstains)",
            )
            for settled in settlements
            for each in settled.resolutions
            if each.verdict != "undecided"
        ),
    )


def _settled(settlement: Settlement) -> dict[str, Any]:
    def dumped(claims: Iterable[Evidence]) -> list[dict[str, Any]]:
        return [claim.model_dump(mode="json", exclude_none=True) for claim in claims]

    listed = [
        {**vars(each), "task": settlement.task}
        | {side: dumped(getattr(each, side)) for side in ("positive", "negative", "others")}
        for each in settlement.resolutions
    ]
    speaker = next(iter(dumped([settlement.speaker] if settlement.speaker else [])), None)
    named = {"name": settlement.name, "task": settlement.task, "outcome": settlement.outcome}
    return {**named, "resolutions": listed, "speaker": speaker}


def _said(claim: Evidence) -> str:
    return f"{claim.plugin}: {claim.method} {_number(claim.score)}"


def _overlap_row(noun: str, overlap: Overlap) -> tuple[str, ...]:
    chance = overlap.chance
    by_chance = f"{_number(chance.expected)} [{chance.low}, {chance.high}]" if chance else ""
    return (
        *(noun, str(overlap.first), str(overlap.second), str(overlap.shared)),
        *map(_number, (overlap.jaccard, overlap.coefficient, overlap.weighted)),
        *(by_chance, _number(chance.p_value if chance else None)),
    )


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


def _plain(value: Any) -> Any:
    """The value as strict JSON has it, with infinities as text."""
    if isinstance(value, dict):
        return {name: _plain(member) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(member) for member in value]
    return str(value) if isinstance(value, float) and math.isinf(value) else value
