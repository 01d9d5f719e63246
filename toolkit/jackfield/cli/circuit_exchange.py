"""``jackfield circuit export`` and ``import``: circuits for other programs, and from them."""

from __future__ import annotations

from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from jackfield.cli.circuit_files import CircuitPath, OutPath, circuit_at, tell_of_file
from jackfield.cli.plugins_at_hand import discover
from jackfield.cli.terminal import AsJson
from jackfield.errors import ConfigError

__all__ = ["export", "import_"]


class Origin(StrEnum):
    """Whose files can be read."""

    EAP_IG = "eap-ig"
    CIRCUIT_TRACER = "circuit-tracer"


def export(
    circuit: CircuitPath,
    out: OutPath,
    to: Annotated[
        str | None,
        typer.Option(metavar="FORMAT", help="Which format, where the file's name does not say.", show_default=False),
    ] = None,
    findings: Annotated[bool, typer.Option("--findings", help="Leave out what is no finding.")] = False,
    fit: Annotated[
        bool, typer.Option("--fit", help="Leave out nodes and edges that the format has no word for.")
    ] = False,
    shape: Annotated[
        str | None,
        typer.Option(
            metavar="LxH", help="The model's layers and heads, such as 12x12; eap-ig only.", show_default=False
        ),
    ] = None,
    json: AsJson = False,
) -> None:
    """Write a circuit in another format: graphml, json, gexf, dot, csv, eap-ig, or one that a plugin offers."""
    from jackfield_circuits import Shape, write_eap_ig
    from jackfield_circuits.formats import FORMATS, format_of

    whole = circuit_at(circuit)
    name = to or format_of(out).name
    write = discover().exporter(name)
    if shape:
        if name != "eap-ig":
            raise ConfigError(f"--shape is for eap-ig, and {name} has no place for it")
        write = partial(write_eap_ig, shape=Shape.parse(shape))
    part = whole.findings() if findings else whole
    if fit and name in FORMATS:
        part = FORMATS[name].part(part)
    write(part, out)
    tell_of_file(whole, part, out, json)


def import_(
    file: Annotated[Path, typer.Argument(help="The file to read.")],
    out: OutPath,
    origin: Annotated[Origin, typer.Option("--from", help="Which program's file it is.")],
    prompts: Annotated[
        int | None, typer.Option(help="How many prompts the scores are of; eap-ig only.", show_default=False)
    ] = None,
    metric: Annotated[str | None, typer.Option(help="What they measure; eap-ig only.", show_default=False)] = None,
    unit: Annotated[str, typer.Option(help="In which unit; eap-ig only.")] = "",
    json: AsJson = False,
) -> None:
    """Read another program's graph and write it as a circuit.

    Its scores become claims without interval and control, which are no findings.
    """
    from jackfield_circuits import read_attribution_graph, read_eap_ig, write_circuit

    if origin is Origin.CIRCUIT_TRACER:
        circuit = read_attribution_graph(file)
    elif prompts is None or metric is None:
        raise ConfigError("a file of EAP-IG does not say what its scores measure; give --prompts and --metric")
    else:
        circuit = read_eap_ig(file, prompts=prompts, metric=metric, unit=unit)
    write_circuit(circuit, out)
    tell_of_file(circuit, circuit, out, json)
